"""What some tests need beyond the package: a program, a module. For want of it they skip, but fail in CI.

In CI (``CI`` is set in the environment) a test that skips in silence guards nothing, so there it fails.
"""

import importlib
import os
from types import ModuleType
from typing import NoReturn

import pytest


def is_ci() -> bool:
    """Return whether the environment says that this is CI."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def miss(reason: str) -> NoReturn:
    """Skip the test or the module that calls this; in CI fail it."""
    if is_ci():
        pytest.fail(f"{reason} (in CI this is a failure)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def need_module(name: str, reason: str = "") -> ModuleType:
    """Import a module that the extra ``dev`` installs."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        miss(reason or f"{error}: pip install -e '.[dev]'")

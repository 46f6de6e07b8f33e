"""Tracked particles as files of other programs: one module per format, each with its ``EXPORTER``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from temtrack.errors import UsageError
from temtrack.formats.export.exporter import Exporter

#: By the name of a format its module, and the package of the extra ``export`` that it needs, if any.
FORMATS: dict[str, tuple[str, str | None]] = {
    "geff": ("geff", "geff"),
    "napari": ("napari", None),
    "trackmate": ("trackmate", None),
    "ome-tiff": ("ome_tiff", None),
    "ctc": ("ctc", None),
    "coco": ("coco", None),
    "csv": ("csv", None),
}


def find_exporter(name: str) -> Exporter:
    """Return what writes a format of `FORMATS`.

    Raises
    ------
    UsageError
        If the package that it needs is not installed.
    """
    module, package = FORMATS[name]
    if package is not None and find_spec(package) is None:
        raise UsageError(
            f"--to {name}: needs {package}, which is not installed; pip install 'temtrack[export]'"
        )
    exporter: Exporter = import_module(f"{__name__}.{module}").EXPORTER
    return exporter

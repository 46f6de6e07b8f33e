"""How long work tells how far it is: a callable that stands around what it walks through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Yields the items as they come and shows how many have passed; ``tqdm`` is one."""

    def __call__(self, items: Iterable[T], description: str, /) -> Iterable[T]:
        """Return the items; ``description`` says what is done with them, as ``tracking``."""
        ...


def silent(items: Iterable[T], description: str = "", /) -> Iterable[T]:
    """Return the items as they are: nothing is shown."""
    return items

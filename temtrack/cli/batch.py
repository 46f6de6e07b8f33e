"""Many inputs, one after another: what fails is told and left out, the rest is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from temtrack.cli import output
from temtrack.errors import PartialFailureError, TemtrackError

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Batch:
    """Failures of a run over many inputs, gathered so that one bad input ends no night's work."""

    failures: dict[str, TemtrackError] = field(default_factory=dict)

    def each(self, items: Iterable[T], action: Callable[[T], R]) -> Iterator[R]:
        """Yield what `action` makes of each item; an item that fails is noted and left out."""
        for item in items:
            try:
                result = action(item)
            except TemtrackError as error:
                self.failures[str(item)] = error
            else:
                yield result

    def finish(self, n_done: int) -> None:
        """Tell the failures.

        Raises
        ------
        TemtrackError
            The only failure itself, where nothing was done.
        PartialFailureError
            Where some inputs failed and others are done (exit 3), or several failed (exit 1).
        """
        if not self.failures:
            return
        n_failed = len(self.failures)
        if n_failed == 1 and n_done == 0:
            raise next(iter(self.failures.values()))
        for error in self.failures.values():
            output.fail(str(error))
        summary = f"{n_failed} of {n_failed + n_done} inputs failed, named above"
        raise PartialFailureError(f"{summary}; the others are done") if n_done else TemtrackError(summary)

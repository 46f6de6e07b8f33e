"""How far work is: a bar in a terminal, elsewhere a line now and then of work that takes long."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")

#: Work is short, and tells nothing of itself outside a terminal, up to so many seconds.
_SHORT_S = 10.0

#: Least time between two lines that tell how far it is.
_INTERVAL_S = 30.0

_MINUTE_S, _HOUR_S = 60, 3600


@dataclass
class Stage:
    """One piece of work on ``total`` items, of which ``n`` are done; ``n_before`` of them already before."""

    description: str
    total: int | None
    unit: str | None
    n_before: int = 0
    n: int = field(init=False)
    begun_s: float = field(init=False, default_factory=lambda: time.monotonic())
    told_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.n, self.told_s = self.n_before, self.begun_s

    @property
    def is_long(self) -> bool:
        """Whether it took so long that one wants to hear of it."""
        return time.monotonic() - self.begun_s >= _SHORT_S

    def position(self) -> str:
        """Return how far it is, as ``tracking 120/600 frames``."""
        of = "" if self.total is None else f"/{self.total}"
        return f"{self.description} {self.n}{of}{f' {self.unit}' if self.unit else ''}"

    def pace(self) -> str:
        """Return how fast it is and how long it will take, as far as that is known."""
        per_second = self._per_second()
        left_s = (self.total - self.n) / per_second if self.total is not None and per_second else None
        told = [self._rate()] if self.unit else []
        return ", ".join(told if left_s is None else [*told, f"{write_duration(left_s)} left"])

    def summary(self) -> str:
        """Return what was done in which time."""
        took = f"{self.position()} in {write_duration(time.monotonic() - self.begun_s)}"
        return f"{took}, {self._rate()}" if self.unit else took

    def _rate(self) -> str:
        return f"{self._per_second():.2g} {self.unit}/s"

    def _per_second(self) -> float:
        return (self.n - self.n_before) / max(time.monotonic() - self.begun_s, 1e-9)


#: What is being worked on, each a part of the one before: an input of many, the frames of a movie.
_STAGES: list[Stage] = []


def follow(items: Iterable[T], stage: Stage, console: Console) -> Iterator[T]:
    """Yield the items and show how far they are."""
    _STAGES.append(stage)
    try:
        yield from (_under_bar if console.is_terminal else _with_lines)(items, stage, console)
    finally:
        _STAGES.remove(stage)
    if stage.is_long and not _STAGES and not console.is_terminal:
        console.print(stage.summary())


def _with_lines(items: Iterable[T], stage: Stage, console: Console) -> Iterator[T]:
    """Yield the items; tell now and then how far all stages are, and how fast the innermost is."""
    for item in items:
        yield item
        stage.n += 1
        whole = _STAGES[0]
        if time.monotonic() - whole.told_s >= _INTERVAL_S:
            whole.told_s = time.monotonic()
            console.print(f"{': '.join(each.position() for each in _STAGES)}, {stage.pace()}")


def _under_bar(items: Iterable[T], stage: Stage, console: Console) -> Iterator[T]:
    """Yield the items under a bar, which vanishes at the end."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # slow to import

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(stage.description, total=stage.total, completed=stage.n, pace="")
        for item in items:
            yield item
            stage.n += 1
            progress.update(task, advance=1, pace=stage.pace())


def write_duration(seconds: float) -> str:
    """Return a duration as ``4.2 s``, ``42 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{seconds:.2g} s" if seconds < _SHORT_S else f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"

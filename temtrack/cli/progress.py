"""How far work is: a bar in a terminal, elsewhere a line now and then of work that takes long."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

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
        return f"{self.description} {self.n}{of}{self._unit}"

    def pace(self) -> str:
        """Return how fast it is and how long it will take, to stand behind the position, once it is known."""
        n, took_s = self.n - self.n_before, time.monotonic() - self.begun_s
        if not n or not took_s:
            return ""
        slow = took_s / n > _SHORT_S
        rate = f"{write_duration(took_s / n)} each" if slow else f"{n / took_s:.2g}{self._unit}/s"
        if self.total is None:
            return f", {rate}"
        return f", {rate}, {write_duration((self.total - self.n) * took_s / n)} left"

    def summary(self) -> str:
        """Return what was done in which time."""
        return f"{self.position()} in {write_duration(time.monotonic() - self.begun_s)}"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""


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
            console.print(f"{': '.join(each.position() for each in _STAGES)}{stage.pace()}")


def _under_bar(items: Iterable[T], stage: Stage, console: Console) -> Iterator[T]:
    """Yield the items under a bar, which vanishes at the end."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # slow to import

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(stage.description, total=stage.total, completed=stage.n, pace="")
        for item in items:
            yield item
            stage.n += 1
            progress.update(task, advance=1, pace=stage.pace().removeprefix(", "))


@dataclass
class ByteBar:
    """A bar of bytes in a terminal, as pooch wants one."""

    progress: Progress
    task: TaskID

    @property
    def total(self) -> float | None:
        """How many bytes there are, once that is known."""
        return self.progress.tasks[self.task].total

    @total.setter
    def total(self, n_bytes: int) -> None:
        self.progress.update(self.task, total=n_bytes or None)

    def update(self, n_bytes: int) -> None:
        """Tell of more bytes."""
        self.progress.advance(self.task, n_bytes)

    def reset(self) -> None:
        """Begin again."""
        self.progress.update(self.task, completed=0)

    def close(self) -> None:
        """Do nothing: the bar ends with its context."""


@contextmanager
def byte_bar(description: str, console: Console) -> Iterator[ByteBar]:
    """Show a bar of bytes, which vanishes at the end and never shows outside a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # slow to import

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield ByteBar(progress, progress.add_task(description, total=None))


def write_duration(seconds: float) -> str:
    """Return a duration as ``4.2 s``, ``42 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{seconds:.2g} s" if seconds < _SHORT_S else f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"

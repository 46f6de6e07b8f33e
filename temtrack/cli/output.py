"""The only place that prints: results on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from rich.console import Console
from rich.table import Table

from temtrack.cli.progress import ByteBar, Stage, byte_bar, follow
from temtrack.errors import TemtrackNotice, TemtrackWarning

if TYPE_CHECKING:
    from temtrack.calibration import Calibration

T = TypeVar("T")
#: One line of results, by name; what `--json` alone shows may be nested in it.
Row = Mapping[str, Any]

# Without a fixed file these follow sys.stdout and sys.stderr wherever a test or a pipe puts them.
_RESULTS = Console(highlight=False, markup=False, soft_wrap=True)
_MESSAGES = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

#: Whether `note` prints.
_is_verbose = False

#: Ends of names that are units, and how a table's head writes them.
_UNITS = {"e_px_s": "e/px/s", "nm2": "nm²", "um2": "µm²", "nm": "nm", "px": "px", "s": "s", "percent": "%"}


def show_rows(rows: Sequence[Row], *, as_json: bool, title: str | None = None) -> None:
    """Print results: a table for a person, or a JSON list for a program.

    Columns are the keys of the rows, in the order in which they first come. ``None`` and NaN are null in
    JSON and a dash in the table; a column of nothing else is left out of the table.
    """
    if as_json:
        show_json([dict(row) for row in rows])
        return
    if not rows:
        return
    known = dict.fromkeys(name for row in rows for name in row)
    names = [n for n in known if any(not _is_missing(row.get(n)) for row in rows)]
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in names:
        numeric = all(isinstance(row.get(name), (int, float, type(None))) for row in rows)
        table.add_column(_heading(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in names))
    if _RESULTS.is_terminal:
        _RESULTS.print(table, soft_wrap=False)
    else:
        Console(width=_full_width(table), highlight=False, markup=False).print(table)


def show_json(results: object) -> None:
    """Print one JSON document."""
    _RESULTS.print(json.dumps(_plain(results), indent=2, ensure_ascii=False))


def show_text(text: str) -> None:
    """Print a result that is a line of text."""
    _RESULTS.print(text)


def tell(message: str) -> None:
    """Print a message for the person at the terminal."""
    _MESSAGES.print(message)


def set_verbose(verbose: bool) -> None:
    """Let `note`, and what the library logs of its decisions, be printed or not."""
    global _is_verbose
    if verbose == _is_verbose:
        return  # most commands: they start sooner without the library
    import logging

    _is_verbose = verbose
    handler = logging.Handler()
    handler.emit = lambda record: tell(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("temtrack")
    logger.handlers[:] = [handler] if verbose else []
    logger.setLevel(logging.INFO if verbose else logging.NOTSET)


def note(message: str) -> None:
    """Print a message about what was decided, for those who asked for it with ``--verbose``."""
    if _is_verbose:
        tell(message)


def warn(message: str) -> None:
    """Print a message about what may not be as the user expects."""
    _MESSAGES.print(f"temtrack: warning: {message}")


def fail(message: str) -> None:
    """Print the one line that an error ends in."""
    _MESSAGES.print(f"temtrack: error: {' '.join(message.split())}")


def count_fates(fates: Iterable[str | None]) -> Row:
    """Return how often each known fate comes, in the order of their names."""
    return dict(sorted(Counter(fate for fate in fates if fate is not None).items()))


def tell_unknowns(known: Calibration) -> None:
    """Say which of scale and time nobody told, and how to give it; and where the temperature comes from."""
    if known.pixel_size is None:
        tell("pixel size unknown: lengths are in pixels only; give --pixel-size 0.21nm, say")
    if known.temperatures is not None:
        tell(f"temperature from {known.temperatures.source}")
    if known.frame_times is None:
        tell("frame times unknown: times are in frames only; give --frame-time 0.5s, say")


@contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Show the library's warnings and notices as one line each on stderr."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, TemtrackNotice):
            tell(str(message))
        elif issubclass(category, TemtrackWarning):
            warn(str(message))
        else:
            shown(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        shown = warnings.showwarning
        warnings.simplefilter("always", TemtrackWarning)
        warnings.showwarning = show
        yield


def with_progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and show how far they are: under a bar in a terminal, which vanishes at the end.

    Elsewhere a line tells now and then, and at the end, of work that takes long. Where there are fewer items
    than ``total``, the others were done before. Items alone, as the pipeline gives them, are the frames of a
    movie.
    """
    n_items = len(items) if isinstance(items, Sized) else None
    unit = "frames" if total is None and n_items is not None else None
    total = n_items if total is None else total
    done = total - n_items if total is not None and n_items is not None else 0
    stage = Stage(description, total, unit, done)
    yield from follow(items, stage, _MESSAGES)
    note(stage.summary())


def byte_progress(description: str) -> AbstractContextManager[ByteBar]:
    """Show a bar of bytes, which vanishes at the end and never shows outside a terminal."""
    return byte_bar(description, _MESSAGES)


def _heading(name: str) -> str:
    """Write ``mean_diameter_nm`` as ``mean diameter (nm)`` and ``n_frames`` as ``frames``."""
    name = name.removeprefix("n_")
    for end, unit in _UNITS.items():
        if name.endswith(f"_{end}"):
            return f"{name.removesuffix(f'_{end}').replace('_', ' ')} ({unit})"
    return name.replace("_", " ")


def _cell(value: object) -> str:
    if _is_missing(value):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return str(value)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _plain(value: object) -> object:
    """Turn paths into text, NumPy numbers into plain ones, what is missing into null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if _is_missing(value):
        return None
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def _full_width(table: Table) -> int:
    """Return the width at which no cell breaks: a file or a pipe has no edge."""
    return max(1, _RESULTS.measure(table, options=_RESULTS.options.update(max_width=10_000)).maximum)

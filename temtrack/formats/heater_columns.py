"""Which columns of a heater's log hold time and temperature, told by the words and units of its header."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from temtrack.formats.units import duration_s

#: What separates columns; ``None`` is any white space.
_DELIMITERS = ("\t", ";", ",", "|", None)

#: The header stands among the first lines.
_HEADER_WITHIN_LINES = 200

#: ``Tmeas[C]``, ``Temperature (degC)``, ``time / s``, ``temp_K``
_NAME_AND_UNIT = re.compile(
    r"(?P<name>.*?)\s*(?:[\[(](?P<a>[^\])]*)[\])]|/\s*(?P<b>\S+)|_(?P<c>deg_?[ck]|[cks]|ms|sec|min))?",
    re.IGNORECASE,
)

#: White space that separates no columns.
_BEFORE_UNIT = re.compile(r"\s+(?=[\[(])")

#: What a temperature of is not the specimen's.
_NOT_THE_SPECIMEN = re.compile(r"room|ambient|junction|max|min\b|calib|rate|ramp|limit|error|coeff")
_TEMPERATURE = re.compile(r"temp|\bt[ _.-]?(?:set|meas|act|real|target|heater|sp\b|pv\b)|^t$")
_MEASURED = re.compile(r"meas|act|real|\bpv\b|read")
_WANTED = re.compile(r"set|target|\bsp\b|demand|program")

_NO_CLOCK = re.compile(r"rise|step|dwell|remain|left|constant|up ?time|exposure|temperature")
_TIME = re.compile(r"time|elapsed|clock|^date$|^t$|^s(?:ec(?:onds?)?)?$")
_ELAPSED = re.compile(r"elapsed|experiment|relative|run")
_STAMP = re.compile(r"stamp|date|clock")


@dataclass(frozen=True)
class Column:
    """A column's place, its heading as it stands in the file, and the unit in it, empty if there is none."""

    index: int
    heading: str
    unit: str


@dataclass(frozen=True)
class Layout:
    """Where a log's header stands, and which of its columns count.

    Parameters
    ----------
    line
        Number of the header's line, from 0.
    delimiter
        What separates columns; ``None`` for white space.
    time, temperature
        The columns of the log.
    stamps
        Columns that hold date or clock time beside the time, in order.
    """

    line: int
    delimiter: str | None
    time: Column
    temperature: Column
    stamps: tuple[Column, ...]

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line."""
        return split_cells(line, self.delimiter)


def find_layout(lines: Sequence[str]) -> Layout | None:
    """Return the layout by the first line that names both time and temperature; ``None`` where none does."""
    for number, line in enumerate(lines[:_HEADER_WITHIN_LINES]):
        splits = [(len(cells), d, cells) for d in _DELIMITERS if len(cells := split_cells(line, d)) > 1]
        for _, delimiter, cells in sorted(splits, key=lambda split: -split[0] if split[1] else 0):
            layout = _layout(number, delimiter, [_column(*cell) for cell in enumerate(cells)])
            if layout is not None:
                return layout
    return None


def split_cells(line: str, delimiter: str | None) -> list[str]:
    """Return the cells of a line without the white space around them."""
    if delimiter is None:
        return _BEFORE_UNIT.sub("", line).split()
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip("\n")], delimiter=delimiter), [])]
    except csv.Error:  # longer than any line of a log
        return []


def celsius_of(unit: str) -> Callable[[float], float] | None:
    """Return what turns a temperature of that unit into °C; ``None`` for a unit that is none."""
    name = re.sub(r"degrees?|deg|[°º_.\s]", "", unit.casefold())
    if name in ("c", "celsius", "℃"):
        return lambda value: value
    return (lambda value: value - 273.15) if name in ("k", "kelvin") else None


def _column(index: int, heading: str) -> Column:
    found = _NAME_AND_UNIT.fullmatch(heading)
    unit = next((part for part in found.group("a", "b", "c") if part), "") if found else ""
    return Column(index, heading, unit.strip())


def _layout(line: int, delimiter: str | None, columns: list[Column]) -> Layout | None:
    temperature = _best(columns, _temperature_rank)
    time = _best([c for c in columns if c is not temperature], _time_rank)
    if temperature is None or time is None:
        return None
    others = (c for c in columns if c not in (time, temperature))
    stamps = tuple(c for c in others if _STAMP.search(_name(c)) or _name(c) == "time")
    return Layout(line, delimiter, time, temperature, stamps)


def _best(columns: list[Column], rank: Callable[[Column], int]) -> Column | None:
    """Return the column of the highest rank above 0, the first of several."""
    best = max(columns, key=rank, default=None)
    return best if best is not None and rank(best) > 0 else None


def _temperature_rank(column: Column) -> int:
    """Rank a measured temperature before any, and any before one that was only asked for."""
    name = _name(column)
    is_other = column.unit and celsius_of(column.unit) is None
    if is_other or not _TEMPERATURE.search(name) or _NOT_THE_SPECIMEN.search(name):
        return 0
    return 3 if _MEASURED.search(name) else 1 if _WANTED.search(name) else 2


def _time_rank(column: Column) -> int:
    """Rank a running time before a clock, and a clock before a stamp of date and time."""
    name = _name(column)
    is_other = column.unit and duration_s(1, column.unit) is None and ":" not in column.unit
    if is_other or not _TIME.search(name) or _NO_CLOCK.search(name):
        return 0
    return 1 if _STAMP.search(name) else 3 if _ELAPSED.search(name) or column.unit else 2


def _name(column: Column) -> str:
    found = _NAME_AND_UNIT.fullmatch(column.heading)
    return (found["name"] if found else column.heading).casefold().strip()

"""Logs of heating holders as text: DENSsolutions (DigiHeater, Impulse), Protochips, and tables like theirs.

Such a log is a table with columns for time and temperature, under a header that names them, with lines of
facts before it or among its notes. Hummingbird's and home-made tables are read if their header names both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.clock import ClockTime, read_clock, read_date
from temtrack.formats.heater_columns import Layout, celsius_of, find_layout
from temtrack.formats.units import duration_s

#: A clock that falls by more than this has passed midnight.
_HALF_A_DAY_S, _DAY_S = 43_200.0, 86_400.0

_ABSOLUTE_ZERO_C = -273.15

#: Lines of facts stand among so many first ones.
_FACTS_WITHIN_LINES = 50

_TIME_UNIT = re.compile(r"\btime units?\s*[=:]\s*([^,;\t\n]+)", re.IGNORECASE)
_TEMPERATURE_UNIT = re.compile(r"\btemperature units?\s*[=:]\s*([^,;\t\n]+)", re.IGNORECASE)
_START_CLOCK = re.compile(r"\btime\s*(?:\([^)]*\))?\s*[=:]\s*(\d{1,2}:\d{2}:\d{2}[.\d]*)", re.IGNORECASE)

_COMMENTS = ("#", "%", "//")


@dataclass(frozen=True)
class HeaterLog:
    """Temperature of a heater over its own clock.

    Parameters
    ----------
    seconds
        (N,) rising times in s; 0 is the log's own zero, or its first reading where it tells clock times.
    celsius
        (N,) temperatures in °C, NaN where a reading is missing.
    started
        Clock of the log's computer at 0 s; ``None`` where the log does not tell it.
    source
        File and column, and what had to be supposed.
    """

    seconds: NDArray[np.float64]
    celsius: NDArray[np.float64]
    started: datetime | None
    source: str


def read_heater_log(path: Path) -> HeaterLog:
    """Read a heater's log.

    Lines that begin with #, % or //, and lines without a time are left out; readings of one time are
    averaged, those out of order put in order. A measured temperature counts before one that was only set.

    Raises
    ------
    InputError
        If the file cannot be read, no line names both time and temperature, it holds fewer than two
        readings, or its time begins again.
    """
    lines = _read_lines(path)
    layout = find_layout(lines)
    if layout is None:
        raise InputError(
            f"{path}: no line names a column of time and one of temperature; give the heater's log as text, "
            "with a header such as: time [s], temperature [C]"
        )
    rows = _read_rows(lines, layout)
    facts = "\n".join([*_lines_beside(path), *lines[: layout.line + _FACTS_WITHIN_LINES]])
    celsius, supposed = _read_temperatures(
        [row[layout.temperature.index] for row in rows], layout, facts, path
    )
    seconds, started, time_supposed = _read_times(rows, layout, facts, path)
    source = f"{path.name}, column {layout.temperature.heading!r}{supposed}{time_supposed}"
    return HeaterLog(*_in_order(seconds, celsius, path), started, source)


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a text in UTF-8, UTF-16 or the Windows encoding."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16", errors="replace")
    elif b"\0" in raw:
        raise InputError(f"{path}: is no text; give the heater's log as it was saved, or exported as CSV")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return text.splitlines()


def _lines_beside(path: Path) -> list[str]:
    """Return the facts that Impulse keeps in ``NAME_Metadata.log`` beside ``NAME_Heat raw.csv``."""
    beside = path.with_name(path.stem.rpartition("_")[0] + "_Metadata.log")
    return _read_lines(beside)[:_FACTS_WITHIN_LINES] if beside.is_file() and beside != path else []


def _read_rows(lines: Sequence[str], layout: Layout) -> list[list[str]]:
    last = max(layout.time.index, layout.temperature.index)
    content = (line for line in lines[layout.line + 1 :] if not line.lstrip().startswith(_COMMENTS))
    rows = [layout.cells(line) for line in content]
    return [row for row in rows if len(row) > last]


def _read_temperatures(
    texts: list[str], layout: Layout, facts: str, path: Path
) -> tuple[NDArray[np.float64], str]:
    """Return the temperatures in °C, NaN where there is none, and what was supposed of their unit."""
    stated = _TEMPERATURE_UNIT.search(facts)
    unit = layout.temperature.unit or (stated[1].strip() if stated else "")
    convert = celsius_of(unit or "C")
    if convert is None:
        raise InputError(f"{path}: temperatures are in {unit!r}; allowed are C and K")
    celsius = np.array([convert(_number(text, layout)) for text in texts], dtype=np.float64)
    celsius[~np.isfinite(celsius) | (celsius < _ABSOLUTE_ZERO_C)] = np.nan
    if np.isnan(celsius).all():
        raise InputError(f"{path}: column {layout.temperature.heading!r} holds no temperature")
    return celsius, "" if unit else ", taken as °C"


def _read_times(
    rows: list[list[str]], layout: Layout, facts: str, path: Path
) -> tuple[NDArray[np.float64], datetime | None, str]:
    """Return the times in s, NaN where there is none, the clock at 0 s, and what was supposed of the unit."""
    seconds = np.array([_number(row[layout.time.index], layout) for row in rows], dtype=np.float64)
    if np.isfinite(seconds).sum() * 2 < len(rows):
        seconds, started = _by_clock(rows, layout, facts)
        return seconds, started, ""
    stated = _TIME_UNIT.search(facts)
    unit = layout.time.unit or (stated[1].strip() if stated else "")
    factor = duration_s(1, unit or "s")
    if factor is None:
        raise InputError(f"{path}: times are in {unit!r}; allowed are us, ms, s, min and h")
    seconds *= factor
    return seconds, _start_by_stamps(rows, seconds, layout, facts), "" if unit else ", times taken as s"


def _by_clock(
    rows: list[list[str]], layout: Layout, facts: str
) -> tuple[NDArray[np.float64], datetime | None]:
    """Return seconds since the first clock time, NaN where there is none, and that time."""
    clocks = [_stamp(row, layout) or read_clock(row[layout.time.index]) for row in rows]
    of_day = np.array([clock.second_of_day if clock else np.nan for clock in clocks], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(of_day))
    if known.size == 0:
        return of_day, None
    days = [clock.day for clock in clocks if clock is not None]
    if all(days):
        passed = np.array([(day - days[0]).days for day in days if day and days[0]], dtype=np.float64)
    else:
        passed = np.concatenate([[0.0], np.cumsum(np.diff(of_day[known]) < -_HALF_A_DAY_S)])
    first = clocks[known[0]]
    of_day[known] += _DAY_S * passed
    return of_day - of_day[known[0]], first and _moment(first, facts)


def _start_by_stamps(
    rows: list[list[str]], seconds: NDArray[np.float64], layout: Layout, facts: str
) -> datetime | None:
    """Return the clock at 0 s by the first row that has both, else by what the facts say of the start."""
    for row, second in zip(rows, seconds.tolist(), strict=True):
        clock = _stamp(row, layout)
        if clock is not None and np.isfinite(second):
            moment = _moment(clock, facts)
            return moment and moment - timedelta(seconds=second)
    start = _START_CLOCK.search(facts)
    clock = read_clock(start[1]) if start else None
    return None if clock is None else _moment(clock, facts)


def _stamp(row: list[str], layout: Layout) -> ClockTime | None:
    """Return the clock time that stands in the columns beside the time, its own column at the end."""
    columns = [*layout.stamps, layout.time]
    return (
        read_clock(" ".join(row[c.index] for c in columns if c.index < len(row))) if layout.stamps else None
    )


def _moment(clock: ClockTime, facts: str) -> datetime | None:
    day: date | None = clock.day or read_date(facts)
    return ClockTime(clock.second_of_day, day).moment


def _number(text: str, layout: Layout) -> float:
    """Return the number in a cell, NaN where there is none; a comma that separates no cells is a point."""
    try:
        return float(text if layout.delimiter == "," else text.replace(",", "."))
    except ValueError:
        return float("nan")


def _in_order(
    seconds: NDArray[np.float64], celsius: NDArray[np.float64], path: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return readings in order of time, one for each time."""
    seconds, celsius = (values[np.isfinite(seconds)] for values in (seconds, celsius))
    reached = np.maximum.accumulate(seconds) if seconds.size else seconds
    again = np.flatnonzero(seconds < seconds[:1] + 0.5 * (reached - seconds[:1]))
    if again.size:
        raise InputError(
            f"{path}: its time begins again, at {seconds[again[0]]:g} s after {reached[again[0]]:g} s; save "
            "each run of the heater in a file of its own"
        )
    times, place = np.unique(seconds, return_inverse=True)
    if times.size < 2:
        raise InputError(f"{path}: holds {times.size} readings with a time; at least two are needed")
    is_known = np.isfinite(celsius)
    n_known = np.bincount(place[is_known], minlength=times.size)
    sums = np.bincount(place[is_known], celsius[is_known], minlength=times.size)
    return times, np.where(n_known > 0, sums / np.maximum(n_known, 1), np.nan)

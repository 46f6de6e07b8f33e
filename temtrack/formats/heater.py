"""Logs of heating holders as text: DENSsolutions (DigiHeater, Impulse), Protochips, and tables like theirs.

Such a log is a table with columns of time and temperature, under a header that names them; lines of facts
stand before it or among its notes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.constants import zero_Celsius

from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.formats.units import duration_s, read_clock, read_date

#: What separates columns; white space does not where a unit follows it.
_SEPARATORS = ("\t", ";", ",", "|", r"\s+(?![\[(])")

#: The header is one of so many first lines, and no longer; facts stand before it and so many lines after it.
_HEADER_WITHIN_LINES, _HEADER_CHARACTERS, _FACTS_WITHIN_LINES = 200, 10_000, 50

#: A clock that falls by more than this has passed midnight.
_HALF_A_DAY_S, _DAY_S = 43_200.0, 86_400.0

#: No log is longer, in s.
_LONGEST_S = 1e9

#: Of clock times without a date; no log is as old.
_UNKNOWN_DAY = date(1900, 1, 1)

#: ``Tmeas[C]``, ``Temperature (degC)``
_NAME_AND_UNIT = re.compile(r"(.*?)\s*(?:[\[(]([^\])]*)[\])])?")

#: Protochips' ``Time (hh:mm:ss.ms) = 17:15:37.192``
_START_CLOCK = re.compile(r"\btime\s*(?:\([^)]*\))?\s*[=:]\s*(\d{1,2}:\d{2}:\d{2}[.\d]*)", re.IGNORECASE)

#: By the program that writes such logs, its columns of time, of the clock beside it, and of temperature.
PRESETS = {
    "DENSsolutions DigiHeater": ("time", "Tmeas"),
    "DENSsolutions Impulse": ("Experiment time [s]", "TimeStamp", "Temperature Measured"),
    "Protochips": ("Time", "Channel A Temperature"),
}


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
        File and column.
    """

    seconds: NDArray[np.float64]
    celsius: NDArray[np.float64]
    started: datetime | None
    source: str


def read_heater_log(path: Path, columns: Sequence[str] | None = None) -> HeaterLog:
    """Read a heater's log.

    Rows without a time are left out; readings of one time are averaged, those out of order put in order.

    Parameters
    ----------
    path
        Text whose columns are separated by tabs, semicolons, commas, bars or white space.
    columns
        Names in the header: of the time since the start, or of the clock, which may have date and time in two
        columns, and last of the temperature. A unit in brackets counts where the header has none. Where
        ``None``, the first of `PRESETS` that fits.

    Raises
    ------
    InputError
        If the file cannot be read, has no header with the columns, tells no unit of them, holds fewer than
        two readings, or its time begins again.
    """
    lines = _read_lines(path)
    header = _find_header(lines, PRESETS.values() if columns is None else [columns])
    if header is None:
        sought = " or ".join(PRESETS) if columns is None else ", ".join(columns)
        raise InputError(
            f"{path}: no line names the columns of {sought}; it has {_likely_header(lines)}; "
            "give names and units, as in --heater-columns 'Elapsed [s],Temp [C]'"
        )
    line, separator, cells = header
    (*time_headings, heading), (time_unit, *_, unit) = zip(*cells, strict=True)
    with refused_as(f"{path}: cannot be read as a table"):
        table = _read_csv("\n".join(lines[line:]), separator, usecols=[cell for cell, _ in cells]).fillna("")
    # Impulse keeps its facts in NAME_Metadata.log beside NAME_Heat raw.csv
    beside = path.with_name(path.stem.rpartition("_")[0] + "_Metadata.log")
    noted = _read_lines(beside)[:_FACTS_WITHIN_LINES] if beside.is_file() and beside != path else []
    facts = "\n".join([*noted, *lines[: line + _FACTS_WITHIN_LINES]])
    celsius = _to_celsius(table[heading], unit or _stated_unit("temperature", facts), path)
    if np.isnan(celsius).all():
        raise InputError(f"{path}: column {heading!r} holds no temperature")
    day = read_date(facts) or _UNKNOWN_DAY
    clocks = [read_clock(" ".join(row), day) for row in table[time_headings].to_numpy().tolist()]
    seconds = _numbers(table[time_headings[0]])
    if np.isfinite(seconds).mean() < 0.5:
        seconds = _elapsed_s(clocks)
    else:
        time_unit = time_unit or _stated_unit("time", facts)
        factor = duration_s(1, time_unit)
        if factor is None:
            raise _wrong_unit(path, "time", time_unit, "us, ms, s, min and h")
        seconds *= factor
    started = _find_start(clocks, seconds, facts, day)
    return HeaterLog(*_in_order(seconds, celsius, path), started, f"{path.name}, column {heading!r}")


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a text in UTF-8, UTF-16 or the Windows encoding."""
    with refused_as(f"{path}: cannot be read"):
        raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace").splitlines()
    if b"\0" in raw:
        raise InputError(f"{path}: is no text; give the heater's log as it was saved, or exported as CSV")
    try:
        return raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return raw.decode("latin-1").splitlines()


def _find_header(
    lines: list[str], wanted: Collection[Sequence[str]]
) -> tuple[int, str, list[tuple[str, str]]] | None:
    """Return the first line that names all columns of one of those wanted; ``None`` where none does.

    It is told by its number, its separator, and its wanted cells, each with its unit if known.
    """
    for number, line in enumerate(lines[:_HEADER_WITHIN_LINES]):
        for separator in _SEPARATORS:
            cells = _split_header(line, separator)
            for columns in wanted:
                found = [_find_cell(name, cells) for name in columns]
                known = [match for match in found if match is not None]
                if len(known) == len(found):
                    return number, separator, known
    return None


def _split_header(line: str, separator: str) -> list[str]:
    if not line.strip() or len(line) > _HEADER_CHARACTERS:
        return []
    try:
        return list(_read_csv(line, separator, nrows=0).columns)
    except ValueError:  # pandas' own errors are such: quotation marks where none belong
        return []


def _find_cell(wanted: str, cells: list[str]) -> tuple[str, str] | None:
    """Return the first cell of the wanted name and unit, of which either may lack the unit, and the unit."""
    name, unit = _name_and_unit(wanted)
    for cell in cells:
        its_name, its_unit = _name_and_unit(cell)
        if its_name == name and (its_unit == unit or not its_unit or not unit):
            return cell, unit or its_unit
    return None


def _name_and_unit(heading: str) -> tuple[str, str]:
    found = _NAME_AND_UNIT.fullmatch(heading.strip())
    return (found[1].casefold(), found[2] or "") if found else (heading, "")


def _likely_header(lines: list[str]) -> str:
    """Return the cells of the line that looks most like a header, by the number of its words."""
    rows = [re.split(r"[\t;,|]|\s{2,}", line[:_HEADER_CHARACTERS]) for line in lines[:_HEADER_WITHIN_LINES]]
    likely = max(rows, key=lambda row: sum(bool(re.search("[A-Za-z]", cell)) for cell in row), default=[])
    return ", ".join(repr(cell.strip()) for cell in likely if cell.strip())[:200] or "none"


def _read_csv(text: str, separator: str, **options: Any) -> pd.DataFrame:
    """Return a table of texts; cells beyond those of the header are left out, or their row is."""
    how: dict[str, Any] = {"engine": "python", "dtype": str, "index_col": False, "skipinitialspace": True}
    table: pd.DataFrame = pd.read_csv(StringIO(text), sep=separator, on_bad_lines="skip", **how, **options)
    return table


def _stated_unit(what: str, facts: str) -> str:
    """Return what Protochips states as ``Time units = Milliseconds``, empty where nothing is."""
    stated = re.search(rf"\b{what} units?\s*[=:]\s*([^,;\t\n]+)", facts, re.IGNORECASE)
    return stated[1].strip() if stated else ""


def _to_celsius(texts: pd.Series[str], unit: str, path: Path) -> NDArray[np.float64]:
    """Return temperatures in °C, NaN where there is none."""
    plain = re.sub(r"degrees?|deg|[°º_.\s]", "", unit.casefold())
    zero_c = {"c": 0.0, "celsius": 0.0, "℃": 0.0, "k": zero_Celsius, "kelvin": zero_Celsius}.get(plain)
    if zero_c is None:
        raise _wrong_unit(path, "temperature", unit, "C and K")
    celsius = _numbers(texts) - zero_c
    return np.where(celsius >= -zero_Celsius, celsius, np.nan)


def _wrong_unit(path: Path, what: str, unit: str, allowed: str) -> InputError:
    found = repr(unit) if unit else "missing"
    return InputError(
        f"{path}: unit of {what} is {found}; allowed are {allowed}; "
        "give names and units, as in --heater-columns 'Elapsed [s],Temp [C]'"
    )


def _numbers(texts: pd.Series[str]) -> NDArray[np.float64]:
    """Return the numbers in cells, NaN where there is none; a comma in a cell is a decimal point."""
    numbers = pd.to_numeric(texts.str.replace(",", "."), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _elapsed_s(clocks: list[datetime | None]) -> NDArray[np.float64]:
    """Return seconds since the first clock time, NaN where there is none."""
    moments = np.array(clocks, dtype="datetime64[us]")
    is_known = ~np.isnat(moments)
    passed_s = (moments[is_known] - moments[is_known][:1]) / np.timedelta64(1, "s")
    passed_s += _DAY_S * np.cumsum(np.diff(passed_s, prepend=passed_s[:1]) < -_HALF_A_DAY_S)
    seconds = np.full(len(clocks), np.nan)
    seconds[is_known] = passed_s
    return seconds


def _find_start(
    clocks: list[datetime | None], seconds: NDArray[np.float64], facts: str, day: date
) -> datetime | None:
    """Return the clock at 0 s by the first row that has both, else by what the facts say of the start."""
    rows = zip(clocks, seconds.tolist(), strict=True)
    # a time that is missing or beyond all reason is in no range
    starts = (clock - timedelta(seconds=s) for clock, s in rows if clock and abs(s) < _LONGEST_S)
    told = _START_CLOCK.search(facts)
    start = next(starts, read_clock(told[1], day) if told else None)
    return start if start is not None and start.year > _UNKNOWN_DAY.year else None


def _in_order(
    seconds: NDArray[np.float64], celsius: NDArray[np.float64], path: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return readings in order of time, one for each time."""
    has_time = np.isfinite(seconds)
    seconds, celsius = seconds[has_time], celsius[has_time]
    reached = np.maximum.accumulate(seconds)
    again = np.flatnonzero(seconds < seconds[:1] + 0.5 * (reached - seconds[:1]))
    if again.size:
        raise InputError(
            f"{path}: its time begins again, at {seconds[again[0]]:g} s after {reached[again[0]]:g} s; save "
            "each run of the heater in a file of its own"
        )
    readings = pd.Series(celsius).groupby(seconds).mean()
    if len(readings) < 2:
        raise InputError(f"{path}: holds {len(readings)} readings with a time; at least two are needed")
    return np.asarray(readings.index, np.float64), np.asarray(readings, np.float64)

"""Logs of heater, gas or dose as CSV: a column of time, and any numeric columns with their units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.decoding import refused_as
from temtrack.formats.units import duration_s

#: Electrons per area and time, as ``e/nm2/s`` or ``e-/A2/s``: their sum over time is a dose.
_DOSE_RATE = re.compile(r"(e[-\u2212\u207b]?\s*/.+?)\s*/\s*s", re.IGNORECASE)

#: ``pressure (mbar)`` or ``pressure [mbar]``
_HEADING = re.compile(r"\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*")


@dataclass(frozen=True)
class Condition:
    """Something that was logged: its name and unit, and its value (N,) at rising times (N,) in s."""

    name: str
    unit: str
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at times (T,), read between those logged; NaN beyond the log."""
        return np.interp(seconds, self.seconds, self.values, left=np.nan, right=np.nan)

    @property
    def dose(self) -> Condition | None:
        """The dose since the log began, where this is a dose rate; ``None`` where it is not."""
        rate = _DOSE_RATE.fullmatch(self.unit)
        if rate is None:
            return None
        steps = np.diff(self.seconds) * (self.values[1:] + self.values[:-1]) / 2
        return Condition("cumulative dose", rate[1], self.seconds, np.append(0.0, np.cumsum(steps)))


def read_run_log(path: Path) -> list[Condition]:
    """Read the numeric columns of a log, separated by commas, semicolons or tabs.

    Raises
    ------
    InputError
        If the file cannot be read, has no column of time with its unit, as ``time (s)``, or no other numbers.
    """
    with refused_as(f"{path}: cannot be read as a table"):
        table = pd.read_csv(path, sep=None, engine="python")
    headings = {str(column): _split(str(column)) for column in table.columns}
    times = [column for column, (name, _) in headings.items() if name.casefold() == "time"]
    if not times:
        raise InputError(
            f"{path}: no column of time among {', '.join(map(repr, headings))}; name it with its unit, as"
            " 'time (s)'"
        )
    factor = duration_s(1, headings[times[0]][1])
    if factor is None:
        raise InputError(f"{path}: column {times[0]!r} has no unit of time; name it with one, as 'time (s)'")
    seconds = pd.to_numeric(table[times[0]], errors="coerce").to_numpy(np.float64) * factor
    if np.isnan(seconds).all():
        raise InputError(
            f"{path}: column {times[0]!r} holds no numbers; give the time since the first frame of the movie"
        )
    found = []
    for column, (name, unit) in headings.items():
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        known = np.isfinite(values) & np.isfinite(seconds)
        if column == times[0] or np.count_nonzero(known) < 2:
            continue
        order = np.argsort(seconds[known], kind="stable")
        found.append(Condition(name, unit or "1", seconds[known][order], values[known][order]))
    if not found:
        raise InputError(f"{path}: no column of numbers beside the time")
    return found


def _split(heading: str) -> tuple[str, str]:
    found = _HEADING.fullmatch(heading)
    return (found[1], found[2] or "") if found else (heading, "")

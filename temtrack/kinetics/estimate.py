"""One measured number with its interval, or the reason why there is none: a row of ``kinetics.parquet``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from temtrack.calibration import Calibration
from temtrack.tables import KINETICS

#: Share of repeated experiments in which an interval is to hold the true value.
CONFIDENCE = 0.95

NO_SCALE = "pixel size unknown: give --pixel-size 0.21nm, say"
NO_TIMES = "frame times unknown: give --frame-time 0.5s, say"
NO_EVENTS = "merges and fates unknown: run `temtrack analyze --merges --force` again"


class Interval(NamedTuple):
    """Ends of a 95 % interval; ``None`` where the data do not bound that side."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Estimate:
    """A row of ``kinetics.parquet``; the columns of `temtrack.tables.KINETICS` say what each field is."""

    quantity: str
    frame: int | None
    event_id: int | None
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    method: str
    source: str
    reason: str | None


@dataclass(frozen=True)
class Quantity:
    """What is measured, in which unit, how and by whose formula; about a frame, an event or the whole run."""

    name: str
    unit: str
    method: str
    source: str
    frame: int | None = None
    event_id: int | None = None

    def found(self, value: float, interval: Interval, n: int, reason: str | None = None) -> Estimate:
        """Return the value with its interval from ``n`` observations; ``reason`` says why a side is open."""
        return self._row(value, interval, n, reason)

    def refused(self, reason: str, n: int = 0) -> Estimate:
        """Return a row without a value that says why there is none."""
        return self._row(None, Interval(None, None), n, reason)

    def _row(self, value: float | None, interval: Interval, n: int, reason: str | None) -> Estimate:
        middle, low, high = _finite(value), _finite(interval.low), _finite(interval.high)
        about = (self.name, self.frame, self.event_id)
        return Estimate(*about, middle, low, high, self.unit, n, self.method, self.source, reason)


def percentile_interval(resampled: NDArray[np.float64], n: int) -> Interval:
    """Return the central 95 % of bootstrap values (R,), and a little more where ``n`` is small.

    The tails are those of Student's t for n independent things that were drawn from, as percentiles of few
    are too narrow. NaN values do not count.

    Source: Hesterberg 2015, Am. Stat. 69, 371, doi:10.1080/00031305.2015.1089789.
    """
    reach = np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) if n > 1 else np.inf
    tail = 100 * float(stats.norm.cdf(-reach))
    low, high = np.nanpercentile(resampled, [tail, 100 - tail])
    return Interval(float(low), float(high))


def fill_kinetics(estimates: Iterable[Estimate]) -> pa.Table:
    """Return the estimates as a table of the schema `temtrack.tables.KINETICS`."""
    rows = list(estimates)
    columns = {f.name: [getattr(row, f.name) for row in rows] for f in fields(Estimate)}
    return KINETICS.fill(columns, Calibration())


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)

"""One measured number with its interval, or the reason why there is none: a row of ``kinetics.parquet``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from temtrack.calibration import Calibration
from temtrack.tables import KINETICS

#: Fraction of repeated experiments in which an interval is to hold the true value.
CONFIDENCE = 0.95

#: Of fewer values, the least and the largest do not hold the median in 95 % of cases.
MIN_MEDIAN = 6

NO_SCALE = "pixel size unknown: give --pixel-size 0.21nm, say"
NO_TIMES = "frame times unknown: give --frame-time 0.5s, say"
NO_EVENTS = "merges and fates unknown: run `temtrack analyze --merges --force` again"

Reals = NDArray[np.float64]

#: Ends of a 95 % interval; ``None`` where the data do not bound that side.
Interval = tuple[float | None, float | None]


@dataclass(frozen=True)
class Measured:
    """A value with its interval from ``n`` observations; ``reason`` says why a side of it is open."""

    value: float
    interval: Interval
    n: int
    reason: str | None = None


class Refused(Exception):  # noqa: N818  it is no error: an outcome, raised or returned
    """Why there is no value, and how many observations there are."""

    def __init__(self, reason: str, n: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.n = n


Outcome = Measured | Refused


@dataclass(frozen=True)
class Estimate:
    """A row of ``kinetics.parquet``; the columns of `temtrack.tables.KINETICS` say what each field is.

    It begins as what is to be measured, in which unit, how and by whose formula; `filled` fills in the rest.
    """

    quantity: str
    unit: str
    method: str
    source: str
    frame: int | None = None
    event_id: int | None = None
    at: float | None = None
    at_unit: str | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str | None = None

    @property
    def is_of_run(self) -> bool:
        """Whether it is of the whole run, not of a frame, an event or a point of a curve."""
        return self.frame is None and self.event_id is None and self.at is None

    def filled(self, outcome: Outcome) -> Estimate:
        """Return the row of what was measured, or of why it was not."""
        if isinstance(outcome, Refused):
            return replace(self, n=outcome.n, reason=outcome.reason)
        value, low, high = (_finite(one) for one in (outcome.value, *outcome.interval))
        return replace(self, value=value, low=low, high=high, n=outcome.n, reason=outcome.reason)


def fill_rows(
    rows: Sequence[Estimate], fit: Callable[..., Sequence[Outcome]], *arguments: object
) -> list[Estimate]:
    """Fill in the rows of quantities that one fit measures: an outcome each, or its refusal of all."""
    try:
        outcomes = fit(*arguments)
    except Refused as refused:
        outcomes = [refused] * len(rows)
    return [row.filled(outcome) for row, outcome in zip(rows, outcomes, strict=True)]


def require(n: int, least: int, what: str, n_observed: int | None = None) -> None:
    """Refuse what rests on fewer than needed; ``n_observed`` observations where that is another number."""
    if n < least:
        raise Refused(f"too few {what}: {n}, {least} are needed", n if n_observed is None else n_observed)


def percentile_interval(resampled: Reals, n: int) -> Interval:
    """Return the central 95 % of bootstrap values (R,), and a little more where ``n`` is small.

    The tails are those of Student's t for n independent things that were drawn from, as percentiles of few
    are too narrow. NaN values do not count.

    Source: Hesterberg 2015, Am. Stat. 69, 371, doi:10.1080/00031305.2015.1089789.
    """
    reach = np.sqrt(n / (n - 1)) * stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) if n > 1 else np.inf
    tail = 100 * float(stats.norm.cdf(-reach))
    low, high = np.nanpercentile(resampled, [tail, 100 - tail])
    return float(low), float(high)


def simulated_p_value(is_farther: NDArray[np.bool_], n: int) -> Measured:
    """Return the p-value by which of simulated samples (S,) lie farther off; a bound where none does."""
    count, least = int(np.count_nonzero(is_farther)), 1 / (1 + is_farther.size)
    if count == 0:
        return Measured(
            math.nan, (0.0, least), n, f"below {least:.2g}, the least that {is_farther.size} draws show"
        )
    return Measured((1 + count) * least, (None, None), n)


def median_of(values: Reals, what: str) -> Measured:
    """Return the median of values (N,), NaN left out, with its interval from order statistics; refuse few."""
    found = np.sort(values[np.isfinite(values)])
    require(found.size, MIN_MEDIAN, what)
    k = int(stats.binom.ppf((1 - CONFIDENCE) / 2, found.size, 0.5)) - 1  # P(X <= k) is less than 2.5 %
    return Measured(float(np.median(found)), (float(found[k]), float(found[-1 - k])), found.size)


def fill_kinetics(estimates: Iterable[Estimate]) -> pa.Table:
    """Return the estimates as a table of the schema `temtrack.tables.KINETICS`."""
    rows = list(estimates)
    columns = {f.name: [getattr(row, f.name) for row in rows] for f in fields(Estimate)}
    return KINETICS.fill(columns, Calibration())


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)

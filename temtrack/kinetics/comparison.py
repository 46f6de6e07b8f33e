"""Several runs beside each other: differences with intervals, and whether particles live equally long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from temtrack.kinetics.estimate import Estimate, Measured, Outcome, Refused, fill_rows, require
from temtrack.kinetics.events import MIN_EVENTS, cluster_factor, lifetimes
from temtrack.kinetics.observed import ObservedRun

_DIFFERENCE = "less that of the first run; interval from those of both (MOVER)"
_LOG_RANK = "log-rank test of the first frames' particles, less sure as parents end together"
_MOVER_SOURCE = "Zou & Donner 2008, Stat. Med. 27, 1693"
_LOG_RANK_SOURCE = "Mantel 1966, Cancer Chemother. Rep. 50, 163"


@dataclass(frozen=True)
class Compared:
    """A quantity of one run, and how far it is from that of the first run."""

    run: str
    estimate: Estimate
    difference: Estimate


def compare_estimates(runs: Mapping[str, Sequence[Estimate]]) -> list[Compared]:
    """Set the quantities of whole runs beside each other, in the order of the first that has them.

    Parameters
    ----------
    runs
        Estimates by the name of the run; the first is what others are compared with.
    """
    of_runs = {name: {row.quantity: row for row in rows if row.is_of_run} for name, rows in runs.items()}
    first, *_ = of_runs.values()
    quantities = dict.fromkeys(quantity for rows in of_runs.values() for quantity in rows)
    return [
        Compared(name, rows[quantity], _difference(rows[quantity], first.get(quantity), rows is first))
        for quantity in quantities
        for name, rows in of_runs.items()
        if quantity in rows
    ]


def _difference(row: Estimate, first: Estimate | None, is_first: bool) -> Estimate:
    named = Estimate(f"difference_of_{row.quantity}", row.unit, _DIFFERENCE, _MOVER_SOURCE)
    (told,) = fill_rows([named], _subtract, row, first, is_first)
    return told


def _subtract(row: Estimate, first: Estimate | None, is_first: bool) -> list[Measured]:
    """Subtract two values whose intervals need not be symmetric (Zou and Donner 2008)."""
    if is_first:
        raise Refused("it is the first run")
    if first is None or first.value is None or row.value is None:
        raise Refused("not known of both runs")
    if first.unit != row.unit:
        raise Refused(f"in {row.unit} here and in {first.unit} in the first run: give the pixel size of both")
    ends = (row.low, row.high, first.low, first.high)
    if any(end is None for end in ends):
        return [Measured(row.value - first.value, (None, None), row.n, "an interval is open")]
    low, high, first_low, first_high = (float(end or 0.0) for end in ends)
    change = row.value - first.value
    below = np.hypot(row.value - low, first_high - first.value)
    above = np.hypot(high - row.value, first.value - first_low)
    return [Measured(change, (float(change - below), float(change + above)), row.n)]


def compare_lifetimes(runs: Mapping[str, ObservedRun]) -> list[Estimate]:
    """Test, for each run but the first, whether its particles live as long as those of the first."""
    (first_name, first), *others = runs.items()
    method = f"{_LOG_RANK}; beside {first_name}"
    return [
        row
        for name, run in others
        for row in fill_rows(
            [Estimate(f"log_rank_p_value_of_{name}", "1", method, _LOG_RANK_SOURCE)], _log_rank, first, run
        )
    ]


def _log_rank(first: ObservedRun, other: ObservedRun) -> list[Outcome]:
    lived = [lifetimes(first), lifetimes(other)]
    for one in lived:
        require(len(one), MIN_EVENTS, "particles in the first frame")
        require(len(one) - one.num_censored(), 1, "particles that merged or dissolved")
    factor = np.sqrt(max(cluster_factor(first), cluster_factor(other), 1.0))
    statistic = float(stats.logrank(*lived).statistic) / factor
    return [Measured(float(2 * stats.norm.sf(abs(statistic))), (None, None), len(lived[0]) + len(lived[1]))]

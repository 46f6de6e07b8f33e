"""After a merge: how fast the child becomes round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from temtrack.kinetics.estimate import (
    NO_EVENTS,
    Estimate,
    Measured,
    Reals,
    Refused,
    fill_rows,
    median_of,
    require,
)
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.search import fit_separable, profile_interval, variance_inflation

MIN_RELAXATION_FRAMES = 8

#: A shape that loses less than so many times its scatter does not show that it relaxes.
MIN_FALL_SIGMAS = 3.0

N_TIMES = 300

#: Correlation of a child's shape in one frame with that in the next, beside its relaxation: 0.4 in masks of
#: `effsam-tiny` of simulated movies (seeds 400 to 403 and 900 to 902), and 0.2 still after five frames. A fit
#: to some 15 frames sees little of it, and its interval held 8 s in 55 of 70 merges.
SHAPE_CORRELATION = 0.4

_RELAXATION = "aspect ratio a = a_s + (a_0 - a_s) exp(-t/tau) of the child; interval from the profile"
_MEDIAN = "median of the merges' relaxation times; interval from order statistics"
_SOURCE = "Koch & Friedlander 1990, doi:10.1016/0021-9797(90)90362-R"

_TIME = Estimate("relaxation_time", "s", _RELAXATION, _SOURCE)
_MEDIAN_TIME = Estimate("relaxation_time_median", "s", _MEDIAN, _SOURCE)


def measure_relaxations(run: ObservedRun) -> list[Estimate]:
    """Fit the relaxation time of each merge's child, and tell the median of all."""
    if run.merges is None or run.merges.empty:
        return [_MEDIAN_TIME.filled(Refused(NO_EVENTS if run.merges is None else "no merge"))]
    times = [
        row
        for _, merge in run.merges.iterrows()
        for row in fill_rows([replace(_TIME, event_id=int(merge["event_id"]))], _relax, run, merge)
    ]
    values = np.array([row.value for row in times if row.value is not None])
    return [*times, *fill_rows([_MEDIAN_TIME], lambda: [median_of(values, "merges with a relaxation time")])]


def _relax(run: ObservedRun, merge: pd.Series) -> list[Measured]:
    seconds = run.known_seconds
    child = run.rows_of(merge["child_id"])
    child = child[child["frame"] >= merge["frame"]].dropna(subset=["major_axis_px", "minor_axis_px"])
    require(len(child), MIN_RELAXATION_FRAMES, "frames of the child")
    frames = child["frame"].to_numpy(dtype=np.intp)
    aspect = (child["major_axis_px"] / child["minor_axis_px"]).to_numpy(dtype=np.float64)
    return fit_relaxation(seconds[frames] - seconds[frames[0]], aspect)


def fit_relaxation(seconds: Reals, aspect: Reals) -> list[Measured]:
    """Fit ``da/dt = -(a - a_s) / tau`` to the aspect ratio (T,)."""
    n = seconds.size
    span = float(seconds[-1])
    taus = np.geomspace(np.diff(seconds).min() / 3, 10 * span, N_TIMES)
    decays = np.exp(-seconds / taus[:, None])
    fit = fit_separable(aspect[None], decays, np.ones(n))
    best = int(fit.best[0])
    tau, fall = float(taus[best]), float(fit.amplitude[0, best])
    residual = aspect - fit.offset[0, best] - fall * decays[best]
    scatter = float(np.sqrt(residual @ residual / max(n - 3, 1)))
    if fall < MIN_FALL_SIGMAS * scatter:
        raise Refused("the child's shape does not relax, within its scatter", n)
    if tau > span:
        raise Refused(f"the child is seen for {span:.3g} s, too short for its relaxation", n)
    if best == 0:
        raise Refused("the child relaxes faster than frames follow each other", n)
    interval = profile_interval(taus, fit.squares[0], n, 3, variance_inflation(residual, SHAPE_CORRELATION))
    reason = None if interval[1] is not None else "not bounded above: the child is not seen at rest"
    return [Measured(tau, interval, n, reason)]

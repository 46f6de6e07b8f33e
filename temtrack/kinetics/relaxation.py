"""After a merge: how fast the child becomes round, and how the neck grew before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from temtrack.kinetics.estimate import (
    CONFIDENCE,
    NO_EVENTS,
    Estimate,
    Measured,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.observed import ObservedRun, contact_or_merge_frame
from temtrack.kinetics.search import fit_separable, profile_interval, variance_inflation

MIN_RELAXATION_FRAMES = 8
MIN_NECK_FRAMES = 6

#: Below, the least and the largest do not hold the median in 95 % of cases.
MIN_MEDIAN_MERGES = 6

#: From here on the neck is no longer small beside the particle, and the law of its growth ends.
LARGEST_NECK = 0.8

#: A shape that loses less than so many times its scatter does not show that it relaxes.
MIN_FALL_SIGMAS = 3.0

EXPONENTS = np.linspace(1, 15, 281)
N_TIMES = 300

_RELAXATION = "aspect ratio a = a_s + (a_0 - a_s) exp(-t/tau) of the child; interval from the profile"
_MEDIAN = "median of the merges' relaxation times; interval from order statistics"
_RELAXATION_SOURCE = "Koch & Friedlander 1990, doi:10.1016/0021-9797(90)90362-R"
_NECK = "x/R = (B (t - t0))^(1/n), t0 from contact to merge frame; interval from the profile"
_NECK_SOURCE = "Kuczynski 1949, Trans. AIME 185, 169"

_TIME = Estimate("relaxation_time", "s", _RELAXATION, _RELAXATION_SOURCE)
_MEDIAN_TIME = Estimate("relaxation_time_median", "s", _MEDIAN, _RELAXATION_SOURCE)
_NECK_EXPONENT = Estimate("neck_exponent", "1", _NECK, _NECK_SOURCE)


def measure_relaxations(run: ObservedRun) -> list[Estimate]:
    """Fit relaxation time and neck exponent to each merge, and tell the median time of all."""
    if run.merges is None:
        return [row.filled(Refused(NO_EVENTS)) for row in (_MEDIAN_TIME, _NECK_EXPONENT)]
    if run.merges.empty:
        return [_MEDIAN_TIME.filled(Refused("no merge"))]
    times, necks = (
        [
            row
            for _, merge in run.merges.iterrows()
            for row in fill_rows([replace(quantity, event_id=int(merge["event_id"]))], fit, run, merge)
        ]
        for quantity, fit in ((_TIME, _relax), (_NECK_EXPONENT, _grow_neck))
    )
    return [*times, *fill_rows([_MEDIAN_TIME], _median, times), *necks]


def _relax(run: ObservedRun, merge: pd.Series) -> list[Measured]:
    seconds = run.known_seconds
    child = run.whole[
        (run.whole["particle_id"] == merge["child_id"]) & (run.whole["frame"] >= merge["frame"])
    ]
    child = child.dropna(subset=["major_axis_px", "minor_axis_px"]).sort_values("frame")
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
    interval = profile_interval(taus, fit.squares[0], n, 3, variance_inflation(residual))
    reason = None if interval[1] is not None else "not bounded above: the child is not seen at rest"
    return [Measured(tau, interval, n, reason)]


def _median(times: list[Estimate]) -> list[Measured]:
    found = np.sort([row.value for row in times if row.value is not None])
    n = found.size
    require(n, MIN_MEDIAN_MERGES, "merges with a relaxation time")
    k = int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) - 1  # P(X <= k) is less than 2.5 %
    return [Measured(float(np.median(found)), (float(found[k]), float(found[n - 1 - k])), n)]


def _grow_neck(run: ObservedRun, merge: pd.Series) -> list[Measured]:
    seconds = run.known_seconds
    given = merge["neck_ratios"]
    if given is None or len(given) == 0:
        raise Refused("no neck was measured: the merge has more than two parents, or no frames")
    first = int(merge["frame"])
    ratios = np.array(given, dtype=np.float64)[: run.n_frames - first]
    good = ~np.isin(first + np.arange(ratios.size), list(run.bad_frames))
    wide = np.flatnonzero(good & ~(ratios < LARGEST_NECK))
    good = good[: wide[0]] if wide.size else good
    ratios = ratios[: good.size][good]
    require(ratios.size, MIN_NECK_FRAMES, f"frames with a neck below {LARGEST_NECK}")
    contact = contact_or_merge_frame(merge)
    starts = np.linspace(seconds[max(contact - 1, 0)], seconds[first], 21)[:-1]
    return fit_neck(seconds[first : first + good.size][good], ratios, starts)


def fit_neck(seconds: Reals, ratios: Reals, starts: Reals) -> list[Measured]:
    """Fit the exponent of ``x/R = (B (t - t0))^(1/n)`` to neck ratios (T,), t0 any of ``starts``."""
    n = seconds.size
    squares = np.full((starts.size, EXPONENTS.size), np.inf)
    for row, start in enumerate(starts):
        basis = (seconds - start) ** (1 / EXPONENTS[:, None])
        amplitude = basis @ ratios / (basis**2).sum(axis=1)
        squares[row] = ((ratios - amplitude[:, None] * basis) ** 2).sum(axis=1)
    profile = squares.min(axis=0)
    best = int(np.argmin(profile))
    interval = profile_interval(EXPONENTS, profile, n, 3)
    if best in (0, EXPONENTS.size - 1) or interval[1] is None:
        raise Refused("the neck's growth does not bend enough to tell an exponent", n)
    return [Measured(float(EXPONENTS[best]), interval, n)]

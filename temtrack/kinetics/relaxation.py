"""After a merge: how fast the child becomes round, and how the neck grew before."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from temtrack.kinetics.estimate import CONFIDENCE, NO_EVENTS, NO_TIMES, Estimate, Interval, Quantity
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.profile import profile_interval, variance_inflation
from temtrack.kinetics.separable import fit_separable

Reals = NDArray[np.float64]

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
_RELAXATION_SOURCE = "Koch & Friedlander 1990, doi:10.1016/0021-9797(90)90362-R"
_NECK = "x/R = (B (t - t0))^(1/n), t0 from contact to merge frame; interval from the profile"
_NECK_SOURCE = "Kuczynski 1949, Trans. AIME 185, 169"


def measure_relaxations(run: ObservedRun) -> list[Estimate]:
    """Fit relaxation time and neck exponent to each merge, and tell the median time of all."""
    if run.merges is None:
        names = (("relaxation_time_median", "s", _RELAXATION), ("neck_exponent", "1", _NECK))
        return [
            Quantity(name, unit, method, _RELAXATION_SOURCE).refused(NO_EVENTS)
            for name, unit, method in names
        ]
    if run.merges.empty:
        return [_median_quantity().refused("no merge")]
    times = [_relax(run, merge) for _, merge in run.merges.iterrows()]
    necks = [_grow_neck(run, merge) for _, merge in run.merges.iterrows()]
    return [*times, _median(times), *necks]


def _relax(run: ObservedRun, merge: pd.Series) -> Estimate:
    event = int(merge["event_id"])
    quantity = Quantity("relaxation_time", "s", _RELAXATION, _RELAXATION_SOURCE, event_id=event)
    if run.seconds is None:
        return quantity.refused(NO_TIMES)
    child = run.whole[
        (run.whole["particle_id"] == merge["child_id"]) & (run.whole["frame"] >= merge["frame"])
    ]
    child = child.dropna(subset=["major_axis_px", "minor_axis_px"]).sort_values("frame")
    n = len(child)
    if n < MIN_RELAXATION_FRAMES:
        return quantity.refused(f"too few frames of the child: {n}, {MIN_RELAXATION_FRAMES} are needed", n)
    frames = child["frame"].to_numpy(dtype=np.intp)
    aspect = (child["major_axis_px"] / child["minor_axis_px"]).to_numpy(dtype=np.float64)
    return fit_relaxation(quantity, run.seconds[frames] - run.seconds[frames[0]], aspect)


def fit_relaxation(quantity: Quantity, seconds: Reals, aspect: Reals) -> Estimate:
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
        return quantity.refused("the child's shape does not relax, within its scatter", n)
    if tau > span:
        return quantity.refused(f"the child is seen for {span:.3g} s, too short for its relaxation", n)
    if best == 0:
        return quantity.refused("the child relaxes faster than frames follow each other", n)
    interval = profile_interval(taus, fit.squares[0], n, 3, variance_inflation(residual))
    reason = None if interval.high is not None else "not bounded above: the child is not seen at rest"
    return quantity.found(tau, interval, n, reason)


def _median_quantity() -> Quantity:
    method = "median of the merges' relaxation times; interval from order statistics"
    return Quantity("relaxation_time_median", "s", method, _RELAXATION_SOURCE)


def _median(times: list[Estimate]) -> Estimate:
    found = np.sort([one.value for one in times if one.value is not None])
    n = found.size
    quantity = _median_quantity()
    if n < MIN_MEDIAN_MERGES:
        return quantity.refused(
            f"too few merges with a relaxation time: {n}, {MIN_MEDIAN_MERGES} are needed", n
        )
    k = int(stats.binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) - 1  # P(X <= k) is less than 2.5 %
    return quantity.found(float(np.median(found)), Interval(float(found[k]), float(found[n - 1 - k])), n)


def _grow_neck(run: ObservedRun, merge: pd.Series) -> Estimate:
    event = int(merge["event_id"])
    quantity = Quantity("neck_exponent", "1", _NECK, _NECK_SOURCE, event_id=event)
    if run.seconds is None:
        return quantity.refused(NO_TIMES)
    given = merge["neck_ratios"]
    if given is None or len(given) == 0:
        return quantity.refused("no neck was measured: the merge has more than two parents, or no frames")
    first = int(merge["frame"])
    ratios = np.array(given, dtype=np.float64)[: run.n_frames - first]
    wide = np.flatnonzero(~(ratios < LARGEST_NECK))
    ratios = ratios[: wide[0]] if wide.size else ratios
    n = ratios.size
    if n < MIN_NECK_FRAMES:
        return quantity.refused(
            f"too few frames with a neck below {LARGEST_NECK}: {n}, {MIN_NECK_FRAMES} are needed", n
        )
    contact = min(int(merge["contact_frame"]), first)
    starts = np.linspace(run.seconds[max(contact - 1, 0)], run.seconds[first], 21)[:-1]
    return fit_neck(quantity, run.seconds[first : first + n], ratios, starts)


def fit_neck(quantity: Quantity, seconds: Reals, ratios: Reals, starts: Reals) -> Estimate:
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
    if best in (0, EXPONENTS.size - 1) or interval.high is None:
        return quantity.refused("the neck's growth does not bend enough to tell an exponent", n)
    return quantity.found(float(EXPONENTS[best]), interval, n)

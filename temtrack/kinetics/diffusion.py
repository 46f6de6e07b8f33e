"""Motion on the support: mean squared displacement, diffusion and the error of localisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from temtrack.kinetics.bootstrap import MIN_FAMILIES, bootstrapped, draw_counts
from temtrack.kinetics.estimate import (
    NO_SCALE,
    Estimate,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.observed import ObservedRun

#: A particle is followed for at least so many frames,
MIN_TRACK_FRAMES = 10

#: and the line through the MSD takes so many lags: longer ones add noise rather than knowledge.
MAX_LAG_FRAMES = 5

#: Frame times may differ so much from even ones, as a fraction of the interval.
UNEVEN_FRACTION = 0.05

_METHOD = "MSD = 4 D t + 4 sigma^2, lags of 1 to 5 frames, common drift removed; bootstrap of families"
_SOURCE = "Crocker & Grier 1996, doi:10.1006/jcis.1996.0217; Michalet 2010, doi:10.1103/PhysRevE.82.041914"


def measure_diffusion(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Fit diffusion coefficient and localisation error to the particles' mean squared displacement."""
    quantities = [
        Estimate("diffusion_coefficient", "nm2/s", _METHOD, _SOURCE),
        Estimate("localisation_error", "nm", f"{_METHOD}; along one axis", _SOURCE),
    ]
    return fill_rows(quantities, _fit, run, rng)


def _fit(run: ObservedRun, rng: np.random.Generator) -> list[Outcome]:
    interval_s = frame_interval(run)
    if run.length_unit != "nm":
        raise Refused(NO_SCALE)
    squares, n_steps = displacement_sums(run)
    n = len(squares)
    require(n, MIN_FAMILIES, f"families followed for {MIN_TRACK_FRAMES} frames")
    values = fit_line(squares.sum(axis=0)[None], n_steps.sum(axis=0)[None], interval_s)
    drawn = draw_counts(n, rng)
    diffusion, offset = bootstrapped(values, fit_line(drawn @ squares, drawn @ n_steps, interval_s), n)
    sigma, low, high = (np.sqrt(max(one or 0.0, 0.0)) for one in (offset.value, *offset.interval))
    error = Measured(sigma, (low, high), n)
    return [
        _positive(diffusion, "no motion beyond the error", "nm2/s"),
        _positive(error, "no error beyond the motion", "nm"),
    ]


def frame_interval(run: ObservedRun) -> float:
    """Return the time between frames in s; refused where they are few or unevenly spaced."""
    steps = np.diff(run.known_seconds)
    require(run.n_frames, MIN_TRACK_FRAMES, "frames", 0)
    if np.abs(steps - steps.mean()).max() > UNEVEN_FRACTION * steps.mean():
        raise Refused("the frames are not evenly spaced in time")
    return float(np.mean(steps))


def _positive(found: Measured, reason: str, unit: str) -> Outcome:
    """Tell a value that cannot be negative; where the fit says so, only how large it may be."""
    low, high = (max(end or 0.0, 0.0) for end in found.interval)
    if found.value > 0:
        return replace(found, interval=(low, high))
    return Refused(f"{reason}: at most {high:.3g} {unit}", found.n)


def displacement_sums(run: ObservedRun) -> tuple[Reals, Reals]:
    """Return, by family and lag (F, L), the sum of squared displacements and their number, drift removed."""
    ids, places, _ = drift_free_places(run)
    lags = range(1, MAX_LAG_FRAMES + 1)
    by_lag = [((places[:, lag:] - places[:, :-lag]) ** 2).sum(axis=2) for lag in lags]
    squares = np.stack([np.nansum(square, axis=1) for square in by_lag], axis=1)
    n_steps = np.stack([(~np.isnan(square)).sum(axis=1) for square in by_lag], axis=1)
    family = run.families.reindex(ids).to_numpy()
    group = np.equal.outer(np.unique(family), family).astype(np.float64)
    return group @ squares, group @ n_steps


def drift_free_places(run: ObservedRun) -> tuple[NDArray[np.int64], Reals, float]:
    """Return the ids (N,) of particles followed long enough and their places (N, T, 2) beside the drift.

    What the drift of N particles takes away of each one's motion, 1 / N of its square, is given back; the
    mean of N over the frames comes last. NaN where a particle is unseen.
    """
    ids, places = _places(run)
    n_mean = np.count_nonzero(~np.isnan(places[..., 0])) / max(run.good_frames.size, 1)
    return ids, (places - _drift(places)) * np.sqrt(n_mean / max(n_mean - 1, 1)), float(n_mean)


def _places(run: ObservedRun) -> tuple[NDArray[np.int64], Reals]:
    """Return the ids (N,) of particles followed long enough and their places (N, T, 2), NaN where unseen."""
    rows = run.whole[["frame", "particle_id", "y", "x"]]
    rows = rows[rows.groupby("particle_id")["frame"].transform("size") >= MIN_TRACK_FRAMES]
    ids, row = np.unique(rows["particle_id"].to_numpy(dtype=np.int64), return_inverse=True)
    places = np.full((ids.size, run.n_frames, 2), np.nan)
    places[row, rows["frame"].to_numpy(dtype=np.intp)] = rows[["y", "x"]].to_numpy()
    return ids, places


def find_drift(run: ObservedRun) -> Reals:
    """Return the way (T, 2) of all particles together, in the run's unit; NaN where none is seen."""
    return _drift(_places(run)[1])


def _drift(places: Reals) -> Reals:
    """Return the common drift (T, 2): mean steps summed up, as trackpy.compute_drift does.

    Its own functions call pandas in ways that new versions warn of. A step leads over frames in which nothing
    is seen; there it is NaN.
    """
    seen = np.flatnonzero(~np.isnan(places[..., 0]).all(axis=0))
    steps = np.diff(places[:, seen], axis=1)
    n = (~np.isnan(steps)).sum(axis=0)
    mean = np.nansum(steps, axis=0) / np.maximum(n, 1)
    drift = np.full(places.shape[1:], np.nan)
    drift[seen] = np.concatenate([np.zeros((min(seen.size, 1), 2)), np.cumsum(mean, axis=0)])
    return drift


def fit_line(squares: Reals, n_steps: Reals, interval_s: float) -> tuple[Reals, Reals]:
    """Return D (R,) and sigma^2 (R,), which noise may make negative, of sums (R, L)."""
    msd = squares / np.maximum(n_steps, 1)
    lags = interval_s * np.arange(1, msd.shape[1] + 1)
    off = lags - lags.mean()
    slope = msd @ off / (off @ off)
    return slope / 4, (msd.mean(axis=1) - slope * lags.mean()) / 4

"""Distances of nearest neighbours, corrected for those that lie beyond the border."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temtrack.kinetics.bootstrap import N_RESAMPLES
from temtrack.kinetics.estimate import Estimate, Quantity, percentile_interval
from temtrack.kinetics.observed import ObservedRun

Reals = NDArray[np.float64]

MIN_PARTICLES = 10

_METHOD = (
    "centre to centre; particles nearer to the border than to their neighbour left out, the others weighted"
    " 1 / ((W - 2r)(H - 2r)); bootstrap of particles"
)
_SOURCE = "Hanisch 1984, doi:10.1080/02331888408801788"
_INDEX_SOURCE = f"Clark & Evans 1954, doi:10.2307/1931034; {_SOURCE}"


def measure_spacing(run: ObservedRun, frame: int, rng: np.random.Generator) -> list[Estimate]:
    """Measure a frame's mean distance of nearest neighbours, and its ratio to that of random places.

    The ratio, the index of Clark and Evans, is 1 for places at random, above for even ones, below for
    clusters.
    """
    distance = Quantity("nearest_neighbour_distance", run.length_unit, _METHOD, _SOURCE, frame)
    index = Quantity(
        "clark_evans_index", "1", f"mean distance x 2 sqrt(density); {_METHOD}", _INDEX_SOURCE, frame
    )
    rows = run.particles[run.particles["frame"] == frame]
    places = rows[["y_px", "x_px"]].to_numpy(dtype=np.float64) * run.unit_per_px
    if len(places) < MIN_PARTICLES:
        reason = f"too few particles in the frame: {len(places)}, {MIN_PARTICLES} are needed"
        return [distance.refused(reason, len(places)), index.refused(reason, len(places))]
    height, width = run.field
    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    border = np.minimum(places, np.array([height, width]) - places).min(axis=1)
    inside = nearest <= border
    n = int(inside.sum())
    if n < MIN_PARTICLES:
        reason = (
            f"too few particles nearer to a neighbour than to the border: {n}, {MIN_PARTICLES} are needed"
        )
        return [distance.refused(reason, n), index.refused(reason, n)]
    r = nearest[inside]
    weights = 1 / ((height - 2 * r) * (width - 2 * r))
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES) * weights
    mean, means = _mean(r, weights[None]), _mean(r, drawn)
    factor = 2 * np.sqrt(len(places) / (height * width))
    return [
        distance.found(float(mean[0]), percentile_interval(means, n), n),
        index.found(float(mean[0]) * factor, percentile_interval(means * factor, n), n),
    ]


def _mean(r: Reals, weights: Reals) -> Reals:
    mean: Reals = weights @ r / weights.sum(axis=1)
    return mean

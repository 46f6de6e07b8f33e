"""Distances of nearest neighbours, corrected for those that lie beyond the border."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from temtrack.kinetics.bootstrap import bootstrapped, draw_counts
from temtrack.kinetics.estimate import Estimate, Measured, Reals, Refused, fill_rows, too_few
from temtrack.kinetics.observed import ObservedRun

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
    index_method = f"mean distance x 2 sqrt(density); {_METHOD}"
    quantities = [
        Estimate("nearest_neighbour_distance", run.length_unit, _METHOD, _SOURCE, frame),
        Estimate("clark_evans_index", "1", index_method, _INDEX_SOURCE, frame),
    ]
    rows = run.particles[run.particles["frame"] == frame]
    places = rows[["y_px", "x_px"]].to_numpy(dtype=np.float64) * run.unit_per_px
    return fill_rows(quantities, _measure(places, run.field, rng))


def _measure(places: Reals, field: tuple[float, float], rng: np.random.Generator) -> list[Measured] | Refused:
    """Return the outcomes of distance and index for particles at ``places`` (N, 2)."""
    if few := too_few(len(places), MIN_PARTICLES, "particles in the frame"):
        return few
    height, width = field
    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    border = np.minimum(places, np.array([height, width]) - places).min(axis=1)
    r = nearest[nearest <= border]
    if few := too_few(r.size, MIN_PARTICLES, "particles nearer to a neighbour than to the border"):
        return few
    weights = 1 / ((height - 2 * r) * (width - 2 * r))
    mean, means = _mean(r, weights[None]), _mean(r, draw_counts(r.size, rng) * weights)
    factor = 2 * np.sqrt(len(places) / (height * width))
    return bootstrapped([mean, mean * factor], [means, means * factor], r.size)


def _mean(r: Reals, weights: Reals) -> Reals:
    mean: Reals = weights @ r / weights.sum(axis=1)
    return mean

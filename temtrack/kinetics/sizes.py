"""Diameters, number density, coverage and spacing of single frames, corrected for what the border cuts."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.spatial import cKDTree

from temtrack.kinetics.bootstrap import N_RESAMPLES, bootstrapped, draw_counts
from temtrack.kinetics.estimate import CONFIDENCE, Estimate, Measured, Reals, Refused, fill_rows, require
from temtrack.kinetics.observed import ObservedRun

MIN_PARTICLES = 5

_DECILES = {"d10": 0.1, "d50": 0.5, "d90": 0.9}
_EDGE = "border particles left out, the others weighted W H / ((W - d)(H - d)); {}"
_COVERAGE = "sum of areas / area of the frame; bootstrap with a Poisson number of particles"
_EDGE_SOURCE = "Miles 1974 and Lantuejoul 1980, edge correction; Efron 1979, doi:10.1214/aos/1176344552"
BOOTSTRAP_SOURCE = "Efron 1979, doi:10.1214/aos/1176344552"
POISSON_SOURCE = "Garwood 1936, doi:10.1093/biomet/28.3-4.437"

MIN_NEIGHBOURS = 10

_SPACING = (
    "centre to centre; particles nearer to the border than to their neighbour left out, the others weighted"
    " 1 / ((W - 2r)(H - 2r)); bootstrap of particles"
)
_SPACING_SOURCE = "Hanisch 1984, doi:10.1080/02331888408801788"
_INDEX_SOURCE = f"Clark & Evans 1954, doi:10.2307/1931034; {_SPACING_SOURCE}"


def measure_sizes(run: ObservedRun, frame: int, rng: np.random.Generator) -> list[Estimate]:
    """Measure mean and deciles of the diameter, number density and coverage of a frame."""
    diameters = run.whole.loc[run.whole["frame"] == frame, "diameter"].to_numpy()
    weights = edge_weights(diameters, run.field)
    method, unit = _EDGE.format("bootstrap of particles"), run.length_unit
    quantities = [Estimate(name, unit, method, _EDGE_SOURCE, frame) for name in ("mean_diameter", *_DECILES)]
    method = _EDGE.format("exact Poisson interval")
    density = Estimate("number_density", f"1/{unit}2", method, POISSON_SOURCE, frame)
    coverage = Estimate("coverage", "1", _COVERAGE, BOOTSTRAP_SOURCE, frame)
    counted = [*fill_rows([density], _count, run, weights), *fill_rows([coverage], _cover, run, frame, rng)]
    return [*fill_rows(quantities, _summarise, diameters, weights, run.unit_per_px, rng), *counted]


def _summarise(diameters: Reals, weights: Reals, pixel: float, rng: np.random.Generator) -> list[Measured]:
    """Return the outcomes of mean and deciles.

    An area is a whole number of pixels, so each draw moves it by up to half a pixel: else the interval of a
    decile may end at the decile itself.
    """
    n = diameters.size
    require(n, MIN_PARTICLES, "whole particles in the frame")
    within = rng.uniform(-0.5, 0.5, (N_RESAMPLES, n)) * 4 / np.pi * pixel**2
    moved = np.sqrt(np.maximum(diameters**2 + within, 0.0))
    drawn = _summaries(moved, draw_counts(n, rng) * weights)
    return bootstrapped(_summaries(diameters[None], weights[None]), drawn, n)


def edge_weights(diameters: Reals, field: tuple[float, float]) -> Reals:
    """Return how many particles each whole one stands for: large ones are cut by the border more often."""
    height, width = field
    room = np.maximum(width - diameters, diameters) * np.maximum(height - diameters, diameters)
    return width * height / room


def _summaries(diameters: Reals, weights: Reals) -> list[Reals]:
    """Return weighted mean and deciles, each (R,), of diameters (R, N) under weights (R, N)."""
    order, row = np.argsort(diameters, axis=1), np.arange(len(diameters))
    ordered, w = (np.take_along_axis(one, order, axis=1) for one in (diameters, weights))
    below = np.cumsum(w, axis=1) / w.sum(axis=1, keepdims=True)
    deciles = [ordered[row, np.argmax(below >= level - 1e-12, axis=1)] for level in _DECILES.values()]
    return [(w * ordered).sum(axis=1) / w.sum(axis=1), *deciles]


def _count(run: ObservedRun, weights: Reals) -> list[Measured]:
    """Return the outcome of the number density."""
    n, area = weights.size, run.field[0] * run.field[1]
    mean_weight = float(weights.mean()) if n else 1.0
    value, low, high = (count * mean_weight / area for count in (n, *poisson_interval(n)))
    return [Measured(value, (low, high), n)]


def _cover(run: ObservedRun, frame: int, rng: np.random.Generator) -> list[Measured]:
    """All particles count here: of one that the border cuts, the part inside."""
    areas = run.seen.loc[run.seen["frame"] == frame, "area_px"].to_numpy(dtype=np.float64)
    if not areas.size:
        raise Refused("no particle in the frame")
    fraction = areas / (run.field_px[0] * run.field_px[1])
    drawn = rng.poisson(1, (N_RESAMPLES, areas.size)) @ fraction
    return bootstrapped([fraction.sum(keepdims=True)], [drawn], areas.size)


def poisson_interval(count: float) -> tuple[float, float]:
    """Return the exact 95 % interval of the mean of a Poisson number (Garwood 1936)."""
    tail = (1 - CONFIDENCE) / 2
    low = stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    return float(low), float(stats.chi2.ppf(1 - tail, 2 * (count + 1)) / 2)


def measure_spacing(run: ObservedRun, frame: int, rng: np.random.Generator) -> list[Estimate]:
    """Measure a frame's mean distance of nearest neighbours, and its ratio to that of random places.

    The ratio, the index of Clark and Evans, is 1 for places at random, above for even ones, below for
    clusters.
    """
    index_method = f"mean distance x 2 sqrt(density); {_SPACING}"
    quantities = [
        Estimate("nearest_neighbour_distance", run.length_unit, _SPACING, _SPACING_SOURCE, frame),
        Estimate("clark_evans_index", "1", index_method, _INDEX_SOURCE, frame),
    ]
    rows = run.seen[run.seen["frame"] == frame]
    places = rows[["y_px", "x_px"]].to_numpy(dtype=np.float64) * run.unit_per_px
    return fill_rows(quantities, _measure_neighbours, places, run.field, rng)


def _measure_neighbours(
    places: Reals, field: tuple[float, float], rng: np.random.Generator
) -> list[Measured]:
    """Return the outcomes of distance and index for particles at ``places`` (N, 2)."""
    require(len(places), MIN_NEIGHBOURS, "particles in the frame")
    height, width = field
    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    border = np.minimum(places, np.array([height, width]) - places).min(axis=1)
    r = nearest[nearest <= border]
    require(r.size, MIN_NEIGHBOURS, "particles nearer to a neighbour than to the border")
    weights = 1 / ((height - 2 * r) * (width - 2 * r))
    mean, means = _mean(r, weights[None]), _mean(r, draw_counts(r.size, rng) * weights)
    factor = 2 * np.sqrt(len(places) / (height * width))
    return bootstrapped([mean, mean * factor], [means, means * factor], r.size)


def _mean(r: Reals, weights: Reals) -> Reals:
    mean: Reals = weights @ r / weights.sum(axis=1)
    return mean

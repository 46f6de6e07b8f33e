"""Whether a particle gains what its neighbours lose, and how far apart neighbours may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError, cKDTree
from scipy.special import k0

from temtrack.kinetics.bootstrap import bootstrapped, draw_counts
from temtrack.kinetics.estimate import (
    CONFIDENCE,
    Estimate,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
    require,
    simulated_p_value,
)
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.rates import ParticleRates, gather_rates
from temtrack.kinetics.search import find_minimum, read_between

#: A window needs so many particles, and labels are dealt anew so many times.
MIN_PARTICLES, N_RELABELLED = 20, 1000

#: Screening lengths that are tried, over the mean spacing of particles; nearest neighbours that they reach.
LENGTHS, N_NEAREST = np.geomspace(0.15, 2.5, 25), 60

_CORRELATION = (
    "correlation of the gain of volume, its trend with radius taken off, and the loss of Delaunay neighbours,"
    " weighted 1 / distance; bootstrap of families"
)
_RELABELLED = f"fraction of {N_RELABELLED} random relabellings of the gains that correlate as much"
_LENGTH = "gain ~ sum of K0(distance / length) (1/r - its mean) over neighbours; bootstrap of families"
_SOURCE = "Simonsen et al. 2011, J. Catal. 281, 147; Zakharov et al. 2026, arXiv 2603.20635"


@dataclass(frozen=True)
class Gains:
    """Rates in windows with enough particles: gain beside its trend, loss of the neighbours, and fields.

    Parameters
    ----------
    gain, loss
        (N,), of mean 0 in each window and of one scale in all.
    fields
        (N, L) what neighbours' curvatures would give at each screening length, of mean 0 in each window.
    spacing
        Mean distance of particles, one over the root of their density.
    family, window
        Numbers (N,) from 0.
    """

    gain: Reals
    loss: Reals
    fields: Reals
    spacing: float
    family: NDArray[np.intp]
    window: NDArray[np.intp]


def measure_neighbours(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure how gains follow neighbours' losses, and the screening length of it."""
    rows = [
        Estimate("neighbour_correlation", "1", _CORRELATION, _SOURCE),
        Estimate("neighbour_correlation_p_value", "1", _RELABELLED, _SOURCE),
        Estimate("screening_length", run.length_unit, _LENGTH, _SOURCE),
    ]
    return fill_rows(rows, _fit, run, rng)


def _fit(run: ObservedRun, rng: np.random.Generator) -> list[Outcome]:
    gains = gather_gains(gather_rates(run), run.field[0] * run.field[1])
    n_families = int(gains.family.max()) + 1
    draws = draw_counts(n_families, rng)

    def correlation(counts: Reals) -> Reals:
        both, own, other = (
            counts @ np.bincount(gains.family, one, n_families)
            for one in (gains.gain * gains.loss, gains.gain**2, gains.loss**2)
        )
        found: Reals = both / np.sqrt(own * other)
        return found

    everyone = np.ones((1, n_families))
    (told,) = bootstrapped([correlation(everyone)], [correlation(draws)], n_families)
    seen = gains.gain @ gains.loss
    order = [np.flatnonzero(gains.window == one) for one in np.unique(gains.window)]
    dealt = np.empty((N_RELABELLED, gains.gain.size))
    for rows in order:
        dealt[:, rows] = rng.permuted(np.tile(gains.gain[rows], (N_RELABELLED, 1)), axis=1)
    p = simulated_p_value(dealt @ gains.loss >= seen, n_families)
    if p.value > (1 - CONFIDENCE) / 2:
        return [
            told,
            p,
            Refused("gains do not follow the losses of neighbours", n_families),
        ]
    return [told, p, _fit_length(gains, everyone, draws)]


def _fit_length(gains: Gains, everyone: Reals, draws: Reals) -> Outcome:
    size = everyone.shape[1]
    own = np.bincount(gains.family, gains.gain**2, size)
    terms = [
        np.stack([np.bincount(gains.family, one, size) for one in columns.T], axis=1)
        for columns in (gains.fields * gains.gain[:, None], gains.fields**2)
    ]

    def length(counts: Reals) -> Reals:
        both, power = (counts @ term for term in terms)
        squares = (counts @ own)[:, None] - np.maximum(both, 0) ** 2 / np.maximum(power, 1e-300)
        logs = np.broadcast_to(np.log(LENGTHS * gains.spacing), squares.shape)
        return np.exp(read_between(logs, find_minimum(squares)))

    value = length(everyone)
    if not LENGTHS[0] * gains.spacing < value[0] < LENGTHS[-1] * gains.spacing * (1 - 1e-9):
        return Refused("the length is beyond those that can be told", size)
    told: Measured = bootstrapped([value], [length(draws)], size)[0]
    return told


def gather_gains(rates: ParticleRates, area: float) -> Gains:
    """Return gains beside what a particle's radius alone would give, and what its neighbours do.

    Refused where no window has enough particles.
    """
    windows = np.unique(rates.window)
    parts = [
        rows
        for rows in (np.flatnonzero(rates.window == one) for one in windows)
        if rows.size >= MIN_PARTICLES
    ]
    require(len(parts), 1, f"windows with {MIN_PARTICLES} particles", rates.radius.size)
    spacing = float(np.sqrt(area / np.mean([rows.size for rows in parts])))
    gain, loss, fields = ([] for _ in range(3))
    for rows in parts:
        radius, rate, place = rates.radius[rows], rates.rate[rows], rates.place[rows]
        gain.append(_scaled(_detrended(rate, radius)))
        loss.append(_scaled(-_neighbour_mean(rate, place)))
        fields.append(np.apply_along_axis(_detrended, 0, _fields(1 / radius, place, spacing), radius))
    chosen = np.concatenate(parts)
    family = np.unique(rates.family[chosen], return_inverse=True)[1]
    return Gains(
        np.concatenate(gain),
        np.concatenate(loss),
        np.concatenate(fields),
        spacing,
        family,
        rates.window[chosen],
    )


def _scaled(values: Reals) -> Reals:
    off: Reals = values - values.mean()
    scaled: Reals = off / max(float(off.std()), 1e-300)
    return scaled


def _detrended(values: Reals, radius: Reals) -> Reals:
    """Return values (N,) beside their trend in 1/r, 1, r and r^2, which holds any mean field's."""
    u = radius / radius.mean()
    basis = np.stack([1 / u, np.ones_like(u), u, u**2], axis=1)
    found: Reals = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return found


def _neighbour_mean(rate: Reals, place: Reals) -> Reals:
    """Return the mean rate (N,) of the Delaunay neighbours, weighted by one over their distance."""
    try:
        start, others = Delaunay(place).vertex_neighbor_vertices
    except QhullError as error:
        raise Refused("particles lie on one line") from error
    own = np.repeat(np.arange(len(place)), np.diff(start))
    weight = 1 / np.maximum(np.linalg.norm(place[own] - place[others], axis=1), 1e-9)
    total = np.bincount(own, weight, len(place))
    found: Reals = np.bincount(own, weight * rate[others], len(place)) / np.maximum(total, 1e-300)
    return found


def _fields(curvature: Reals, place: Reals, spacing: float) -> Reals:
    """Return the sum over neighbours of K0(distance / length) times how their curvature differs, (N, L)."""
    distance, other = cKDTree(place).query(place, k=min(N_NEAREST + 1, len(place)))
    distance, other = np.maximum(distance[:, 1:], 1e-3 * spacing), other[:, 1:]
    off = (curvature - curvature.mean())[other]
    return np.stack([(k0(distance / (length * spacing)) * off).sum(axis=1) for length in LENGTHS], axis=1)

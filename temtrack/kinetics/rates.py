"""How fast each particle gains volume, against its size.

A particle's volume is that of a sphere of its diameter. Its rates are the slopes of volume and radius over a
window of some frames, so that one particle tells several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from temtrack.imaging.intensity import SIGMA_OF_MAD
from temtrack.kinetics.bootstrap import (
    FAULT_SIGMAS,
    MIN_FAMILIES,
    ContourError,
    bootstrapped,
    draw_families_and_errors,
)
from temtrack.kinetics.estimate import Estimate, Measured, Reals, Refused, fill_rows, require
from temtrack.kinetics.observed import RELAXING_FRAMES, ObservedRun

#: A run is cut into so many windows at most, of so many frames at least, in so many of which it is seen.
MAX_WINDOWS, MIN_WINDOW_FRAMES, MIN_FRAMES_SEEN = 6, 8, 5

#: A diameter that changes by more pixels in a frame may be a fault of the mask.
MIN_LEAP_PX = 2.0

#: Bins of radius hold equal numbers of rates: so many bins at most, so many rates in each at least.
MAX_BINS, MIN_BIN_RATES = 8, 10

_METHOD = "slope of each particle over a window, mean in a bin of radius; bootstrap of families, contours"
_SOURCE = "Simonsen et al. 2011, J. Catal. 281, 147"


@dataclass(frozen=True)
class ParticleRates:
    """Rates of particles in windows of time, each array (N,).

    Parameters
    ----------
    radius, rate, speed
        Mean radius, dV/dt and dr/dt, in the run's unit of length and seconds.
    weight
        One over the variance of the rate, up to a factor.
    place
        Mean y, x (N, 2).
    window, family
        Numbers from 0.
    window_frames
        Middle frame (W,) of each window.
    pixel
        Side of a pixel.
    """

    radius: Reals
    rate: Reals
    speed: Reals
    weight: Reals
    place: Reals
    window: NDArray[np.intp]
    family: NDArray[np.intp]
    window_frames: NDArray[np.intp]
    pixel: float

    @property
    def n_families(self) -> int:
        """Number of families, which are what is independent."""
        return int(self.family.max(initial=-1)) + 1

    def moved(self, error: ContourError) -> ParticleRates:
        """Return the rates where all contours are off."""
        radius = error.moved(2 * self.radius, self.pixel) / 2
        faster = error.speed_factor(2 * self.radius, self.pixel)
        rate = self.rate * (radius / self.radius) ** 2 * faster
        return replace(self, radius=radius, rate=rate, speed=self.speed * faster)

    def sums(self, values: Reals, group: NDArray[np.intp], n_groups: int) -> Reals:
        """Sum values (N,) by family and group, (F, G)."""
        size = self.n_families * n_groups
        sums = np.bincount(self.family * n_groups + group, values, size)
        return sums.reshape(self.n_families, n_groups).astype(np.float64)

    def bootstrap(
        self, fit: Callable[[ParticleRates, Reals], Reals], rng: np.random.Generator
    ) -> tuple[Reals, Reals]:
        """Return what ``fit(rates, counts)`` gives of all families, (K,), and of draws of them, (R, K).

        ``counts`` (R, F) tells how often each family is drawn; in each draw all contours are moved together,
        small particles otherwise than large ones.
        """
        draws = draw_families_and_errors(2 * self.radius, self.pixel, self.n_families, rng)
        drawn = np.concatenate([fit(self.moved(error), counts) for error, counts in draws])
        return fit(self, np.ones((1, self.n_families)))[0], drawn


def gather_rates(run: ObservedRun) -> ParticleRates:
    """Fit a line to each particle's volume in each window; refused where there are too few.

    Where a diameter leaps, by a fault of a mask or as two merge under one id, another line begins. A child
    tells none while it becomes round.
    """
    seconds, rows = run.known_seconds, run.settled.sort_values(["particle_id", "frame"])
    n_windows = max(1, min(MAX_WINDOWS, run.n_frames // MIN_WINDOW_FRAMES))
    frame, particle = (rows[name].to_numpy(dtype=np.int64) for name in ("frame", "particle_id"))
    piece = number_pieces(rows, MIN_LEAP_PX * run.unit_per_px)
    n_pieces = int(piece.max(initial=-1)) + 1
    cell, size = piece * n_windows + frame * n_windows // max(run.n_frames, 1), n_pieces * n_windows
    particle_of = np.zeros(n_pieces, dtype=np.int64)
    particle_of[piece] = particle
    diameter, t = rows["diameter"].to_numpy(dtype=np.float64), seconds[frame]
    volume = np.pi / 6 * diameter**3
    n = np.bincount(cell, minlength=size)
    mean_t, mean_v, mean_d = (
        np.bincount(cell, one, size) / np.maximum(n, 1) for one in (t, volume, diameter)
    )
    off_t, off_v = t - mean_t[cell], volume - mean_v[cell]
    terms = (off_t**2, off_t * off_v, off_v**2, off_t * diameter / 2)
    spread, cross, power, radial = (np.bincount(cell, one, size) for one in terms)
    held = np.flatnonzero((n >= MIN_FRAMES_SEEN) & (spread > 0))
    require(held.size, MIN_FAMILIES, f"particles seen whole in {MIN_FRAMES_SEEN} frames of a window")
    n, spread, rate, radius = n[held], spread[held], cross[held] / spread[held], mean_d[held] / 2
    variance = np.maximum(power[held] - rate**2 * spread, 0) / (n - 2) / spread
    families = run.families.reindex(particle_of[held // n_windows]).to_numpy()
    rates = ParticleRates(
        radius=radius,
        rate=rate,
        speed=radial[held] / spread,
        weight=1 / _smooth(radius, variance),
        place=np.stack([np.bincount(cell, rows[axis], size)[held] / n for axis in ("y", "x")], axis=1),
        window=held % n_windows,
        family=np.unique(families, return_inverse=True)[1],
        window_frames=((np.arange(n_windows) + 0.5) * run.n_frames / n_windows).astype(np.intp),
        pixel=run.unit_per_px,
    )
    require(rates.n_families, MIN_FAMILIES, "independent particles", held.size)
    return rates


def number_pieces(rows: pd.DataFrame, least: float) -> NDArray[np.intp]:
    """Return the piece (N,) of a track that each row is of, rows in the order of particles and frames.

    Pieces end at leaps, steps of the diameter beyond ``least`` and six standard deviations of the particle's,
    and where a particle is unseen for as long as a child takes to become round.
    """
    ids = rows["particle_id"]
    passed = rows["frame"].groupby(ids).diff()
    step = rows["diameter"].groupby(ids).diff() / passed
    off = (step - step.groupby(ids).transform("median")).abs()
    limit = FAULT_SIGMAS * SIGMA_OF_MAD * off.groupby(ids).transform("median")
    leaps = (off > np.maximum(limit, least)).to_numpy()
    begins = step.isna().to_numpy() | leaps | (passed > RELAXING_FRAMES).to_numpy()
    return np.cumsum(begins) - 1


def _smooth(radius: Reals, variance: Reals) -> Reals:
    """Return the variance as a power of the radius: that of a single line is too uncertain for a weight."""
    known = variance > 0
    if np.count_nonzero(known) < MIN_FAMILIES or np.ptp(radius[known]) == 0:
        return np.ones_like(radius)
    line = Polynomial.fit(np.log(radius[known]), np.log(variance[known]), 1).convert()
    smooth: Reals = (radius / radius.mean()) ** np.clip(line.coef[1], 0, 6)
    return smooth


def measure_rates(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure dV/dt and dr/dt in bins of radius."""
    unit = run.length_unit
    curves = [
        Estimate("volume_rate", f"{unit}3/s", _METHOD, _SOURCE),
        Estimate("radius_rate", f"{unit}/s", _METHOD, _SOURCE),
    ]
    try:
        rates = gather_rates(run)
        n_bins = min(MAX_BINS, rates.radius.size // MIN_BIN_RATES)
        require(n_bins, 1, f"bins of {MIN_BIN_RATES} rates", rates.radius.size)
    except Refused as refused:
        return [row.filled(refused) for row in curves]
    edges = np.quantile(rates.radius, np.linspace(0, 1, n_bins + 1)[1:-1])
    group = np.searchsorted(edges, rates.radius, side="right")

    def mean(moved: ParticleRates, counts: Reals) -> Reals:
        n = counts @ moved.sums(np.ones_like(moved.rate), group, n_bins)
        volume, radius = (
            counts @ moved.sums(one, group, n_bins) / np.where(n > 0, n, np.nan)
            for one in (moved.rate, moved.speed)
        )
        return np.hstack([volume, radius])

    value, drawn = rates.bootstrap(mean, rng)
    return [
        found
        for column, row in enumerate(row for row in curves for _ in range(n_bins))
        for found in fill_rows(
            [replace(row, at=float(np.median(rates.radius[group == column % n_bins])), at_unit=unit)],
            _tell,
            value[column],
            drawn[:, column],
            np.unique(rates.family[group == column % n_bins]).size,
        )
    ]


def _tell(value: float, drawn: Reals, n_families: int) -> list[Measured]:
    require(n_families, MIN_FAMILIES // 2, "independent particles of this size")
    return bootstrapped([np.array([value])], [drawn], n_families)

"""How volumes fluctuate beside their drift, told from the noise of the measurement: an MSD on V.

A volume that drifts, wanders as a Brownian walk and is measured with an error has third differences
``w = V(t + 3k) - 3 V(t + 2k) + 3 V(t + k) - V(t)`` that a drift leaves alone, also one that speeds up or
slows down evenly: ``<w^2> = 12 D k + 20 sigma^2``, where an MSD would be ``2 D k + 2 sigma^2`` and the square
of the drift. Second differences take what ripens or evaporates for a fluctuation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.intensity import SIGMA_OF_MAD
from temtrack.kinetics.bootstrap import (
    FAULT_SIGMAS,
    MIN_FAMILIES,
    ContourError,
    bootstrapped,
    draw_families_and_errors,
)
from temtrack.kinetics.diffusion import MIN_TRACK_FRAMES, frame_interval
from temtrack.kinetics.estimate import Estimate, Measured, Outcome, Reals, Refused, fill_rows, require
from temtrack.kinetics.observed import ObservedRun

MAX_BINS = 4

#: Lags in frames, those that the movie is long enough for, and how many of them a line needs.
LAGS, MIN_LAGS = range(1, 6), 3

_METHOD = (
    "<(V(t + 3k) - 3 V(t + 2k) + 3 V(t + k) - V(t))^2> = 12 D k + 20 sigma^2, lags k of 1 to 5 frames;"
    " bootstrap of families and contours"
)
_SOURCE = "Zakharov et al. 2026, arXiv 2603.20635; differences: Allan 1966, doi:10.1109/PROC.1966.4634"


@dataclass(frozen=True)
class Wanders:
    """Sums of squared third differences of volume and their number by particle and lag (N, L).

    With the median diameter and the number of the family (N,) of each particle.
    """

    squares: Reals
    n: Reals
    diameter: Reals
    family: NDArray[np.intp]
    pixel: float
    interval_s: float

    @property
    def n_families(self) -> int:
        """Number of families."""
        return int(self.family.max(initial=-1)) + 1

    def of(self, held: NDArray[np.bool_]) -> Wanders:
        """Return those of some particles."""
        family = np.unique(self.family[held], return_inverse=True)[1]
        squares, n, diameter = self.squares[held], self.n[held], self.diameter[held]
        return replace(self, squares=squares, n=n, diameter=diameter, family=family)

    def moved(self, error: ContourError) -> Reals:
        """Return the sums where all contours are off: a change of V is one of d, times d^2."""
        wider = error.moved(self.diameter, self.pixel) / self.diameter
        scaled: Reals = (
            self.squares * ((wider**2 * error.speed_factor(self.diameter, self.pixel)) ** 2)[:, None]
        )
        return scaled

    def by_family(self, values: Reals) -> Reals:
        """Sum values (N, L) over families (F, L)."""
        columns = [np.bincount(self.family, column, self.n_families) for column in values.T]
        return np.stack(columns, axis=1)


def measure_fluctuations(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure how fast volumes wander, of all particles and over radius, and the noise of a volume."""
    unit = run.length_unit
    wander = Estimate("volume_diffusion", f"{unit}6/s", _METHOD, _SOURCE)
    rows = [wander, Estimate("volume_noise", f"{unit}3", _METHOD, _SOURCE)]
    curve = replace(wander, quantity="volume_diffusion_over_radius", at_unit=unit)
    try:
        wanders = gather_wanders(run)
    except Refused as refused:
        return [row.filled(refused) for row in (*rows, curve)]
    n_bins = max(1, min(MAX_BINS, wanders.n_families // (2 * MIN_FAMILIES)))
    edges = np.quantile(wanders.diameter, np.linspace(0, 1, n_bins + 1)[1:-1])
    group = np.searchsorted(edges, wanders.diameter, side="right")
    found = fill_rows(rows, _fit, wanders, rng)
    for one in (wanders.of(group == number) for number in np.unique(group)):
        at = replace(curve, at=float(np.median(one.diameter)) / 2)
        found += fill_rows([at, rows[1]], _fit, one, rng)[:1]
    return found


def gather_wanders(run: ObservedRun) -> Wanders:
    """Return the third differences of all particles followed long enough; refused where there are few."""
    interval_s = frame_interval(run)
    rows = run.settled[["frame", "particle_id", "diameter"]]
    rows = rows[rows.groupby("particle_id")["frame"].transform("size") >= MIN_TRACK_FRAMES]
    ids, row = np.unique(rows["particle_id"].to_numpy(dtype=np.int64), return_inverse=True)
    family = np.unique(run.families.reindex(ids).to_numpy(), return_inverse=True)[1]
    require(int(family.max(initial=-1)) + 1, MIN_FAMILIES, f"families followed for {MIN_TRACK_FRAMES} frames")
    diameters = np.full((ids.size, run.n_frames), np.nan)
    diameters[row, rows["frame"].to_numpy(dtype=np.intp)] = rows["diameter"].to_numpy()
    middle = np.nanmedian(diameters, axis=1)
    volumes = np.pi / 6 * _cut_at_merges(run, ids, diameters) ** 3
    pixels = middle * run.unit_per_px**2  # by which V changes with one pixel of area
    parts = [_squares(volumes, lag, pixels) for lag in LAGS]
    squares, n = (np.stack(part, axis=1) for part in zip(*parts, strict=True))
    return Wanders(squares, n, middle, family, run.unit_per_px, interval_s)


def _cut_at_merges(run: ObservedRun, ids: NDArray[np.int64], diameters: Reals) -> Reals:
    """Return diameters (N, T) that end where a parent's id goes on as the child's: that is no fluctuation."""
    if run.merges is None:
        return diameters
    cut = diameters.copy()
    for child, parents, frame in run.merges[["child_id", "parent_ids", "frame"]].itertuples(index=False):
        if child in list(parents):
            cut[ids == child, max(int(frame) - 1, 0) :] = np.nan
    return cut


def _squares(volumes: Reals, lag: int, pixels: Reals) -> tuple[Reals, Reals]:
    """Return, by particle (N,), the sum of squared third differences and their number, faults left out."""
    if volumes.shape[1] <= 3 * lag:
        return np.zeros(len(volumes)), np.zeros(len(volumes))
    first, second, third, last = (volumes[:, k * lag : volumes.shape[1] - (3 - k) * lag] for k in range(4))
    w = last - 3 * third + 3 * second - first
    size = np.abs(w)
    typical = np.array([np.median(one[~np.isnan(one)]) if (~np.isnan(one)).any() else 0.0 for one in size])
    is_sound = size <= FAULT_SIGMAS * np.maximum(SIGMA_OF_MAD * typical, pixels)[:, None]
    return (np.where(is_sound, w, 0.0) ** 2).sum(axis=1), is_sound.sum(axis=1).astype(np.float64)


def _fit(wanders: Wanders, rng: np.random.Generator) -> list[Outcome]:
    n = wanders.n_families
    require(n, MIN_FAMILIES, "families of this size")
    n_steps = wanders.by_family(wanders.n)
    require(int(np.count_nonzero(n_steps.sum(axis=0))), MIN_LAGS, "lags")
    value = _line(wanders.by_family(wanders.squares).sum(axis=0)[None], n_steps.sum(axis=0)[None], wanders)
    drawn = [
        _line(counts @ wanders.by_family(wanders.moved(error)), counts @ n_steps, wanders)
        for error, counts in draw_families_and_errors(wanders.diameter, wanders.pixel, n, rng)
    ]
    diffusion, power = bootstrapped(value, [np.concatenate(one) for one in zip(*drawn, strict=True)], n)
    low, high = (end or 0.0 for end in diffusion.interval)
    noise, *ends = (float(np.sqrt(max(one or 0.0, 0.0))) for one in (power.value, *power.interval))
    told: Outcome = diffusion
    if diffusion.value <= 0 or low <= 0:
        told = Refused(f"no fluctuation beyond drift and noise: D at most {max(high, 0.0):.3g}", n)
    return [told, Measured(noise, (ends[0], ends[1]), n)]


def _line(squares: Reals, n: Reals, wanders: Wanders) -> tuple[Reals, Reals]:
    """Return D (R,) and sigma^2 (R,) of a line through the mean squares (R, L), one over lag as weight."""
    told = n.sum(axis=0) > 0
    y = squares[:, told] / np.maximum(n[:, told], 1)
    lags = wanders.interval_s * np.array(LAGS)[told]
    w = 1 / lags / (1 / lags).sum()
    off = lags - w @ lags
    slope = y @ (w * off) / (off**2 @ w)
    offset = y @ w - slope * (w @ lags)
    return slope / 12, offset / 20

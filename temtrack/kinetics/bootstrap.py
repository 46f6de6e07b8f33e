"""Drawing anew what is independent; and sums of powers of the diameter over time, by family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy import stats

from temtrack.kinetics.estimate import NO_TIMES, Measured, Reals, Refused, percentile_interval, require
from temtrack.kinetics.observed import ObservedRun

METHOD = "bootstrap of families and contours"

#: Times a bootstrap draws anew.
N_RESAMPLES = 1000

#: Fewer families say too little about how much families differ.
MIN_FAMILIES = 10

#: Nor do fewer times show a law.
MIN_TIMES = 8

#: Standard deviations, in px of diameter, by which all contours of a run are too far out or in together:
#: throughout, in proportion to how far the particles have grown, and bent over that. What drew the masks drew
#: all alike, and a threshold or a network sees small particles otherwise than large ones. On simulated movies
#: `otsu` and `effsam-tiny` were off by -1.1 and -0.3, -0.3 and 0.1, 0.09 and 0.06 px: these mean squares.
CONTOUR_ERRORS_PX = (0.8, 0.25, 0.08)

#: The same where sizes are compared, in px2 over a diameter of at least so many px: small particles are
#: faint, and whatever draws outlines draws them too narrow, the more the smaller they are. Root mean squares
#: on simulated movies of five kinds (seeds 900 to 906), whose contrast is that of the thickness: 17 of
#: `otsu`, 11 of `effsam-tiny`; so dr/dt at a diameter of 7 px was a quarter too fast, at 10 px a tenth.
SMALL_ERROR_PX2, SMALL_PX = 14.0, 8.0

#: Contours are off by `CONTOUR_ERRORS_PX` over the span of diameters, and over no less than this.
MIN_SPAN_PX = 5.0

#: Where a fit is made anew for each common error of the contours, so many of them are drawn.
N_OFFSETS = 20

#: Changes of a size beyond so many standard deviations of their particle are faults of a mask.
FAULT_SIGMAS = 6.0

#: Frames are gathered into so many times at most: more do not add knowledge to a smooth curve.
MAX_TIMES = 120


@dataclass(frozen=True)
class PowerSums:
    """Sums of d^0 to d^3 of each family at each time.

    Parameters
    ----------
    seconds
        Mean time (T,) of the frames that are gathered.
    sums
        (4, F, T): powers, families, times; diameters in the run's unit of length.
    n_rows
        Number of diameters behind it.
    pixel
        Side of a pixel, in the same unit.
    """

    seconds: Reals
    sums: Reals
    n_rows: int
    pixel: float

    @property
    def n_families(self) -> int:
        """Number of families, which are what is independent."""
        return int(self.sums.shape[1])

    def total(self) -> Reals:
        """Return the sums (4, 1, T) over all families."""
        total: Reals = self.sums.sum(axis=1, keepdims=True)
        return total

    def resample(self, rng: np.random.Generator) -> Reals:
        """Return the sums (4, R, T) over families drawn with replacement, R times.

        In each draw all contours are moved by what they may be off together.
        """
        return _moved(draw_counts(self.n_families, rng) @ self.sums, self._contour_errors(rng))

    def _contour_errors(self, rng: np.random.Generator) -> Reals:
        """Draw by how much all diameters are off (R, T): Legendre's polynomials of how far they grew."""
        mean = self.sums[1].sum(axis=0) / self.sums[0].sum(axis=0)
        grown = 2 * (mean - mean.min()) / max(float(np.ptp(mean)), 1e-12) - 1
        shapes = legendre.legvander(grown, len(CONTOUR_ERRORS_PX) - 1) * CONTOUR_ERRORS_PX
        drawn: Reals = rng.standard_normal((N_RESAMPLES, len(CONTOUR_ERRORS_PX))) @ shapes.T * self.pixel
        return drawn


@dataclass(frozen=True)
class ContourError:
    """By how much all contours of a run may be off together.

    A diameter d (px) is wider by ``offset_px + small_px2 (1 / d - 1 / middle_px)``, and grows by a fraction
    ``tilt`` faster.
    """

    offset_px: float = 0.0
    tilt: float = 0.0
    small_px2: float = 0.0
    middle_px: float = SMALL_PX

    def moved(self, diameter: Reals, pixel: float) -> Reals:
        """Return diameters as they would be, no smaller than a quarter; both in the unit of ``pixel``."""
        by_size = self.small_px2 * (1 / np.maximum(diameter / pixel, SMALL_PX) - 1 / self.middle_px)
        moved: Reals = np.maximum(diameter + pixel * (self.offset_px + by_size), diameter / 4)
        return moved

    def speed_factor(self, diameter: Reals, pixel: float) -> Reals:
        """Return by which factor a diameter would change faster."""
        shrinking = self.small_px2 / np.maximum(diameter / pixel, SMALL_PX) ** 2
        factor: Reals = np.maximum(1 + self.tilt - shrinking, 0.1)
        return factor


def draw_contour_errors(diameter: Reals, pixel: float, rng: np.random.Generator) -> list[ContourError]:
    """Draw common errors of the contours of particles of diameters (N,).

    They are spread evenly over the quantiles of each kind of error, in an order of its own, so that few draws
    tell the ends of an interval (McKay et al. 1979, doi:10.1080/00401706.1979.10489755).
    """
    even = stats.norm.ppf((np.arange(N_OFFSETS) + 0.5) / N_OFFSETS)
    offset, tilt, small = rng.permuted(np.tile(even, (3, 1)), axis=1)
    far_px, bent_px = CONTOUR_ERRORS_PX[:2]
    span_px = float(np.subtract(*np.quantile(diameter, [0.95, 0.05]))) / pixel
    tilt = 2 * bent_px / max(span_px, MIN_SPAN_PX) * tilt
    middle_px = max(float(np.median(diameter)) / pixel, SMALL_PX)
    errors = zip(far_px * offset, tilt, SMALL_ERROR_PX2 * small, strict=True)
    return [ContourError(float(by), float(bent), float(narrow), middle_px) for by, bent, narrow in errors]


def draw_families_and_errors(
    diameter: Reals, pixel: float, n_families: int, rng: np.random.Generator
) -> list[tuple[ContourError, Reals]]:
    """Draw how often each family is drawn (R, F), in parts, each with its common error of the contours."""
    errors = draw_contour_errors(diameter, pixel, rng)
    return list(zip(errors, np.array_split(draw_counts(n_families, rng), len(errors)), strict=True))


def require_law(sums: PowerSums | None) -> PowerSums:
    """Return sums to which a law can be fitted over time; refuse others."""
    if sums is None:
        raise Refused(NO_TIMES)
    if sums.n_families < MIN_FAMILIES:
        few = f"{sums.n_families} independent ones, {MIN_FAMILIES} are needed"
        raise Refused(f"too few particles: {few}", sums.n_rows)
    require(sums.seconds.size, MIN_TIMES, "times", sums.n_rows)
    return sums


def _moved(sums: Reals, by: Reals) -> Reals:
    """Return the sums (4, R, T) of powers of the diameters, each diameter larger by ``by`` (R, T)."""
    count, first, second, third = sums
    return np.stack(
        [
            count,
            first + by * count,
            second + 2 * by * first + by**2 * count,
            third + 3 * by * second + 3 * by**2 * first + by**3 * count,
        ]
    )


def draw_counts(n: int, rng: np.random.Generator) -> Reals:
    """Return how often each of ``n`` things is drawn, (R, n), when n are drawn with replacement R times."""
    return rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(np.float64)


def bootstrapped(
    values: Sequence[Reals], draws: Sequence[Reals], n: int, n_rows: int | None = None
) -> list[Measured]:
    """Return values, each (1,), with the intervals of their draws (R,), from ``n`` independent things.

    ``n_rows`` is the number of observations, where that is another.
    """
    pairs = zip(values, draws, strict=True)
    return [
        Measured(float(value[0]), percentile_interval(drawn, n), n if n_rows is None else n_rows)
        for value, drawn in pairs
    ]


def moment_ratio(sums: Reals, over: int, under: int) -> Reals:
    """Return ``sum d^over / sum d^under`` (R, T) of power sums (4, R, T).

    A draw without any particle at a time takes the mean of its other times.
    """
    ratio = sums[over] / np.where(sums[under] > 0, sums[under], np.nan)
    filled: Reals = np.where(np.isnan(ratio), np.nanmean(ratio, axis=1, keepdims=True), ratio)
    return filled


def gather_power_sums(run: ObservedRun) -> PowerSums | None:
    """Sum the powers of the diameters of all whole particles, family by family and time by time.

    ``None`` where the run has no frame times.
    """
    if run.seconds is None:
        return None
    rows = run.whole
    n_times = min(MAX_TIMES, run.n_frames)
    time_of_frame = np.arange(run.n_frames) * n_times // max(run.n_frames, 1)
    family = np.unique(rows["family"].to_numpy(), return_inverse=True)[1]
    n_families = int(family.max(initial=-1)) + 1
    cell = family * n_times + time_of_frame[rows["frame"].to_numpy(dtype=np.intp)]
    diameter = rows["diameter"].to_numpy()
    size = n_families * n_times
    sums: list[Reals] = [
        np.bincount(cell, diameter**power, size).reshape(n_families, n_times).astype(np.float64)
        for power in range(4)
    ]
    seconds = np.bincount(time_of_frame, run.seconds, n_times) / np.bincount(time_of_frame, minlength=n_times)
    held = np.sum(sums[0], axis=0) > 0
    held_sums = np.stack(sums)[:, :, held]
    return PowerSums(seconds[held] - run.seconds[0], held_sums, len(rows), run.unit_per_px)

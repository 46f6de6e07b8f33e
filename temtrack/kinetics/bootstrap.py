"""Sums of powers of the diameter over time, by family, and over families drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from temtrack.kinetics.observed import ObservedRun

Reals = NDArray[np.float64]

#: Times a bootstrap draws anew.
N_RESAMPLES = 1000

#: Fewer families say too little about how much families differ.
MIN_FAMILIES = 10

#: Standard deviations, in px of diameter, by which all outlines of a run are too far out or in together:
#: throughout, in proportion to how far the particles have grown, and bent over that. What drew the masks drew
#: all alike, and a threshold or a network sees small particles otherwise than large ones. On simulated movies
#: `otsu` and `effsam-tiny` were off by -1.1 and -0.3, -0.3 and 0.1, 0.09 and 0.06 px: these mean squares.
OUTLINE_ERRORS_PX = (0.8, 0.25, 0.08)

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

        In each draw all outlines are moved by what they may be off together.
        """
        n = self.n_families
        times_drawn = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(np.float64)
        return _moved(times_drawn @ self.sums, self._outline_errors(rng))

    def _outline_errors(self, rng: np.random.Generator) -> Reals:
        """Draw by how much all diameters are off (R, T): Legendre's polynomials of how far they grew."""
        mean = self.sums[1].sum(axis=0) / self.sums[0].sum(axis=0)
        grown = 2 * (mean - mean.min()) / max(float(np.ptp(mean)), 1e-12) - 1
        shapes = legendre.legvander(grown, len(OUTLINE_ERRORS_PX) - 1) * OUTLINE_ERRORS_PX
        drawn: Reals = rng.standard_normal((N_RESAMPLES, len(OUTLINE_ERRORS_PX))) @ shapes.T * self.pixel
        return drawn


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


def gather_power_sums(run: ObservedRun) -> PowerSums:
    """Sum the powers of the diameters of all whole particles, family by family and time by time.

    Raises
    ------
    ValueError
        Where the run has no frame times.
    """
    if run.seconds is None:
        raise ValueError("a run without frame times has no sums over time")
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

"""Sums of powers of the diameter over time, by family, and over families drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.kinetics.observed import ObservedRun

Reals = NDArray[np.float64]

#: Times a bootstrap draws anew.
N_RESAMPLES = 1000

#: Fewer families say too little about how much families differ.
MIN_FAMILIES = 10

#: Standard deviation, in px, by which all diameters of a run are too large or too small together: what drew
#: the masks drew all outlines alike, and whole pixels tell them no better.
OUTLINE_ERROR_PX = 0.5

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
    outline_error
        By how much all diameters may be off together (standard deviation), in the same unit.
    """

    seconds: Reals
    sums: Reals
    n_rows: int
    outline_error: float

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
        moved = self.outline_error * rng.standard_normal((N_RESAMPLES, 1))
        return _moved(times_drawn @ self.sums, moved)


def _moved(sums: Reals, by: Reals) -> Reals:
    """Return the sums (4, R, T) of powers of the diameters, each diameter larger by ``by`` (R, 1)."""
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
    error = OUTLINE_ERROR_PX * run.unit_per_px
    return PowerSums(seconds[held] - run.seconds[0], np.stack(sums)[:, :, held], len(rows), error)

"""Cross-correlation of two images: by how much one is shifted against the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

#: Images are correlated on a grid of at most this many points a side.
MAX_GRID = 512


@dataclass(frozen=True)
class Correlation:
    """Sums of products of two images (Y, X) at every whole shift between them.

    Parameters
    ----------
    sums
        One for each shift (y, x); those of negative shifts count from the end.
    peak
        The shift of the greatest sum.
    """

    sums: NDArray[np.float32]
    peak: tuple[int, int]

    def at(self, shift: tuple[int, int]) -> float:
        """Return the sum at a whole shift (y, x)."""
        height, width = self.sums.shape
        return float(self.sums[shift[0] % height, shift[1] % width])


def correlate(before: NDArray[np.float32], after: NDArray[np.float32]) -> Correlation:
    """Correlate two images (Y, X) of one size; what lies outside of them counts as 0."""
    shape = [fft.next_fast_len(2 * n, real=True) for n in before.shape]
    sums = fft.irfft2(fft.rfft2(after, shape) * np.conj(fft.rfft2(before, shape)), shape)
    peak = np.unravel_index(np.argmax(sums), sums.shape)
    y, x = (int(p) - n if p > n // 2 else int(p) for p, n in zip(peak, shape, strict=True))
    return Correlation(sums, (y, x))


def grid_spacing(shape: tuple[int, ...]) -> int:
    """Return the pixels from one grid point to the next for an image of that shape."""
    return -(-max(shape) // MAX_GRID)

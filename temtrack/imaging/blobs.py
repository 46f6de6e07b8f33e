"""What an image tells by itself of its particles: how wide they are, and whether they are bright or dark.

Scale space of blobs (Lindeberg 1998, doi:10.1023/A:1008045108935): the Laplacian of a Gaussian, normalised by
its width, answers most strongly to a disc of its own width. On a lumpy support every width has its blobs; a
particle is one that stands out of all that is as wide around it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.blocks import block_means

#: Diameters (px) that are looked for.
DIAMETERS_PX = np.geomspace(4.0, 128.0, 16)

#: A blob stands out by so many times the root mean square of the answers around, within a Gaussian whose
#: standard deviation is so many of its diameters.
MIN_PROMINENCE, AROUND_DIAMETERS = 4.0, 2.0

#: Grey values, of an image in [0, 1], that are no more than rounding.
MIN_ANSWER = 0.004

#: A blob and a particle are about as wide where their diameters differ by no more than this factor.
ALIKE_FACTOR = 2.0

#: Points of the grid on which a Gaussian is computed, in its standard deviation.
_MAX_SIGMA_POINTS = 2.0


@dataclass(frozen=True)
class Blobs:
    """Blobs of one polarity: their ``y_px``, ``x_px``, ``diameter_px`` and ``weight``, each (N,).

    The weight is the answer, which goes with the contrast, times the prominence.
    """

    y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]
    diameter_px: NDArray[np.float64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def typical_diameter_px(self) -> float | None:
        """The weighted median of the diameters; ``None`` without any."""
        if not len(self):
            return None
        order = np.argsort(self.diameter_px)
        total = np.cumsum(self.weight[order])
        return float(self.diameter_px[order][np.searchsorted(total, total[-1] / 2)])

    @property
    def evidence(self) -> float:
        """How much there is of them: the sum of weight times diameter."""
        return float(np.sum(self.weight * self.diameter_px))

    def shifted(self, y_px: float, x_px: float) -> Blobs:
        """Return them in an image whose origin lies so far before that of this one."""
        return replace(self, y_px=self.y_px + y_px, x_px=self.x_px + x_px)

    def confirm(self, labels: NDArray[np.int32]) -> int:
        """Return how many of the labelled particles (Y, X) hold the centre of a blob about as wide."""
        y, x = np.rint(self.y_px).astype(int), np.rint(self.x_px).astype(int)
        is_inside = (y >= 0) & (x >= 0) & (y < labels.shape[0]) & (x < labels.shape[1])
        ids = np.where(is_inside, labels[np.where(is_inside, y, 0), np.where(is_inside, x, 0)], 0)
        widths = np.sqrt(4 / np.pi * np.bincount(labels.ravel()))[ids]
        is_alike = np.maximum(widths, self.diameter_px) <= ALIKE_FACTOR * np.minimum(widths, self.diameter_px)
        return len(np.unique(ids[(ids > 0) & is_alike]))


def find_blobs(grey: NDArray[np.float32]) -> tuple[Blobs, Blobs]:
    """Find the bright and the dark blobs of an image (Y, X) in [0, 1]."""
    found = [_at_width(grey, width) for width in DIAMETERS_PX]
    bright, dark = (_strongest(np.concatenate(of_one)) for of_one in zip(*found, strict=True))
    return bright, dark


def _at_width(grey: NDArray[np.float32], diameter_px: float) -> list[NDArray[np.float64]]:
    """Return prominent bright and dark blobs of a width, (N, 5): y, x, diameter, answer, prominence."""
    sigma = diameter_px / np.sqrt(8)
    step = max(1, int(sigma / _MAX_SIGMA_POINTS))
    if min(grey.shape) // step < 2:
        return [np.zeros((0, 5))] * 2
    coarse = block_means(grey, step)
    answers = -((sigma / step) ** 2) * ndimage.gaussian_laplace(coarse, sigma / step)
    reach = AROUND_DIAMETERS * diameter_px / step
    around = np.sqrt(ndimage.gaussian_filter(answers**2, reach, truncate=2.0))
    return [_peaks(answer, around, step, diameter_px) for answer in (answers, -answers)]


def _peaks(
    answer: NDArray[np.float32], around: NDArray[np.float32], step: int, diameter_px: float
) -> NDArray[np.float64]:
    is_peak = (answer > MIN_ANSWER) & (answer > MIN_PROMINENCE * around)
    is_peak &= answer == ndimage.maximum_filter(answer, 3)
    y, x = np.nonzero(is_peak)
    width, height = np.full(len(y), diameter_px), answer[is_peak]
    return np.column_stack(
        [step * (y + 0.5) - 0.5, step * (x + 0.5) - 0.5, width, height, height / around[is_peak]]
    )


def _strongest(found: NDArray[np.float64]) -> Blobs:
    """Leave out what lies within a stronger blob, as a part of it."""
    found = found[np.argsort(-found[:, 3], kind="stable")]
    is_left = np.ones(len(found), bool)
    for i, (y, x, diameter) in enumerate(found[:, :3]):
        if is_left[i]:
            is_inside = np.hypot(found[:, 0] - y, found[:, 1] - x) < diameter / 2
            is_inside[: i + 1] = False
            is_left &= ~is_inside
    y, x, diameter, answer, prominence = found[is_left].T
    return Blobs(y, x, diameter, answer * prominence)

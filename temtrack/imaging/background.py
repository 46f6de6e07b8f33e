"""Flatten an uneven background, so that particles on a thick, lumpy support stand out of it alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import rank
from skimage.morphology import disk

from temtrack.imaging.blocks import block_means

#: Width of the disc whose median is the background, in particle diameters: no particle fills half of it, and
#: the edge of a support stays where it is.
BACKGROUND_DIAMETERS = 3.0

#: Standard deviation of the window in which grey values are brought to one spread, in particle diameters.
SPREAD_DIAMETERS = 4.0

#: Spread of the grey values, of an image in [0, 1], that is no more than noise.
LEAST_SPREAD = 0.02

#: What is wider is computed on a coarser grid: a Gaussian so many points wide, a disc of such a radius.
_MAX_SIGMA_POINTS = 4.0
_MAX_RADIUS_POINTS = 8.0


def flatten_background(grey: NDArray[np.float32], diameter_px: float) -> NDArray[np.float32]:
    """Return an image (Y, X) in [0, 1] less its local background, over its local spread.

    The spread is no less than that of half of the image: the noise of an empty part is not blown up.

    Parameters
    ----------
    diameter_px
        Width of a typical particle; what is much wider is background.

    Returns
    -------
    (Y, X) float32 around 0, in standard deviations.
    """
    detail = grey - _wide_median(grey, BACKGROUND_DIAMETERS * diameter_px / 2)
    power = np.maximum(_wide_blur(detail * detail, SPREAD_DIAMETERS * diameter_px), 0)
    least = max(float(np.median(power)), LEAST_SPREAD**2)
    return np.asarray(detail / np.sqrt(power + least), np.float32)


def is_bright(grey: NDArray[np.float32], labels: NDArray[Any], diameter_px: float) -> bool:
    """Whether labelled particles (Y, X) of a typical diameter are brighter than what is around them."""
    return bool(flatten_background(grey, diameter_px)[labels > 0].sum() > 0)


def _wide_median(grey: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    """Return the median within a disc, in 256 steps of grey, of a wide one on a coarser grid."""
    step = max(1, int(radius_px / _MAX_RADIUS_POINTS))
    radius = max(2, round(radius_px / step))
    coarse = np.pad(_coarser(grey, step), radius, mode="symmetric")
    median = rank.median(np.uint8(255 * coarse.clip(0, 1)), disk(radius))[radius:-radius, radius:-radius]
    return _finer(ndimage.gaussian_filter(np.float32(median) / 255, 1.0), step, grey.shape)


def _wide_blur(grey: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Return a Gaussian blur, of a wide one as much as a coarser grid shows."""
    step = max(1, int(sigma_px / _MAX_SIGMA_POINTS))
    if min(grey.shape) < 2 * step:
        step = 1
    return _finer(ndimage.gaussian_filter(_coarser(grey, step), sigma_px / step), step, grey.shape)


def _coarser(grey: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return an image (Y, X) on a grid of every ``step`` px, each point the mean of its square."""
    if step == 1:
        return grey
    padded = np.pad(grey, [(0, -n % step) for n in grey.shape], mode="symmetric")
    return np.asarray(block_means(padded, step), np.float32)


def _finer(coarse: NDArray[np.float32], step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return what `_coarser` made on the pixels of the image again, between its points linearly."""
    if step > 1:
        coarse = ndimage.zoom(coarse, step, order=1, mode="nearest", grid_mode=True)
    return np.asarray(coarse[: shape[0], : shape[1]], np.float32)

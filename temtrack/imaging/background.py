"""Flatten an uneven background, so that particles on a thick, lumpy support stand out of it alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Standard deviation of the Gaussian that is the background, in particle diameters: no particle fills it.
BACKGROUND_DIAMETERS = 1.5

#: That of the window in which grey values are brought to one spread, in particle diameters.
SPREAD_DIAMETERS = 4.0

#: Spread of the grey values, of an image in [0, 1], that is no more than noise.
LEAST_SPREAD = 0.02

#: A wider Gaussian is computed on a coarser grid, where it is so many points wide.
_MAX_SIGMA_POINTS = 4.0


def flatten_background(grey: NDArray[np.float32], diameter_px: float) -> NDArray[np.float32]:
    """Return an image (Y, X) in [0, 1] less its local background, over its local standard deviation.

    Parameters
    ----------
    diameter_px
        Width of a typical particle; what is much wider is background.

    Returns
    -------
    (Y, X) float32 around 0, in standard deviations.
    """
    detail = grey - _wide_blur(grey, BACKGROUND_DIAMETERS * diameter_px)
    power = _wide_blur(detail * detail, SPREAD_DIAMETERS * diameter_px)
    return np.asarray(detail / np.sqrt(np.maximum(power, 0) + LEAST_SPREAD**2), np.float32)


def is_bright(grey: NDArray[np.float32], labels: NDArray[Any], diameter_px: float) -> bool:
    """Whether labelled particles (Y, X) of a typical diameter are brighter than what is around them."""
    return bool(flatten_background(grey, diameter_px)[labels > 0].sum() > 0)


def _wide_blur(grey: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Return a Gaussian blur, of a wide one as much as a coarser grid shows."""
    step = max(1, int(sigma_px / _MAX_SIGMA_POINTS))
    if step == 1 or min(grey.shape) < 2 * step:
        return np.asarray(ndimage.gaussian_filter(grey, sigma_px), np.float32)
    padded = np.pad(grey, [(0, -n % step) for n in grey.shape], mode="symmetric")
    rows, columns = (n // step for n in padded.shape)
    coarse = padded.reshape(rows, step, columns, step).mean(axis=(1, 3))
    blurred = ndimage.gaussian_filter(coarse, sigma_px / step)
    fine = ndimage.zoom(blurred, step, order=1, mode="nearest", grid_mode=True)
    return np.asarray(fine[: grey.shape[0], : grey.shape[1]], np.float32)

"""How much matter a particle holds, from how much it darkens the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.analysis.shape import Reals, RegionPixels

#: The support's brightness is averaged over a square of so many typical particle diameters.
_SURROUNDINGS_DIAMETERS = 3.0

#: Pixels so near a particle may lie in its fringe or blur and are no support.
_RIM_PX = 2

#: Darker than this share of the support's brightness a pixel is as good as black.
_DARKEST = 0.01


def measure_optical_mass(labels: NDArray[np.integer], image: NDArray[Any], regions: RegionPixels) -> Reals:
    """Sum the optical depth ``-ln(I / I0)`` over each region, (N,) in px2; ``I0`` is the support around it.

    In bright field it is proportional to the projected mass (Beer-Lambert), so the child of a merge has as
    much as its parents together, whatever its shape. It takes grey value 0 for no electrons; diffraction
    makes it waver. NaN where the frame shows no support.
    """
    grey = image.astype(np.float64)
    support = (ndimage.maximum_filter(labels, size=2 * _RIM_PX + 1) == 0) & np.isfinite(grey)
    if not support.any() or not len(regions):
        return np.full(len(regions), np.nan)
    diameter = 2 * np.sqrt(np.median(regions.total()) / np.pi)
    size = int(np.ceil(_SURROUNDINGS_DIAMETERS * diameter)) + 2 * _RIM_PX
    total = ndimage.uniform_filter(np.where(support, grey, 0.0), size)
    share = ndimage.uniform_filter(support.astype(np.float64), size)
    everywhere = float(np.median(grey[support]))
    brightness = np.where(share > 1 / size**2, total / np.maximum(share, 1 / size**2), everywhere)
    own = brightness[regions.y, regions.x]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -np.log(np.maximum(grey[regions.y, regions.x] / own, _DARKEST))
    return regions.total(np.where(np.isfinite(depth), depth, 0.0))

"""How much matter a particle holds, from how much it darkens the image: its integrated optical density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.analysis.shape import EncodedRegions, Reals

#: The support's brightness is averaged over a square of so many typical particle diameters.
_SURROUNDINGS_DIAMETERS = 3.0

#: Pixels so near a particle may lie in its fringe or blur and are no support.
_RIM_PX = 2

#: Darker than this fraction of the support's brightness a pixel is as good as black.
_DARKEST = 0.01


def measure_optical_mass(regions: EncodedRegions, image: NDArray[Any]) -> Reals:
    """Integrate the optical density ``-ln(I / I0)`` over each region, (N,) in px2; I0 is the support nearby.

    This integrated optical density is called optical mass: in bright field it is proportional to the
    projected mass (Beer-Lambert), so the child of a merge has as much as its parents together, whatever its
    shape. It takes grey value 0 for no electrons; diffraction makes it waver. NaN where the frame shows no
    support.
    """
    grey = image.astype(np.float64)
    is_support = (ndimage.maximum_filter(regions.small, size=2 * _RIM_PX + 1) == 0) & np.isfinite(grey)
    if not is_support.any() or not len(regions.ids):
        return np.full(len(regions.ids), np.nan)
    diameter = 2 * np.sqrt(np.median(regions.area_px) / np.pi)
    size = int(np.ceil(_SURROUNDINGS_DIAMETERS * diameter)) + 2 * _RIM_PX
    total = ndimage.uniform_filter(np.where(is_support, grey, 0.0), size)
    fraction = ndimage.uniform_filter(is_support.astype(np.float64), size)
    everywhere = float(np.median(grey[is_support]))
    support = np.where(fraction > 1 / size**2, total / np.maximum(fraction, 1 / size**2), everywhere)
    with np.errstate(divide="ignore", invalid="ignore"):
        transmitted = grey.ravel()[regions.pixels] / support.ravel()[regions.pixels]
        density = -np.log(np.maximum(transmitted, _DARKEST))
    return regions.total_of_pixels(np.where(np.isfinite(density), density, 0.0))

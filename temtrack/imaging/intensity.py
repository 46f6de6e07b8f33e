"""Bring any microscope image to one range of grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

#: What networks see as the grey level halfway between background and particles.
MIDDLE = 0.5
CENTRING_BLUR_PX = 2.0  # noise of single pixels would fill the valley between the two classes

LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5

#: A standard deviation is so many medians of absolute deviations, where values are normal.
SIGMA_OF_MAD = 1.4826

#: So many pixels are stretched at once: they stay in the cache, and large images need no copies.
_PIXELS_AT_ONCE = 65_536


def robust_sigma(values: NDArray[Any]) -> float:
    """Return the standard deviation of normal noise around 0, as the median of its absolute values tells."""
    return SIGMA_OF_MAD * float(np.median(np.abs(values)))


def rescale_intensity(image: NDArray[Any]) -> NDArray[np.float32]:
    """Stretch an image (..., Y, X) of any type to [0, 1] between its 0.5 and 99.5 percentiles.

    NaN and infinite pixels become the median of the others. An image without contrast becomes all 0.
    """
    grey = image.astype(np.float32)
    finite = np.isfinite(grey)
    if not finite.any():
        return np.zeros(grey.shape, np.float32)
    if not finite.all():
        grey = np.where(finite, grey, np.median(grey[finite])).astype(np.float32)
    low, high = np.percentile(grey, [LOW_PERCENTILE, HIGH_PERCENTILE])
    if high <= low:
        low, high = float(grey.min()), float(grey.max())
    if high <= low:
        return np.zeros(grey.shape, np.float32)
    pixels, stretched = grey.ravel(), np.empty(grey.size, np.float32)
    for start in range(0, grey.size, _PIXELS_AT_ONCE):  # in float64, as the percentiles are
        part = slice(start, start + _PIXELS_AT_ONCE)
        stretched[part] = np.clip((pixels[part] - low) / (high - low), 0, 1)
    return stretched.reshape(grey.shape)


def centre_intensity(grey: NDArray[np.float32], blur_px: float = CENTRING_BLUR_PX) -> NDArray[np.float32]:
    """Shift an image (..., Y, X) so that the level halfway between its two classes of grey values is at 0.5.

    Outlines are drawn where the grey value is halfway between background and particle. That is one level for
    the whole image, which a network that sees a part of it could only guess: Otsu's threshold, the middle
    between the means of both classes (Otsu 1979, doi:10.1109/TSMC.1979.4310076), of the image blurred by a
    Gaussian whose standard deviation is ``blur_px``. Of a frame with its neighbours it is that of their mean.
    """
    mean = grey.reshape(-1, *grey.shape[-2:]).mean(axis=0) if grey.ndim > 2 else grey
    shift = MIDDLE - threshold_otsu(ndimage.gaussian_filter(mean, blur_px))
    levelled: NDArray[np.float32] = grey + np.float32(shift)
    return levelled

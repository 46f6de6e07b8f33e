"""Bring any microscope image to one range of grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE, HIGH_PERCENTILE = 0.5, 99.5


def normalise(image: NDArray[Any]) -> NDArray[np.float32]:
    """Stretch an image (Y, X) of any type to [0, 1] between its 0.5 and 99.5 percentiles.

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
    stretched: NDArray[np.float32] = np.clip((grey - low) / (high - low), 0, 1).astype(np.float32)
    return stretched

"""Means over square blocks of pixels: an image on a coarser grid, with less noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def block_means(image: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the means of an image (Y, X) over blocks of ``side`` px; what fills none is cut off."""
    rows, columns = (n // side for n in image.shape)
    blocks = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return np.asarray(blocks.mean(axis=(1, 3)))

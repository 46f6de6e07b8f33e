"""Margins without a picture: white or black columns and rows at the border of a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: A column or row at the border is dead where its grey values scatter by less than this share of the usual.
_DEAD_SCATTER = 0.1

#: Margins are at most so wide, as a share of the side: what is wider is a part of the scene.
_MAX_MARGIN = 0.1


def fill_margins(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (Y, X) with its dead margins replaced by the pixels that are nearest to them."""
    (top, bottom), (left, right) = (_live(_scatter(grey, axis)) for axis in (1, 0))
    if (top, left) == (0, 0) and (bottom, right) == grey.shape:
        return grey
    height, width = grey.shape
    around = ((top, height - bottom), (left, width - right))
    return np.pad(grey[top:bottom, left:right], around, mode="edge")


def _scatter(grey: NDArray[np.float32], along: int) -> NDArray[np.floating]:
    """Return how far apart the ninth and the first decile lie along an axis, of every fourth pixel."""
    sampled = grey[:, ::4] if along else grey[::4]
    low, high = np.percentile(sampled, (10, 90), axis=along)
    return np.asarray(high - low)


def _live(scatter: NDArray[np.floating]) -> tuple[int, int]:
    """Return where the lines with a picture begin and end, given how much the pixels of each scatter."""
    n, least = scatter.size, _DEAD_SCATTER * float(np.median(scatter))
    at_most = int(_MAX_MARGIN * n)
    start = 0
    while start < at_most and scatter[start] < least:
        start += 1
    stop = n
    while n - stop < at_most and scatter[stop - 1] < least:
        stop -= 1
    return start, stop

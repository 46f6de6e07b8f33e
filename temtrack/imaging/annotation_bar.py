"""The bar along an edge of an image in which a camera's program writes: how the image was taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.scale_bar import TOLERANCE
from temtrack.imaging.spans import length

SMEAR_PX = 3  # by which edges of what is drawn are smeared

# Fractions of the image's height, of a row's pixels, of columns, and of the bar's pixels.
MIN_BAR, MAX_BAR = 0.015, 0.25
MIN_BACKGROUND = 0.5  # in each row but for lines across it, as high as two of the lowest bars
MAX_BACKGROUND_OUTSIDE = 0.3  # in the rows next to it
MAX_COLUMNS_WITHOUT_BACKGROUND = 0.02  # pictures beside it, and no bar, have none in some
MIN_WRITING, MAX_UNCLEAR = 0.003, 0.25  # what is neither background nor writing is unclear


def find_bar_rows(grey: NDArray[np.float32]) -> list[slice]:
    """Return the rows of bars along the lower and the upper edge of an image (Y, X) in [0, 1]."""
    height = len(grey)
    lower, upper = (
        max(_bar_depth(rows, background) for background in (0.0, 1.0)) for rows in (grey[::-1], grey)
    )
    return [rows for rows in (slice(height - lower, height), slice(0, upper)) if length(rows)]


def _bar_depth(grey: NDArray[np.float32], background: float) -> int:
    """Return how many of the first rows are a bar of that background with writing on it; 0 where none is."""
    height = len(grey)
    lowest = int(np.ceil(MIN_BAR * height))
    is_background = np.abs(grey[: int(MAX_BAR * height) + lowest] - background) <= TOLERANCE
    fraction = is_background.mean(axis=1)
    (of_bar,) = np.nonzero(fraction >= MIN_BACKGROUND)
    breaks = np.flatnonzero(np.diff(of_bar, prepend=-1) > 2 * lowest)
    of_bar = of_bar[: breaks[0]] if breaks.size else of_bar
    depth = int(of_bar[-1]) + 1 if of_bar.size >= lowest else 0
    outside = fraction[depth + SMEAR_PX : depth + SMEAR_PX + lowest]
    if depth == 0 or outside.size < lowest or outside.max() > MAX_BACKGROUND_OUTSIDE:
        return 0
    if (~is_background[:depth].any(axis=0)).mean() > MAX_COLUMNS_WITHOUT_BACKGROUND:
        return 0
    writing = np.abs(grey[:depth] - background) >= 0.5
    unclear = 1 - is_background[:depth].mean() - writing.mean()
    return depth + SMEAR_PX if writing.mean() >= MIN_WRITING and unclear <= MAX_UNCLEAR else 0

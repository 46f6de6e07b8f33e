"""The scale bar that a camera's program burned into an image: where it lies and how long it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.calibration import Calibration, PixelSize
from temtrack.errors import InputError
from temtrack.movie import Movie

#: Grey values within this share of the image's range count as one: JPEG smears them.
TOLERANCE = 0.06

#: A bar is at least this share of the image wide, and at most the other.
_SHORTEST, _LONGEST = 0.055, 0.6

#: It is thin: at least so many times as wide as its line is high.
_LEAST_ASPECT = 5.0

#: A line's upper and lower edges are straight: this share of its box is filled.
_LEAST_FILLED = 0.9

#: End ticks are at most so many times as wide as the line is high.
_TICK_WIDTHS = 2

#: So far outside a line, in pixels, the grey value differs by at least this share of the image's range.
_EDGE_PX, _LEAST_CONTRAST = 2, 0.15


@dataclass(frozen=True)
class ScaleBar:
    """A bar: its upper left pixel, and length and height of its line in pixels, end ticks left out."""

    y_px: int
    x_px: int
    length_px: int
    height_px: int


def calibrate_by_scale_bar(movie: Movie, bar_nm: float) -> Movie:
    """Return the movie with the scale that the bar in its first frame gives, where `bar_nm` is its length.

    Raises
    ------
    InputError
        If no bar is found there, or several of different lengths.
    """
    bars = detect_scale_bars(movie.read_frame(0))
    if not bars:
        raise InputError(
            f"{movie.path}: no scale bar found in the first frame; give --pixel-size 0.21nm, say, instead"
        )
    longest = bars[0]
    if any(bar.length_px < longest.length_px - 1 for bar in bars):
        lengths = ", ".join(f"{bar.length_px} px at x={bar.x_px}, y={bar.y_px}" for bar in bars)
        raise InputError(
            f"{movie.path}: several lines look like the scale bar ({lengths}); give --pixel-size instead"
        )
    source = f"bar of {longest.length_px} px at x={longest.x_px}, y={longest.y_px}, given by --scale-bar"
    bar = Calibration(PixelSize(bar_nm / longest.length_px, source))
    return replace(movie, calibration=bar.or_else(movie.calibration))


def detect_scale_bars(image: NDArray[Any]) -> list[ScaleBar]:
    """Return the bars in a grey image (Y, X), the longest first; none or several where it is not clear.

    A bar is a straight horizontal line of the image's lightest or darkest grey value with sharp edges, alone
    or with a tick at each end.
    """
    grey = scale_grey(image)
    if grey is None:
        return []
    masks = (grey >= 1 - TOLERANCE, grey <= TOLERANCE)
    found = [bar for mask in masks for bar in _lines(mask) if _stands_out(grey, bar)]
    return sorted(found, key=lambda bar: -bar.length_px)


def scale_grey(image: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return an image with its darkest grey as 0, its lightest as 1, what is not finite as NaN.

    ``None`` where it is constant.
    """
    grey = image.astype(np.float64)
    known = grey[np.isfinite(grey)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if not high > low:
        return None
    return np.where(np.isfinite(grey), (grey - low) / (high - low), np.nan)


def _lines(mask: NDArray[np.bool_]) -> list[ScaleBar]:
    """Return the connected parts of a mask (Y, X) that are lines of a bar's length and free of the border."""
    labels, _ = ndimage.label(mask)
    height, width = mask.shape
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        length = columns.stop - columns.start
        is_free = rows.start > 0 and columns.start > 0 and rows.stop < height and columns.stop < width
        if is_free and _SHORTEST * width <= length <= _LONGEST * width:
            line = _line_rows(labels[rows, columns] == number)
            if line is not None:
                found.append(ScaleBar(rows.start + line.start, columns.start, length, line.stop - line.start))
    return found


def _line_rows(part: NDArray[np.bool_]) -> slice | None:
    """Return the rows of the line in a box (Y, X), ``None`` where it holds anything else but end ticks."""
    if part.shape[0] > part.shape[1] / 2:  # sides of a box, not ticks
        return None
    (rows,) = np.nonzero(part.mean(axis=1) >= _LEAST_FILLED)
    if len(rows) == 0 or rows[-1] - rows[0] + 1 != len(rows) or part.shape[1] < _LEAST_ASPECT * len(rows):
        return None
    tick = min(_TICK_WIDTHS * len(rows), part.shape[1] // 3)
    beside = np.delete(part[:, tick:-tick], rows, axis=0)
    if beside.any():
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1)


def _stands_out(grey: NDArray[np.float64], bar: ScaleBar) -> bool:
    """Tell whether the line's edges are sharp all along: rows two pixels outside differ clearly in grey."""
    tick = min(_TICK_WIDTHS * bar.height_px, bar.length_px // 3)
    inner = slice(bar.x_px + tick, bar.x_px + bar.length_px - tick)
    line = grey[bar.y_px : bar.y_px + bar.height_px, inner].mean()
    outside = (max(bar.y_px - _EDGE_PX, 0), min(bar.y_px + bar.height_px - 1 + _EDGE_PX, len(grey) - 1))
    return all(abs(line - np.median(grey[row, inner])) >= _LEAST_CONTRAST for row in outside)

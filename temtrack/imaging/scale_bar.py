"""The scale bar that a camera's program burned into an image: where it lies and how long it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.calibration import Calibration, PixelSize
from temtrack.errors import InputError
from temtrack.imaging.labels import without_small
from temtrack.imaging.spans import Box, length
from temtrack.movie import Movie

TOLERANCE = 0.06  # grey values within this fraction of the image's range count as one: JPEG smears them
MIN_LENGTH, MAX_LENGTH = 0.055, 0.6  # of the image's width
MIN_ASPECT = 5.0  # a bar is at least so many times as long as its line is high
MIN_FILLED = 0.9  # of a line's box: its upper and lower edges are straight
TICK_WIDTHS = 2  # end ticks are at most so many times as wide as the line is high
EDGE_PX, MIN_CONTRAST = 2, 0.15  # so far outside a line the grey value differs by this fraction of the range


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
    lengths_px = [length(columns) for _, columns in bars]
    found = [f"{n} px at x={x.start}, y={y.start}" for n, (y, x) in zip(lengths_px, bars, strict=True)]
    if min(lengths_px) < lengths_px[0] - 1:
        raise InputError(
            f"{movie.path}: several lines look like the scale bar ({', '.join(found)}); give --pixel-size "
            "instead"
        )
    source = f"bar of {found[0]}, given by --scale-bar"
    bar = Calibration(PixelSize(bar_nm / lengths_px[0], source))
    return replace(movie, calibration=bar.or_else(movie.calibration))


def detect_scale_bars(image: NDArray[Any]) -> list[Box]:
    """Return the lines of the bars in a grey image (Y, X), the longest first; none or several where in doubt.

    A bar is a straight horizontal line of the image's lightest or darkest grey value with sharp edges, alone
    or with a tick at each end; its rows are those of the line without the ticks.
    """
    grey = scale_grey(image)
    if grey is None:
        return []
    masks = (grey >= 1 - TOLERANCE, grey <= TOLERANCE)
    found = [bar for mask in masks for bar in _lines(mask) if _stands_out(grey, bar)]
    return sorted(found, key=lambda bar: -length(bar[1]))


def scale_grey(image: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return an image with its darkest grey as 0, its lightest as 1, what is not finite as NaN.

    ``None`` where it is constant.
    """
    bounds = grey_range(image)
    if bounds is None:
        return None
    low, high = bounds
    return (np.where(np.isfinite(image), image, np.nan).astype(np.float64) - low) / (high - low)


def grey_range(image: NDArray[Any]) -> tuple[float, float] | None:
    """Return the darkest and the lightest finite grey of an image; ``None`` where it is constant."""
    known = image[np.isfinite(image)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    return (low, high) if high > low else None


def _lines(mask: NDArray[np.bool_]) -> list[Box]:
    """Return the connected parts of a mask (Y, X) that are lines of a bar's length and free of the border."""
    height, width = mask.shape
    labels = without_small(ndimage.label(mask)[0], MIN_LENGTH * width)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        is_free = rows.start > 0 and columns.start > 0 and rows.stop < height and columns.stop < width
        if is_free and MIN_LENGTH * width <= length(columns) <= MAX_LENGTH * width:
            line = _line_rows(labels[rows, columns] == number)
            if line is not None:
                found.append((slice(rows.start + line.start, rows.start + line.stop), columns))
    return found


def _line_rows(part: NDArray[np.bool_]) -> slice | None:
    """Return the rows of the line in a box (Y, X), ``None`` where it holds anything else but end ticks."""
    if part.shape[0] > part.shape[1] / 2:  # sides of a box, not ticks
        return None
    (rows,) = np.nonzero(part.mean(axis=1) >= MIN_FILLED)
    if len(rows) == 0 or rows[-1] - rows[0] + 1 != len(rows) or part.shape[1] < MIN_ASPECT * len(rows):
        return None
    beside = np.delete(part[:, _between_ticks(part.shape[1], len(rows))], rows, axis=0)
    return None if beside.any() else slice(int(rows[0]), int(rows[-1]) + 1)


def _stands_out(grey: NDArray[np.float64], bar: Box) -> bool:
    """Tell whether the line's edges are sharp all along: rows two pixels outside differ clearly in grey."""
    rows, columns = bar
    inner = grey[:, columns][:, _between_ticks(length(columns), length(rows))]
    line = inner[rows].mean()
    outside = (max(rows.start - EDGE_PX, 0), min(rows.stop - 1 + EDGE_PX, len(grey) - 1))
    return all(abs(line - np.median(inner[row])) >= MIN_CONTRAST for row in outside)


def _between_ticks(length_px: int, height_px: int) -> slice:
    """Return the part of a bar's length in which no end tick can lie."""
    tick = min(TICK_WIDTHS * height_px, length_px // 3)
    return slice(tick, length_px - tick)

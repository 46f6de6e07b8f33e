"""Boxes in an image, as slices of rows and columns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]  # rows and columns


def length(span: slice) -> int:
    """Return how many pixels a slice covers."""
    return int(span.stop) - int(span.start)


def size(box: Box) -> int:
    """Return how many pixels a box holds."""
    return length(box[0]) * length(box[1])


def gap(one: slice, other: slice) -> int:
    """Return how many pixels lie between two slices; 0 where they overlap."""
    return max(int(one.start) - int(other.stop), int(other.start) - int(one.stop), 0)


def middle_box(shape: tuple[int, ...], side: int) -> Box:
    """Return the middle of an image (..., Y, X) of a shape, at most ``side`` px high and wide."""
    rows, columns = (slice(start := max(0, (n - side) // 2), start + min(n, side)) for n in shape[-2:])
    return rows, columns


def hull(boxes: Iterable[Box]) -> Box:
    """Return the box around boxes."""
    rows, columns = (
        slice(min(span.start for span in spans), max(span.stop for span in spans))
        for spans in zip(*boxes, strict=True)
    )
    return rows, columns


def within(inner: Box, box: Box) -> Box:
    """Return a box as it lies in one that holds it."""
    rows, columns = (
        slice(span.start - whole.start, span.stop - whole.start)
        for span, whole in zip(inner, box, strict=True)
    )
    return rows, columns


def grown(box: Box, by_px: int, shape: tuple[int, ...]) -> Box:
    """Return a box that is larger by so much at all sides, within an image (Y, X) of a shape."""
    rows, columns = (
        slice(max(span.start - by_px, 0), min(span.stop + by_px, n))
        for span, n in zip(box, shape, strict=True)
    )
    return rows, columns


def covered_by(inner: Box, box: Box) -> NDArray[np.bool_]:
    """Return which pixels (Y, X) of a box lie in one within it."""
    is_covered = np.zeros([length(span) for span in box], bool)
    is_covered[within(inner, box)] = True
    return is_covered

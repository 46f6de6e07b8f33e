"""Contours of labelled particles as closed polylines along the edges of pixels, small enough for a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_regions

#: Steps (dy, dx) of a polyline that keeps its particle on the right: right, down, left, up.
STEPS: NDArray[np.int8] = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)], dtype=np.int8)

#: From the first corner of pixel (0, 0), where the edge of each direction begins: top, right, bottom, left.
_FIRST_CORNER = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Contours:
    """Closed polylines around all particles of a frame; a hole or a second fragment is one of its own.

    Parameters
    ----------
    polylines
        (W, 5) int32: id, area of the whole particle in pixels, row and column of the first corner of a
        pixel's edge, number of steps. Corners are in steps of ``stride`` pixels.
    directions
        uint8, all steps one polyline after another: 0 right, 1 down, 2 left, 3 up.
    """

    polylines: Ints
    directions: NDArray[np.uint8]


def trace_contours(labels: NDArray[np.integer], stride: int = 1) -> Contours:
    """Trace the contours of a label image (Y, X); regions that touch by a corner only are apart.

    ``stride`` above 1 looks at every second pixel, or fewer, of large images.
    """
    padded = np.pad(labels[::stride, ::stride], 1)
    y, x, direction, following = _edges(padded)
    order, starts = _follow(following)
    first = order[starts]
    ids, regions = padded[y, x][first], measure_regions(labels)
    areas = regions.area_px[np.searchsorted(regions.ids, ids)]
    corners = np.stack([y, x], axis=1)[first] - 1 + _FIRST_CORNER[direction[first]]
    n_steps = np.diff(np.append(starts, order.size))
    polylines = np.column_stack([ids, areas, corners, n_steps]).astype(np.int32)
    return Contours(polylines, direction[order].astype(np.uint8))


def _edges(padded: NDArray[np.integer]) -> tuple[NDArray[np.intp], ...]:
    """Return pixel (y, x) and direction of every edge of a region, and the number of the edge that follows.

    At the end of an edge the polyline turns right, around its own pixel, unless the pixel ahead belongs to
    the region; then it goes straight on, or turns left where the pixel ahead on the left belongs to it too.
    """
    numbers = np.full((4, *padded.shape), -1, dtype=np.intp)
    is_edge = np.stack(
        [
            (padded > 0) & (padded != np.roll(padded, (-dy, -dx), (0, 1)))
            for dy, dx in np.roll(STEPS, 1, axis=0)
        ]
    )
    direction, y, x = np.nonzero(is_edge)
    numbers[direction, y, x] = np.arange(y.size)
    own = padded[y, x]
    ahead = np.stack([y, x]) + STEPS[direction].T
    left = ahead + STEPS[(direction - 1) % 4].T
    has_ahead = padded[tuple(ahead)] == own
    has_left = has_ahead & (padded[tuple(left)] == own)
    next_y, next_x = np.where(has_left, left, np.where(has_ahead, ahead, np.stack([y, x])))
    turn = np.where(has_left, -1, np.where(has_ahead, 0, 1))
    return y, x, direction, numbers[(direction + turn) % 4, next_y, next_x]


def _follow(following: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the edges in the order of closed polylines, and the place where each one starts."""
    after, is_new = following.tolist(), [True] * following.size
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(after)):
        if is_new[first]:
            starts.append(len(order))
        edge = first
        while is_new[edge]:
            is_new[edge] = False
            order.append(edge)
            edge = after[edge]
    return np.array(order, dtype=np.intp), np.array(starts, dtype=np.intp)

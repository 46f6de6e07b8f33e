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
    pixel, direction, following = _edges(padded)
    order, starts = _follow(following)
    first = order[starts]
    ids, regions = padded.ravel()[pixel[first]], measure_regions(labels)
    areas = regions.area_px[np.searchsorted(regions.ids, ids)]
    corners = np.stack(divmod(pixel[first], padded.shape[1]), axis=1) - 1 + _FIRST_CORNER[direction[first]]
    n_steps = np.diff(np.append(starts, order.size))
    polylines = np.column_stack([ids, areas, corners, n_steps]).astype(np.int32)
    return Contours(polylines, direction[order].astype(np.uint8))


def _edges(padded: NDArray[np.integer]) -> tuple[NDArray[np.intp], ...]:
    """Return pixel and direction of every edge of a region, and the number of the edge that follows.

    Pixels are counted row by row. At the end of an edge the polyline turns right, around its own pixel,
    unless the pixel ahead belongs to the region; then it goes straight on, or turns left where the pixel
    ahead on the left belongs to it too.
    """
    flat, width = padded.ravel(), padded.shape[1]
    below, right = np.flatnonzero(flat[:-width] != flat[width:]), np.flatnonzero(flat[:-1] != flat[1:])
    sides = below + width, right, below, right + 1  # whose top, right, bottom, left is an edge
    pixels = [side[flat[side] > 0] for side in sides]
    direction = np.repeat(np.arange(4), [len(some) for some in pixels])
    pixel = np.concatenate(pixels)
    steps = STEPS.astype(np.intp) @ np.array([width, 1])
    ahead = pixel + steps[direction]
    left = ahead + steps[(direction - 1) % 4]
    has_ahead = flat[ahead] == flat[pixel]
    has_left = has_ahead & (flat[left] == flat[pixel])
    following = np.where(has_left, left, np.where(has_ahead, ahead, pixel))
    turn = np.where(has_left, -1, np.where(has_ahead, 0, 1))
    keys, wanted = ((d % 4) * flat.size + p for d, p in ((direction, pixel), (direction + turn, following)))
    return pixel, direction, np.searchsorted(keys, wanted)  # the keys rise


def _follow(following: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
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

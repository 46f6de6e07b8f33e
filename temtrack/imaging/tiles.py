"""Geometry of overlapping tiles: where they lie, and how they are blended back without seams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles begin so that they cover ``length``, evenly, with at least ``overlap`` in common.

    >>> tile_starts(512, 512, 64)
    [0]
    >>> tile_starts(1000, 512, 64)
    [0, 244, 488]
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"overlap {overlap} must be at least 0 and below the tile's side {tile}")
    if length <= tile:
        return [0]
    n_steps = -(-(length - tile) // (tile - overlap))
    return [round(i * (length - tile) / n_steps) for i in range(n_steps + 1)]


def tile_slices(
    shape: tuple[int, int], tile: int, overlap: int, whole: bool = False
) -> Iterator[tuple[slice, slice]]:
    """Yield the (y, x) slices of the fewest tiles that cover an image of ``shape``.

    A tile's sides are at most ``tile``, and no longer than that number of tiles needs; with ``whole`` they
    are as long as ``tile`` and the image allow.
    """
    for ys in _axis_slices(shape[0], tile, overlap, whole):
        for xs in _axis_slices(shape[1], tile, overlap, whole):
            yield ys, xs


def _axis_slices(length: int, tile: int, overlap: int, whole: bool) -> list[slice]:
    n_tiles = len(tile_starts(length, tile, overlap))
    if n_tiles == 1:
        return [slice(0, length)]
    side = tile if whole else -(-(length + (n_tiles - 1) * overlap) // n_tiles)
    return [slice(start, start + side) for start in tile_starts(length, side, overlap)]


def blend(
    shape: tuple[int, int], tiles: Iterable[tuple[tuple[slice, slice], NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """Blend tiles (C, h, w) at their slices into (C, Y, X), each weighted down towards its own edges."""
    total: NDArray[np.float32] | None = None
    weights = np.zeros(shape, np.float32)
    for (ys, xs), tile in tiles:
        if total is None:
            total = np.zeros((len(tile), *shape), np.float32)
        weight = np.minimum.outer(_ramp(tile.shape[1]), _ramp(tile.shape[2]))
        total[:, ys, xs] += weight * tile
        weights[ys, xs] += weight
    if total is None:
        raise ValueError("nothing to blend")
    return total / weights


def _ramp(n: int) -> NDArray[np.float32]:
    """Return 1, 2, ... up to the middle and down again: a weight for each pixel along a tile's side."""
    i = np.arange(n, dtype=np.float32)
    return np.minimum(i, i[::-1]) + 1

"""Geometry of overlapping tiles: cut an array into them, and blend them back without seams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Edge(StrEnum):
    """What becomes of the last row and column of tiles where an image is no multiple of the tile.

    ``shift`` moves tiles inwards until all lie in the image, so that neighbours share more than they must;
    an image smaller than a tile stays as it is. ``pad`` mirrors the image beyond its edge. ``drop`` leaves
    out what fills no whole tile.
    """

    shift = "shift"
    pad = "pad"
    drop = "drop"


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


def tile_grid(shape: tuple[int, int], tile: int, overlap: int, edge: Edge) -> list[tuple[slice, slice]]:
    """Return the (y, x) slices of square tiles of one side over an image of ``shape``, in raster order.

    Slices reach beyond the image only with ``Edge.pad``, where `cut` mirrors it.

    >>> [x.start for _, x in tile_grid((8, 20), 8, 0, Edge.shift)]
    [0, 6, 12]
    >>> [x.start for _, x in tile_grid((8, 20), 8, 0, Edge.pad)]
    [0, 8, 16]
    """
    ys, xs = (_grid_axis(length, tile, overlap, edge) for length in shape)
    return [(y, x) for y in ys for x in xs]


def _grid_axis(length: int, tile: int, overlap: int, edge: Edge) -> list[slice]:
    starts = tile_starts(length, tile, overlap)
    if edge is Edge.shift:
        return [slice(start, start + min(tile, length)) for start in starts]
    slices = [slice(i * (tile - overlap), i * (tile - overlap) + tile) for i in range(len(starts))]
    return slices if edge is Edge.pad else [inside for inside in slices if inside.stop <= length]


def cut(image: NDArray[Any], at: tuple[slice, slice]) -> NDArray[Any]:
    """Cut a tile out of an image (Y, X), which is mirrored beyond its lower and right edges; a copy."""
    rows, columns = (_mirrored(s, length) for s, length in zip(at, image.shape, strict=True))
    return image[np.ix_(rows, columns)]


def _mirrored(along: slice, length: int) -> NDArray[np.intp]:
    i = np.arange(along.start, along.stop, dtype=np.intp) % (2 * length)
    mirrored: NDArray[np.intp] = np.minimum(i, 2 * length - 1 - i)
    return mirrored


def stitch(
    shape: tuple[int, int], pieces: Iterable[tuple[tuple[slice, slice], NDArray[Any]]]
) -> NDArray[Any]:
    """Put tiles back at their slices into an image of ``shape``, as they are; what is mirrored falls away.

    Pixels without a tile are 0; where tiles overlap the last counts. `blend` weights them instead.
    """
    image: NDArray[Any] | None = None
    for (ys, xs), piece in pieces:
        if image is None:
            image = np.zeros(shape, piece.dtype)
        inside = image[ys, xs]
        inside[...] = piece[: inside.shape[0], : inside.shape[1]]
    if image is None:
        raise ValueError("nothing to stitch")
    return image


def blend(
    shape: tuple[int, int], pieces: Iterable[tuple[tuple[slice, slice], NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """Blend pieces (C, h, w) at their slices into (C, Y, X), each weighted down towards its own edges."""
    total: NDArray[np.float32] | None = None
    weights = np.zeros(shape, np.float32)
    for (ys, xs), piece in pieces:
        if total is None:
            total = np.zeros((len(piece), *shape), np.float32)
        weight = np.minimum.outer(_ramp(piece.shape[1]), _ramp(piece.shape[2]))
        total[:, ys, xs] += weight * piece
        weights[ys, xs] += weight
    if total is None:
        raise ValueError("nothing to blend")
    return total / weights


def _ramp(n: int) -> NDArray[np.float32]:
    """Return 1, 2, ... up to the middle and down again: a weight for each pixel along a tile's side."""
    i = np.arange(n, dtype=np.float32)
    return np.minimum(i, i[::-1]) + 1

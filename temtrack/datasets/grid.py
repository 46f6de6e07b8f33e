"""Geometry of the tiles that a dataset is cut into."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.datasets.config import Edge
from temtrack.imaging.tiles import tile_starts


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

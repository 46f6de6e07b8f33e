"""Look at every tile before any is written: where it lies, what its mask holds, what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from temtrack.datasets.config import Edge, SliceConfig
from temtrack.datasets.grouping import GroupOf
from temtrack.datasets.near_duplicates import Signature, sign
from temtrack.datasets.sources import Source
from temtrack.errors import InputError
from temtrack.imaging.tiles import tile_starts

#: Called around a sequence while it is gone through, to show progress.
Progress = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Tile:
    """A tile to come: what the manifest tells of it, under the names of `temtrack.tables.MANIFEST`.

    ``tile`` is the name of its files without suffix. ``signature`` is for the comparison with other tiles,
    ``None`` for a tile without particles or structure.
    """

    tile: str
    source: str
    group: str
    frame: int
    y_px: int
    x_px: int
    height_px: int
    width_px: int
    image_height_px: int
    image_width_px: int
    n_particles: int
    coverage: float
    pixel_size_nm: float | None
    signature: Signature | None
    side: str = "train"
    near_duplicate: str | None = None
    similarity: float | None = None

    @property
    def at(self) -> tuple[slice, slice]:
        """Its (y, x) slices in the frame."""
        return slice(self.y_px, self.y_px + self.height_px), slice(self.x_px, self.x_px + self.width_px)


def survey(
    sources: Sequence[Source], config: SliceConfig, group_of: GroupOf, progress: Progress, keep_going: bool
) -> tuple[list[Tile], dict[Source, InputError]]:
    """Return the tiles of all sources, in their order, and why those that cannot be used have none.

    Progress is that through the sources, or through the frames of the only one.

    Raises
    ------
    InputError
        If an image or mask cannot be read, or they do not fit each other; with `keep_going` it is returned.
        If a tile would overwrite another: of sources ``a`` with frames and ``a_f0001``, say.
    """
    tiles: dict[str, Tile] = {}
    failures: dict[Source, InputError] = {}
    alone = len(sources) == 1
    for source in sources if alone else progress(sources):
        try:
            found = _tiles_of(source, config, group_of, progress if alone else iter)
        except InputError as error:
            if not keep_going:
                raise
            failures[source] = error
            continue
        for tile in found:
            if tile.tile in tiles:
                other = tiles[tile.tile].source
                raise InputError(
                    f"{tile.source}: its tile {tile.tile} would overwrite one of {other}; rename one"
                )
            tiles[tile.tile] = tile
    return list(tiles.values()), failures


def _tiles_of(source: Source, config: SliceConfig, group_of: GroupOf, progress: Progress) -> list[Tile]:
    movie, masks = source.open()
    shape = movie.height, movie.width
    tiles = []
    for frame in progress(range(0, len(movie), config.every)):
        image, labels = movie.read_frame(frame), masks[frame]
        group, of_frame = group_of(source, frame), f"_f{frame:04d}" if len(movie) > 1 else ""
        for ys, xs in tile_grid(shape, config.size_px, config.overlap_px, config.edge):
            mask = cut(labels, (ys, xs))
            n_particles = _count_particles(mask)
            is_compared = n_particles and config.test_fraction > 0
            tiles.append(
                Tile(
                    tile=f"{source.name}{of_frame}_y{ys.start:04d}_x{xs.start:04d}",
                    source=str(source.images),
                    group=group,
                    frame=frame,
                    y_px=ys.start,
                    x_px=xs.start,
                    height_px=ys.stop - ys.start,
                    width_px=xs.stop - xs.start,
                    image_height_px=movie.height,
                    image_width_px=movie.width,
                    n_particles=n_particles,
                    coverage=float((mask > 0).mean()),
                    pixel_size_nm=movie.pixel_size.nm if movie.pixel_size else None,
                    signature=sign(cut(image, (ys, xs))) if is_compared else None,
                )
            )
    return tiles


def _count_particles(mask: NDArray[np.int32]) -> int:
    """Count connected parts of one id, as training does: a mask need not tell particles apart."""
    return int(connected_parts(mask, background=0, connectivity=2, return_num=True)[1])


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

"""Look at every tile before any is written: where it lies, what its mask holds, what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from temtrack.datasets.config import SliceConfig
from temtrack.datasets.grid import cut, tile_grid
from temtrack.datasets.grouping import GroupOf
from temtrack.datasets.look_alikes import Look, look_at
from temtrack.datasets.sources import Source
from temtrack.errors import InputError

#: Stands around the sources while they are read, or the frames of the only one: a progress bar, for one.
Watch = Callable[[Sequence[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Tile:
    """A tile to come.

    Parameters
    ----------
    name
        Of its files, without suffix.
    source, group, frame
        Where it comes from, and what it must stay together with.
    at
        Its (y, x) slices in the frame, which has ``image_shape``.
    pixel_size_nm
        Side of a pixel in nm, ``None`` where unknown.
    n_particles, coverage
        Connected pieces of particles, and the share of the tile that they cover.
    look
        For the comparison with other tiles; ``None`` for a tile without particles or structure.
    """

    name: str
    source: Source
    group: str
    frame: int
    at: tuple[slice, slice]
    image_shape: tuple[int, int]
    pixel_size_nm: float | None
    n_particles: int
    coverage: float
    look: Look | None


def survey(
    sources: Sequence[Source], config: SliceConfig, group_of: GroupOf, watch: Watch, keep_going: bool = True
) -> tuple[list[Tile], dict[Source, InputError]]:
    """Return the tiles of all sources, in their order, and why those that cannot be used have none.

    Raises
    ------
    InputError
        If an image or mask cannot be read, or they do not fit each other; with `keep_going` it is returned.
    """
    tiles: list[Tile] = []
    failures: dict[Source, InputError] = {}
    for source, watch_frames in each(sources, watch):
        try:
            tiles += _tiles_of(source, config, group_of, watch_frames)
        except InputError as error:
            if not keep_going:
                raise
            failures[source] = error
    return tiles, failures


def each(sources: Sequence[Source], watch: Watch) -> Iterator[tuple[Source, Watch]]:
    """Yield each source and what stands around its frames: the longer of the two loops is watched."""
    if len(sources) == 1:
        yield sources[0], watch
        return
    for source in watch(sources):
        yield source, iter


def _tiles_of(source: Source, config: SliceConfig, group_of: GroupOf, watch: Watch) -> list[Tile]:
    movie, masks = source.open()
    shape = movie.height, movie.width
    grid = tile_grid(shape, config.size_px, config.overlap_px, config.edge)
    scale = movie.pixel_size.nm if movie.pixel_size else None
    tiles = []
    for frame in watch(range(0, len(movie), config.every)):
        image, labels = movie.read_frame(frame), masks[frame]
        group, number = group_of(source, frame), frame if len(movie) > 1 else None
        for at in grid:
            facts = _measure(cut(image, at), cut(labels, at), config.test_fraction > 0)
            tiles.append(Tile(_name(source, number, at), source, group, frame, at, shape, scale, *facts))
    return tiles


def _measure(image: NDArray[Any], mask: NDArray[np.int32], with_look: bool) -> tuple[int, float, Look | None]:
    """Return the particles of a tile, the share that they cover, and its look where one is of use."""
    n_particles = _count(mask)
    return n_particles, float((mask > 0).mean()), look_at(image) if n_particles and with_look else None


def _count(mask: NDArray[np.int32]) -> int:
    """Count connected pieces of one id, as training does: a mask need not tell particles apart."""
    return int(connected_parts(mask, background=0, connectivity=2, return_num=True)[1])


def _name(source: Source, frame: int | None, at: tuple[slice, slice]) -> str:
    of_frame = "" if frame is None else f"_f{frame:04d}"
    return f"{source.name}{of_frame}_y{at[0].start:04d}_x{at[1].start:04d}"


def refuse_same_names(tiles: Iterable[Tile]) -> None:
    """Refuse tiles that would overwrite each other: sources ``a`` with frames and ``a_f0001``, say."""
    seen: dict[str, Source] = {}
    for tile in tiles:
        if tile.name in seen:
            raise InputError(
                f"{tile.source.images}: its tile {tile.name} would overwrite one of "
                f"{seen[tile.name].images}; rename one"
            )
        seen[tile.name] = tile.source

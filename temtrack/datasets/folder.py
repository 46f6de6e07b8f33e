"""From images and masks to a folder of tiles, in two passes: look at all of it, then write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from skimage.measure import label as connected_parts

from temtrack import __version__
from temtrack.calibration import UNCALIBRATED
from temtrack.datasets.config import SIDES, Edge, SliceConfig
from temtrack.datasets.grouping import GroupOf, choose_test_groups, thin_out
from temtrack.datasets.near_duplicates import Signature, find_near_duplicates, sign
from temtrack.datasets.sources import Source
from temtrack.errors import InputError, OutputError
from temtrack.formats.store.atomic import remove_leftovers
from temtrack.formats.store.masks import write_mask
from temtrack.formats.store.movies import write_image
from temtrack.formats.store.tables import write_table
from temtrack.imaging.tiles import tile_starts
from temtrack.tables import MANIFEST

MANIFEST_NAME = f"{MANIFEST.name}.parquet"
_KINDS = ("images", "masks")
_TILE_NAME = re.compile(r".+_y\d{4,}_x\d{4,}\.tif")


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


@dataclass(frozen=True)
class Plan:
    """The tiles to write, in the order of sources and frames, and what was noticed about them.

    ``n_empty_left_out`` tiles without particles are not kept; ``uncut`` are sources too small for one tile,
    with ``Edge.drop``; ``failures`` say why sources that cannot be used are left out.
    """

    config: SliceConfig
    sources: Sequence[Source]
    tiles: list[Tile]
    n_empty_left_out: int
    uncut: list[Source]
    failures: dict[Source, InputError]

    def on(self, side: str) -> list[Tile]:
        """Return the tiles of a side."""
        return [tile for tile in self.tiles if tile.side == side]


def plan_tiles(
    sources: Sequence[Source],
    config: SliceConfig,
    group_of: GroupOf,
    progress: Progress,
    keep_going: bool = True,
) -> Plan:
    """Read everything once; decide which tiles there will be and on which side each stands.

    Raises
    ------
    InputError
        If no source can be used, or, unless `keep_going`, any cannot; or no tile remains.
    """
    found, failures = survey(sources, config, group_of, progress, keep_going)
    if len(failures) == len(sources):
        first = next(iter(failures.values()))
        raise first if len(sources) == 1 else InputError(f"all {len(sources)} sources failed, as {first}")
    rng = np.random.default_rng(config.seed)
    keep = thin_out([tile.n_particles == 0 for tile in found], config.empty_fraction, rng)
    kept = [tile for tile, wanted in zip(found, keep, strict=True) if wanted]
    if not kept:
        why = "all are smaller than a tile, or hold no particle; give a smaller --size or --keep-empty 1"
        raise InputError(f"{sources[0].images.parent}: no tile remains of {len(sources)} sources: {why}")
    test_groups = choose_test_groups([tile.group for tile in kept], config.test_fraction, rng)
    sided = [replace(tile, side="test") if tile.group in test_groups else tile for tile in kept]
    cut_sources = {tile.source for tile in found}
    uncut = [source for source in sources if str(source.images) not in cut_sources and source not in failures]
    n_left_out = len(found) - len(kept)
    return Plan(config, sources, _name_near_duplicates(sided), n_left_out, uncut, failures)


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
            # connected parts of one id, as training does: a mask need not tell particles apart
            n_particles = int(connected_parts(mask, background=0, connectivity=2, return_num=True)[1])
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
    beyond = [(0, max(0, along.stop - length)) for along, length in zip(at, image.shape, strict=True)]
    if any(n_px for _, n_px in beyond):
        image = np.pad(image, beyond, mode="symmetric")
    return image[at].copy()


def _name_near_duplicates(tiles: list[Tile]) -> list[Tile]:
    """Tell each tile which of the other side seems to show what it shows, if one does."""
    train, test = ([tile for tile in tiles if tile.side == side and tile.signature] for side in SIDES)
    signatures = [[tile.signature for tile in side if tile.signature] for side in (test, train)]
    nearest: dict[str, tuple[str, float]] = {}
    for i, j, similarity in find_near_duplicates(*signatures):
        nearest[test[i].tile] = train[j].tile, similarity
        if similarity > nearest.get(train[j].tile, ("", 0.0))[1]:
            nearest[train[j].tile] = test[i].tile, similarity
    return [
        replace(tile, near_duplicate=nearest[tile.tile][0], similarity=nearest[tile.tile][1])
        if tile.tile in nearest
        else tile
        for tile in tiles
    ]


def refuse_own_inputs(folder: Path, inputs: Sequence[Path]) -> None:
    """Refuse an output folder in which inputs lie: writing there could mix or overwrite them."""
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise OutputError(f"{folder}: the input {path} lies in it; give another folder with --output")


def write_tiles(folder: Path, plan: Plan, command: str, progress: Progress) -> None:
    """Write the tiles, and last the manifest, which says that all of them are there.

    Tiles of an earlier run in the folder are removed first.
    """
    _remove_earlier_run(folder)
    for side in {tile.side for tile in plan.tiles}:
        for kind in _KINDS:
            (folder / side / kind).mkdir(parents=True, exist_ok=True)
    sources = {str(source.images): source for source in plan.sources}
    opened = lru_cache(maxsize=1)(lambda path: sources[path].open())
    frames = groupby(plan.tiles, key=lambda tile: (tile.source, tile.frame))
    for (path, frame), tiles in progress([(key, list(group)) for key, group in frames]):
        movie, masks = opened(path)
        image, labels = movie.read_frame(frame), masks[frame]
        for tile in tiles:
            write_image(folder / tile.side / "images" / f"{tile.tile}.tif", cut(image, tile.at))
            write_mask(folder / tile.side / "masks" / f"{tile.tile}.tif", cut(labels, tile.at))
    facts = {"temtrack_version": __version__, "command": command}
    settings = {name: str(value) for name, value in asdict(plan.config).items()}
    write_table(folder / MANIFEST_NAME, manifest(plan), facts | settings)


def manifest(plan: Plan) -> pa.Table:
    """Return the table of a plan's tiles: training side first, each in the order of sources and frames."""
    tiles = [tile for side in SIDES for tile in plan.on(side)]
    names = [column.name for column in MANIFEST.columns]
    return MANIFEST.fill({name: [getattr(tile, name) for tile in tiles] for name in names}, UNCALIBRATED)


def _remove_earlier_run(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # first: it must never outlive the tiles that it lists
    remove_leftovers(folder)
    for inner in (folder / side / kind for side in SIDES for kind in _KINDS):
        if inner.is_dir():
            remove_leftovers(inner)
            for path in inner.iterdir():
                if _TILE_NAME.fullmatch(path.name):
                    path.unlink()

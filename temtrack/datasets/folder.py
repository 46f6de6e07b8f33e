"""From images and masks to a folder of tiles, in two passes: look at all of it, then write."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from temtrack import __version__
from temtrack.calibration import Calibration
from temtrack.datasets.config import SliceConfig
from temtrack.datasets.grid import cut
from temtrack.datasets.grouping import GroupOf
from temtrack.datasets.look_alikes import LookAlike, find_look_alikes
from temtrack.datasets.sources import Source
from temtrack.datasets.split import choose_test_groups, thin_out
from temtrack.datasets.survey import Tile, Watch, each, refuse_same_names, survey
from temtrack.errors import InputError, OutputError
from temtrack.formats.store.atomic import remove_leftovers
from temtrack.formats.store.masks import write_mask
from temtrack.formats.store.tables import write_table
from temtrack.formats.store.tiff_stack import write_image
from temtrack.tables import MANIFEST

MANIFEST_NAME = f"{MANIFEST.name}.parquet"
SIDES = ("train", "test")
_KINDS = ("images", "masks")
_TILE_NAME = re.compile(r".+_y\d{4,}_x\d{4,}\.tif")


@dataclass(frozen=True)
class Plan:
    """The tiles to write, by side, and what was noticed about them.

    Parameters
    ----------
    tiles
        Tiles of each side.
    look_alikes
        Test tiles (``a``) that seem to show what a training tile (``b``) shows.
    n_empty_left_out
        Tiles without particles that are not kept.
    uncut
        Sources too small for one tile, with ``Edge.drop``.
    failures
        Why sources that cannot be used are left out.
    """

    tiles: dict[str, list[Tile]]
    look_alikes: list[LookAlike] = field(default_factory=list)
    n_empty_left_out: int = 0
    uncut: list[Source] = field(default_factory=list)
    failures: dict[Source, InputError] = field(default_factory=dict)


def plan_tiles(
    sources: Sequence[Source], config: SliceConfig, group_of: GroupOf, watch: Watch, keep_going: bool = True
) -> Plan:
    """Read everything once; decide which tiles there will be and on which side each stands.

    Raises
    ------
    InputError
        If no source can be used, or, unless `keep_going`, any cannot; or no tile remains.
    """
    found, failures = survey(sources, config, group_of, watch, keep_going)
    if len(failures) == len(sources):
        first = next(iter(failures.values()))
        raise first if len(sources) == 1 else InputError(f"all {len(sources)} sources failed, as {first}")
    refuse_same_names(found)
    rng = np.random.default_rng(config.seed)
    keep = thin_out([tile.n_particles == 0 for tile in found], config.empty_fraction, rng)
    kept = [tile for tile, wanted in zip(found, keep, strict=True) if wanted]
    if not kept:
        why = "all are smaller than a tile, or hold no particle; give a smaller --size or --keep-empty 1"
        raise InputError(f"{sources[0].images.parent}: no tile remains of {len(sources)} sources: {why}")
    test_groups = choose_test_groups([tile.group for tile in kept], config.test_fraction, rng)
    tiles: dict[str, list[Tile]] = {side: [] for side in SIDES}
    for tile in kept:
        tiles["test" if tile.group in test_groups else "train"].append(tile)
    dealt_with = {tile.source for tile in found} | set(failures)
    uncut = [source for source in sources if source not in dealt_with]
    look_alikes = _compare(tiles["test"], tiles["train"])
    return Plan(tiles, look_alikes, len(found) - len(kept), uncut, failures)


def _compare(test: list[Tile], train: list[Tile]) -> list[LookAlike]:
    """Compare the sides; what has no look is left out, and indices are those of the lists given."""
    of_test, of_train = ([i for i, tile in enumerate(side) if tile.look] for side in (test, train))
    looks = [[tile.look for tile in side if tile.look] for side in (test, train)]
    return [
        LookAlike(of_test[found.a], of_train[found.b], found.similarity)
        for found in find_look_alikes(looks[0], looks[1])
    ]


def refuse_own_inputs(folder: Path, inputs: Sequence[Path]) -> None:
    """Refuse an output folder in which inputs lie: writing there could mix or overwrite them."""
    for path in inputs:
        if path.resolve().is_relative_to(folder.resolve()):
            raise OutputError(f"{folder}: the input {path} lies in it; give another folder with --output")


def write_tiles(folder: Path, plan: Plan, config: SliceConfig, command: str, watch: Watch) -> None:
    """Write the tiles, and last the manifest, which says that all of them are there.

    Tiles of an earlier run in the folder are removed first.
    """
    _remove_earlier_run(folder)
    _make_folders(folder, plan)
    by_frame: dict[tuple[str, int], list[tuple[str, Tile]]] = defaultdict(list)
    for side, tiles in plan.tiles.items():
        for tile in tiles:
            by_frame[tile.source.name, tile.frame].append((side, tile))
    sources = {tile.source.name: tile.source for tiles in plan.tiles.values() for tile in tiles}
    for source, watch_frames in each(list(sources.values()), watch):
        movie, masks = source.open()
        for frame in watch_frames(range(0, len(movie), config.every)):
            if sided := by_frame.get((source.name, frame)):
                _write_frame(folder, movie.read_frame(frame), masks[frame], sided)
    facts = {"temtrack_version": __version__, "command": command}
    settings = {name: str(value) for name, value in asdict(config).items()}
    write_table(folder / MANIFEST_NAME, manifest(plan), facts | settings)


def manifest(plan: Plan) -> pa.Table:
    """Return the table of a plan's tiles: training side first, each in the order of sources and frames."""
    alike: dict[str, tuple[str, float]] = {}
    for found in plan.look_alikes:
        test, train = plan.tiles["test"][found.a], plan.tiles["train"][found.b]
        alike[test.name] = train.name, found.similarity
        if train.name not in alike or alike[train.name][1] < found.similarity:
            alike[train.name] = test.name, found.similarity
    rows = [
        _row(side, tile, *alike.get(tile.name, (None, None))) for side in SIDES for tile in plan.tiles[side]
    ]
    return MANIFEST.fill({name: [row[name] for row in rows] for name in rows[0]}, Calibration())


def _row(side: str, tile: Tile, look_alike: str | None, similarity: float | None) -> dict[str, object]:
    ys, xs = tile.at
    return {
        "tile": tile.name,
        "side": side,
        "source": str(tile.source.images),
        "group": tile.group,
        "frame": tile.frame,
        "y_px": ys.start,
        "x_px": xs.start,
        "height_px": ys.stop - ys.start,
        "width_px": xs.stop - xs.start,
        "image_height_px": tile.image_shape[0],
        "image_width_px": tile.image_shape[1],
        "n_particles": tile.n_particles,
        "coverage": tile.coverage,
        "pixel_size_nm": tile.pixel_size_nm,
        "look_alike": look_alike,
        "similarity": similarity,
    }


def _make_folders(folder: Path, plan: Plan) -> None:
    for side in (side for side, tiles in plan.tiles.items() if tiles):
        for kind in _KINDS:
            (folder / side / kind).mkdir(parents=True, exist_ok=True)


def _write_frame(
    folder: Path, image: NDArray[Any], labels: NDArray[np.integer], tiles: list[tuple[str, Tile]]
) -> None:
    for side, tile in tiles:
        write_image(folder / side / "images" / f"{tile.name}.tif", cut(image, tile.at))
        write_mask(folder / side / "masks" / f"{tile.name}.tif", cut(labels, tile.at))


def _remove_earlier_run(folder: Path) -> None:
    (folder / MANIFEST_NAME).unlink(missing_ok=True)  # first: it must never outlive the tiles that it lists
    remove_leftovers(folder)
    for inner in (folder / side / kind for side in SIDES for kind in _KINDS):
        if inner.is_dir():
            remove_leftovers(inner)
            for path in inner.iterdir():
                if _TILE_NAME.fullmatch(path.name):
                    path.unlink()

"""`temtrack slice`: cut labelled images into tiles, split into a training and a test side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from temtrack.cli import output
from temtrack.cli.command_line import command_line
from temtrack.cli.options import command
from temtrack.cli.output import Row
from temtrack.cli.runner import failed_of
from temtrack.datasets.config import SIDES, SliceConfig
from temtrack.errors import PartialFailureError

if TYPE_CHECKING:
    from temtrack.datasets.folder import Plan, Progress, Tile

_N_NAMED = 3


@command(
    image_input=typer.Argument(metavar="IMAGES", help="An image, stack, video, folder or quoted pattern."),
    mask_input=typer.Argument(metavar="MASKS", help="The masks: of the same names, or one for each frame."),
    out=typer.Option("--output", "-o", metavar="DIR", help="Folder for the tiles."),
    size_px=typer.Option("--size", min=16, metavar="PX", help="Side of a tile."),
    overlap_px=typer.Option("--overlap", min=0, metavar="PX", help="The least that neighbours share."),
    edge=typer.Option(
        "--edge", help="Last row and column: shifted inwards, padded by the mirror image, or dropped."
    ),
    every=typer.Option("--every", min=1, metavar="N", help="Each N-th frame of a movie."),
    empty_fraction=typer.Option(
        "--keep-empty", metavar="FRACTION", help="Fraction kept of tiles without particles."
    ),
    test_fraction=typer.Option(
        "--test-fraction", metavar="FRACTION", help="Fraction of the tiles for the test side."
    ),
    group_by=typer.Option(
        "--group-by",
        metavar="RULE",
        help="What never stands on both sides: source, folder, frame, TABLE.csv:COLUMN, or a regular "
        "expression with one group, as '^(.+)_'.",
    ),
)
def slice(
    image_input: Path,
    mask_input: Path,
    out: Path,
    config: SliceConfig,
    group_by: str = "source",
    keep_going: bool = True,
    force: bool = False,
    rows_as_json: bool = False,
) -> None:
    """Cut labelled images and movies into tiles for training, split so that no source stands on both sides.

    Writes DIR/train and DIR/test, each with images/ and masks/, and manifest.parquet;
    temtrack train DIR learns from one and tests on the other. An image goes with the
    mask of its name (or NAME_mask), a movie with a mask for each frame.

    Values, bit depth and ids stay as they are; nothing is resized. An image smaller than
    a tile stays whole. A source that cannot be read, or whose mask does not fit, is left
    out and named. Warns of test tiles that seem to show what a training tile shows.
    """
    from temtrack.datasets.folder import plan_tiles, refuse_own_inputs, write_tiles
    from temtrack.datasets.grouping import grouping
    from temtrack.datasets.sources import find_sources
    from temtrack.formats.store.atomic import check_output_folder

    group_of = grouping(group_by)
    sources = find_sources(image_input, mask_input)
    refuse_own_inputs(out, [path for source in sources for path in (source.images, source.masks)])
    check_output_folder(out, force)
    plan = plan_tiles(sources, config, group_of, _progress("reading"), keep_going)
    for error in plan.failures.values():
        output.fail(str(error))
    write_tiles(out, plan, command_line(), _progress("writing"))
    output.show_rows([_row(side, plan.on(side)) for side in SIDES], as_json=rows_as_json)
    if plan.n_empty_left_out:
        output.tell(f"{plan.n_empty_left_out} tiles without particles were left out")
    for warning in _warnings(plan):
        output.warn(warning)
    output.tell(f"{out}: {len(plan.tiles)} tiles of {len(sources) - len(plan.failures)} sources")
    if plan.failures:
        failed = failed_of([source.images for source in plan.failures], len(sources))
        raise PartialFailureError(f"{failed}; the others are done")


def _progress(description: str) -> Progress:
    return lambda items: output.with_progress(items, description, total=len(items))


def _row(side: str, tiles: Sequence[Tile]) -> Row:
    return {
        "side": side,
        "tiles": len(tiles),
        "empty": sum(tile.n_particles == 0 for tile in tiles),
        "sources": len({tile.source for tile in tiles}),
        "groups": len({tile.group for tile in tiles}),
        "particles": sum(tile.n_particles for tile in tiles),
        "coverage": sum(tile.coverage for tile in tiles) / len(tiles) if tiles else None,
    }


def _warnings(plan: Plan) -> Iterator[str]:
    """Yield what may spoil a training or its test."""
    if plan.uncut:
        names = _some([str(source.images) for source in plan.uncut])
        yield f"smaller than a tile and dropped: {names}; --edge shift keeps them whole"
    if plan.config.test_fraction > 0 and not plan.on("test"):
        yield (
            "all tiles are of one group, so none stands on the test side; give more images, or "
            "--group-by frame, whose neighbours look alike"
        )
    for side in SIDES:
        coverages = {tile.coverage for tile in plan.on(side)}
        if coverages in ({0.0}, {1.0}):
            missing = "a particle" if coverages == {0.0} else "any background"
            yield f"{side}: the masks know one class only: no tile holds {missing}"
    test = plan.on("test")
    alike = sorted((tile for tile in test if tile.near_duplicate), key=lambda tile: -(tile.similarity or 0))
    if alike:
        pairs = _some([f"{tile.tile} and {tile.near_duplicate} ({tile.similarity:.2f})" for tile in alike])
        yield (
            f"{len(alike)} of {len(test)} test tiles seem to show what a training tile shows: {pairs}; the "
            "manifest names all (near_duplicate); keep them on one side with --group-by"
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return ", ".join(names[:_N_NAMED]) + more

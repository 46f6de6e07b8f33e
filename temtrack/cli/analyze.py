"""`temtrack analyze`: from masks to tables."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.analysis.masks import Tables
    from temtrack.tables import Calibration

#: What a person needs of a merge on one screen; the rest stands in the table.
_SHOWN = ("frame", "time_s", "contact_frame", "parent_ids", "child_id", "area_ratio", "confidence")


def analyze(
    masks: Annotated[
        Path,
        typer.Argument(metavar="MASKS", help="A masks folder, of this program or another, or a TIFF stack."),
    ],
    merges: Annotated[
        bool,
        typer.Option("--merges", help="Write the merges too; found from the masks if no lineage lies there."),
    ] = False,
    out: options.Output = None,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="MOVIE",
            help="The movie, for intensities and optical masses.",
            show_default=False,
        ),
    ] = None,
    pixel_size: options.PixelSize = None,
    frame_time: options.FrameTime = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Measure particles, tracks, frames and merges of a masks folder; write them as Parquet tables."""
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.formats import read_movie
    from temtrack.workflow import analyze_into

    folder = open_masks_folder(masks)
    target = _prepare_target(masks, out, force)
    movie = None if image is None else read_movie(image)
    calibration = folder.calibrated(pixel_size, frame_time, movie)
    watch = partial(output.with_progress, description="analysing", total=len(folder.masks))
    tables = analyze_into(target, folder, movie, calibration, merges, output.command_line(), watch)
    _show(target, tables, as_json)
    _tell_unknowns(calibration)
    if tables.has_own_ids:
        output.tell("the masks are renumbered from frame to frame: the tables' ids were found by linking")


def _prepare_target(masks: Path, out: Path | None, force: bool) -> Path:
    """Make the folder for the tables and refuse to overwrite any, unless ``force``."""
    from temtrack.formats.atomic import check_output_file, check_output_folder
    from temtrack.tables import TABLES

    if out is None and not masks.is_dir():
        raise UsageError(f"{masks} is a file: give a folder for the tables with -o DIR")
    target = masks if out is None else out
    check_output_folder(target, force=True)  # masks and tables lie together, so it need not be empty
    for table in TABLES:
        check_output_file(target / f"{table.name}.parquet", force)
    return target


def _tell_unknowns(calibration: Calibration) -> None:
    if calibration.pixel_size_nm is None:
        output.tell("pixel size unknown: the tables are in pixels only; give --pixel-size 0.21nm, say")
    if calibration.frame_seconds is None:
        output.tell("frame times unknown: the tables count frames only; give --frame-time 0.5s, say")


def _show(target: Path, tables: Tables, as_json: bool) -> None:
    summary = _summary(tables)
    merges = None if tables.merges is None else tables.merges.to_pylist()
    if tables.particles.num_rows == 0:
        output.warn("the masks hold no particle in any frame; the tables of particles and tracks are empty")
    if as_json:
        paths = {name: str(target / f"{name}.parquet") for name, _ in tables.items()}
        output.show_json({"summary": summary, "merges": merges, "tables": paths})
        return
    output.show_rows([summary], as_json=False, title=f"Tables in {target}")
    if merges:
        shown = [{name: merge[name] for name in _SHOWN if name in merge} for merge in merges]
        output.show_rows(shown, as_json=False, title="Merges")


def _summary(tables: Tables) -> dict[str, object]:
    """Count frames, particles, tracks, merges and, where they are known, fates."""
    fates = Counter(fate for fate in tables.tracks["fate"].to_pylist() if fate is not None)
    return {
        "frames": tables.frames.num_rows,
        "masks": tables.particles.num_rows,
        "tracks": tables.tracks.num_rows,
        "merges": None if tables.merges is None else tables.merges.num_rows,
        **dict(sorted(fates.items())),
    }

"""`temtrack segment`: find the particles of images and movies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, find_path, gather
from temtrack.cli.options import Device, command
from temtrack.cli.output import Row
from temtrack.cli.quantities import parse_frames
from temtrack.cli.runner import RunOptions, Task, Work, run_each, show_lines
from temtrack.errors import InputError, UsageError
from temtrack.pipeline.options import SegmentOptions

if TYPE_CHECKING:
    from temtrack.pipeline.segment import SegmentStage


@command(
    inputs=typer.Argument(
        metavar="IN...", help="Images, folders, quoted patterns, stacks, videos; - for a list on stdin."
    ),
    overlay=typer.Option(
        "--overlay/--no-overlay",
        help="Beside the mask of an image, draw its particles on it, and write a table of them.",
    ),
    csv=typer.Option("--csv", help="Write an image's table as CSV too."),
    piece=typer.Option(
        "--frames",
        parser=parse_frames,
        metavar="A:B",
        help="Only a piece of one long movie, into DIR itself; `temtrack track MOVIE --masks DIR` joins all.",
    ),
)
def segment(
    inputs: list[str],
    how: SegmentOptions,
    run: RunOptions,
    out: Path | None = None,
    overlay: bool = True,
    csv: bool = False,
    piece: slice | None = None,
    device: Device = "auto",
) -> None:
    """Find the particles of images and movies.

    An image gives STEM_mask.tif beside it or in DIR, STEM_overlay.png for the
    eye and STEM_particles.parquet with a row for each particle. A movie gives mask0000.tif
    and so on, in STEM_masks/ beside it or in DIR/STEM/. A folder or a pattern
    stands for each of its images; contact_sheet.png shows them small beside each
    other. Of many inputs, batch.jsonl beside the masks tells what has become of
    each; one that fails does not stop the others.

    With --frames the masks keep the frames' numbers, each frame is seen as track
    sees it, and pieces of one movie may be made at the same time in one DIR.
    """
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.formats.store.run import movie_source

    chosen = gather(inputs, run.shard, _expand, beside=out is None)
    chosen.refuse_for_many("--points", how.points)
    chosen.refuse_for_many("--boxes", how.boxes)
    chosen.refuse_for_many("--frames", piece)
    if piece is not None and out is None:
        raise UsageError("--frames: give the folder of the pieces too, as -o pieces")

    def load() -> Work:
        from temtrack.pipeline.segment import SegmentStage
        from temtrack.pipeline.shown import Shown

        stage = SegmentStage.load(how, device, Shown(overlay, csv))
        if out is not None and piece is not None:
            return partial(_segment_piece, stage, piece)
        if out is not None:  # of many, each one's own place in it is looked at in its turn
            check_output_folder(out, run.force or run.resume or chosen.many)
        return lambda job: _segment_one(stage, "_masks" if out is None else "", job)

    task = Task(
        how,
        load=load,
        target=lambda job: out if out and piece else (out or job.source.parent) / job.name,
        content=lambda job: movie_source(read_movie(job.source)).sha256,
        show=_show,
        together=partial(_together, draws_sheet=overlay and run.shard is None),
    )
    run_each("segment", chosen, task, run)


def _segment_one(stage: SegmentStage, movie_suffix: str, job: Job) -> Row:
    """Segment one image or movie; return its counts."""
    from temtrack.pipeline.tracking_run import interrupts_told

    with interrupts_told(job.place):
        summary = stage.segment_file(job.source, job.place, job.request, movie_suffix)
    return {"output": str(summary.place), **summary.row()}


def _segment_piece(stage: SegmentStage, wanted: slice, job: Job) -> Row:
    """Segment a piece of a movie; return its counts."""
    from temtrack.pipeline.pieces import segment_piece

    return dict(segment_piece(job.source, job.place, wanted, stage, job.request))


def _expand(text: str) -> list[Path]:
    """Return the files that an input stands for, without the masks of an earlier run among them."""
    from temtrack.formats.locations import as_path
    from temtrack.formats.readers import dm_folder, ome_zarr
    from temtrack.formats.readers.images import is_pattern, list_images
    from temtrack.pipeline.shown import is_result

    path = as_path(text)
    if dm_folder.can_read(path) or ome_zarr.can_read(path):
        return [path]
    if not path.is_dir() and not is_pattern(path):
        return find_path(text)
    images = [p for p in list_images(path) if not is_result(p)]
    if not images:
        raise InputError(f"{path}: holds masks only; give the images themselves")
    return images


def _together(rows: Sequence[Row], draws_sheet: bool) -> Row:
    """Name the images that are unlike the others of the same folder; draw each folder on one sheet."""
    odd = _out_of_line(rows)
    if odd:
        output.tell(
            f"unlike the others of their folder in number or size of particles: {', '.join(odd[:10])}"
        )
    sheets = _draw_sheets(rows, odd) if draws_sheet else []
    return {name: value for name, value in (("out_of_line", odd), ("contact_sheets", sheets)) if value}


def _out_of_line(rows: Sequence[Row]) -> list[str]:
    from temtrack.analysis.out_of_line import images_out_of_line

    odd: list[str] = []
    for alike in _by_folder(rows, "input").values():
        found = images_out_of_line(
            *([row[name] for row in alike] for name in ("n_particles", "mean_diameter_px"))
        )
        odd += [str(alike[i]["input"]) for i in found]
    return odd


def _draw_sheets(rows: Sequence[Row], odd: Sequence[str]) -> list[str]:
    from temtrack.pipeline.shown import write_sheet

    drawn: list[str] = []
    for folder, alike in _by_folder([row for row in rows if row["n_frames"] == 1], "output").items():
        if len(alike) > 1:
            seen = [(Path(row["output"]), row["n_particles"], row["input"] in odd) for row in alike]
            drawn += [str(path) for path in write_sheet(folder, seen)]
    return drawn


def _by_folder(rows: Sequence[Row], name: str) -> dict[Path, list[Row]]:
    folders: dict[Path, list[Row]] = {}
    for row in rows:
        folders.setdefault(Path(str(row[name])).parent, []).append(row)
    return folders


def _show(rows: Sequence[Row], together: Row) -> None:
    show_lines(rows, together)
    n_unknown = sum(row["pixel_size_nm"] is None for row in rows)
    if n_unknown:
        output.tell(
            f"pixel size unknown for {n_unknown} of {len(rows)} inputs; give it as --pixel-size 0.21nm"
        )

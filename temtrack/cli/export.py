"""`temtrack export`: tracked particles for other programs."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each

if TYPE_CHECKING:
    from temtrack.formats.export import Exporter


class ExportFormat(StrEnum):
    """What particles, tracks and merges are written as."""

    geff = "geff"
    napari = "napari"
    trackmate = "trackmate"
    ome_tiff = "ome-tiff"
    ctc = "ctc"
    coco = "coco"
    csv = "csv"


def export(
    ctx: typer.Context,
    masks: Annotated[
        list[str],
        typer.Argument(
            metavar="MASKS...",
            help="Masks folders, of this program or another, or TIFF stacks; - for a list on stdin.",
        ),
    ],
    to: Annotated[ExportFormat, typer.Option("--to", help="The format.")],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="A file for trackmate (.xml), ome-tiff (.ome.tif) and coco (.json), else a folder; of many "
            "inputs the folder for all of them.",
        ),
    ],
    pixel_size: options.PixelSize = None,
    frame_time: options.FrameTime = None,
    resume: options.Resume = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Write masks, tracks and merges for other programs.

    All parents of a merge are kept where the format can hold them: geff,
    napari, trackmate, csv. Tables beside the masks are used, and measured
    anew where they are missing. Of many inputs, batch.jsonl beside the
    results tells what has become of each.
    """
    from temtrack.formats.export import find_exporter

    exporter = find_exporter(to.value)
    chosen = gather(masks, shard)
    chosen.refuse_file_for_many(out, (exporter.TARGET.suffix,))
    task = Task(
        load=lambda: partial(_export, exporter, (pixel_size, frame_time)),
        target=lambda job: out / (job.name + exporter.TARGET.suffix) if chosen.many else out,
        content=_content,
    )
    run_each(ctx, chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _export(exporter: Exporter, scale: tuple[float | None, float | None], job: Job) -> Row:
    """Export a masks folder, warn of what gets lost, and return its counts."""
    from temtrack.analysis.folder import open_masks_folder
    from temtrack.pipeline.export import check_export, read_export

    check_export(exporter, job.source, job.place, job.may_overwrite)
    folder = open_masks_folder(job.source)
    watch = partial(output.with_progress, total=len(folder.masks))
    content = read_export(folder, *scale, output.command_line(), partial(watch, description="measuring"))
    exporter.write_export(job.place, content, partial(watch, description="writing", unit="frames"))
    for loss in (*exporter.describe_losses(content), *content.describe_gaps()):
        output.warn(job.prefix + loss)
    if job.alone:
        options.tell_unknowns(content.pixel_size_nm, content.seconds)
    return content.counts()


def _content(job: Job) -> object:
    """Return what decides on an export: masks, and the tables and records beside them."""
    from temtrack.analysis.folder import fingerprint_with_tables
    from temtrack.tables import TABLES

    return fingerprint_with_tables(job.source, TABLES)

"""`temtrack export`: tracked particles for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.options import MASKS, command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each
from temtrack.pipeline.options import TableOptions

#: What particles, tracks and merges are written as.
ExportFormat = Literal["geff", "napari", "trackmate", "ome-tiff", "ome-zarr", "ctc", "coco", "csv"]


@command(
    masks=MASKS,
    to=typer.Option("--to", help="The format."),
    out=typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="A name in .xml for trackmate, .ome.tif for ome-tiff, .ome.zarr for ome-zarr, .json for coco, "
        "else a folder; of many inputs the folder for all of them.",
    ),
)
def export(masks: list[str], to: ExportFormat, out: Path, how: TableOptions, run: RunOptions) -> None:
    """Write masks, tracks and merges for other programs.

    All parents of a merge are kept where the format can hold them: geff,
    napari, trackmate, csv. Tables beside the masks are used, and measured
    anew where they are missing. Of many inputs, batch.jsonl beside the
    results tells what has become of each.
    """
    from temtrack.formats.export import find_exporter
    from temtrack.formats.store.run import fingerprint_run
    from temtrack.tables import TABLES

    suffix = find_exporter(to).suffix
    chosen = gather(masks, run.shard)
    chosen.refuse_file_for_many(out, (suffix,))
    task = Task(
        how,
        load=lambda: lambda job: _export_one(how, to, job),
        target=lambda job: out / (job.name + suffix) if chosen.many else out,
        content=lambda job: [to, fingerprint_run(job.source, TABLES)],
    )
    run_each("export", chosen, task, run)


def _export_one(how: TableOptions, to: ExportFormat, job: Job) -> Row:
    """Export one masks folder; return its counts."""
    from temtrack.pipeline.export import export_run

    content = export_run(job.source, to, job.place, how, job.request)
    if job.alone:
        output.tell_unknowns(content.tables.calibration)
    return {
        "format": to,
        "n_frames": content.n_frames,
        "n_masks": len(content.particles),
        "n_tracks": content.tables.tracks.num_rows,
        "n_merges": len(content.merges),
    }

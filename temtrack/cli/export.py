"""`temtrack export`: tracked particles for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.analysis.folder import MasksFolder
    from temtrack.analysis.masks import Watch
    from temtrack.formats.export import Exporter
    from temtrack.formats.export.content import ExportContent


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
    as_json: options.JsonOfInputs = False,
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
        load=lambda: _Settings(to, exporter, pixel_size, frame_time).write,
        target=lambda job: out / (job.name + exporter.TARGET.suffix) if chosen.many else out,
        content=_content,
    )
    run_each(ctx, chosen, task, RunOptions(resume, keep_going, force, as_json, dry_run))


@dataclass(frozen=True)
class _Settings:
    """What all exports share."""

    to: ExportFormat
    exporter: Exporter
    pixel_size_nm: float | None
    frame_time_s: float | None

    def write(self, job: Job) -> Row:
        """Export a masks folder, warn of what gets lost, and return its counts."""
        from temtrack.analysis.folder import open_masks_folder

        _check_place(job.source, job.place)
        self.exporter.TARGET.check(job.place, job.may_overwrite)
        folder = open_masks_folder(job.source)
        n_frames = len(folder.masks)
        watch = partial(output.with_progress, description="measuring", total=n_frames)
        content = _gather(folder, self.pixel_size_nm, self.frame_time_s, watch)
        watch = partial(output.with_progress, description="writing", total=n_frames, unit="frames")
        self.exporter.write_export(job.place, content, watch)
        for loss in (*self.exporter.describe_losses(content), *_gaps(content)):
            output.warn(job.prefix + loss)
        if job.alone:
            _tell_unknowns(content)
        return {
            "format": self.to.value,
            "n_frames": content.n_frames,
            "n_masks": len(content.particles),
            "n_tracks": len(content.tracks),
            "n_merges": len(content.merges),
        }


def _content(job: Job) -> object:
    """Return what decides on an export: masks, and the tables and records beside them."""
    from temtrack.analysis.folder import fingerprint_with_tables
    from temtrack.tables import TABLES

    return fingerprint_with_tables(job.source, TABLES)


def _check_place(masks: Path, out: Path) -> None:
    """Refuse a place among the masks, where an image would be taken for a mask; make the folder around it."""
    from temtrack.formats.store.atomic import check_output_folder

    if masks.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(
            f"-o {out}: lies in {masks}, where it could be taken for masks; choose another place"
        )
    check_output_folder(out.parent, force=True)


def _gather(
    folder: MasksFolder, pixel_size_nm: float | None, frame_time_s: float | None, watch: Watch
) -> ExportContent:
    """Read or measure all that is exported."""
    from temtrack.analysis.masks import find_family
    from temtrack.formats.export.content import ExportContent
    from temtrack.kinetics.reading import read_run_tables

    tables = read_run_tables(folder, pixel_size_nm, frame_time_s, watch=watch)
    return ExportContent(
        particles=tables.particles.sort_values(["frame", "particle_id"], ignore_index=True),
        tracks=tables.tracks,
        frames=tables.frames,
        merges=tables.merges,
        masks=find_family(folder.masks)[0] if tables.has_own_ids else folder.masks,
        field_px=(folder.masks.height, folder.masks.width),
        calibration=tables.calibration,
        source=Path(folder.facts.get("movie", folder.path)),
        facts=folder.metadata(tables.calibration, output.command_line()),
    )


def _gaps(content: ExportContent) -> Iterator[str]:
    """Say what an importer would miss."""
    if len(content.particles) == 0:
        yield "the masks hold no particle in any frame; the export is empty"
    if content.graph.n_unseen:
        yield f"{content.graph.n_unseen} parents of lineage.json are in no mask before their child"


def _tell_unknowns(content: ExportContent) -> None:
    if content.pixel_size_nm is None:
        output.tell("pixel size unknown: lengths are in pixels; give --pixel-size 0.21nm, say")
    if content.seconds is None:
        output.tell("frame times unknown: times are in frames; give --frame-time 0.5s, say")

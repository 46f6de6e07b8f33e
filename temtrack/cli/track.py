"""`temtrack track`: follow every particle of a movie, through merges too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from temtrack.cli import output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.live import follow
from temtrack.cli.options import Device, command
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, Work, run_each, show_lines
from temtrack.errors import UsageError
from temtrack.pipeline.options import TrackOptions

if TYPE_CHECKING:
    from temtrack.pipeline.tracking_plan import TrackStage


@command(
    movies=typer.Argument(
        metavar="MOVIE...", help="Movies: stacks, videos, folders, quoted patterns; - for a list on stdin."
    ),
    out=typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        help="Folder for the masks; of many movies, each gets a folder in it.",
    ),
)
def track(
    movies: list[str],
    out: Path,
    how: TrackOptions,
    run: RunOptions,
    masks: Path | None = None,
    overlay: Path | None = None,
    idle_s: float | None = None,
    device: Device = "auto",
) -> None:
    """Follow every particle of a movie, or of each of many, through merges too.

    Writes mask0000.tif and so on with the same id for the same particle (into
    a DIR that ends in .zarr one OME-Zarr label image in place of these),
    res_track.txt for CTC tools, lineage.json with all parents of every merge,
    drift.parquet with how the field of view moved, scores.parquet with how
    sure the model was of each particle, and run.json with what was run. Frames
    are counted from the first that is tracked. A run that was stopped, however
    it was, goes on with --resume to the same result; with --force too it starts
    again where it was one with other options.

    Of many movies each gets a folder of its name in DIR, and batch.jsonl there
    tells what has become of it. One that fails does not stop the others.

    With --follow a movie is tracked while the microscope writes it. Merges are
    told as soon as they are sure, with --json as one line of JSON each. Ctrl-C
    finishes what came; with --resume the same command goes on with what comes
    later, also after the machine died.
    """
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.run import movie_source

    inputs = gather(movies, run.shard)
    inputs.refuse_for_many("--masks", masks)
    inputs.refuse_for_many("--overlay", overlay)
    _check_overlay(overlay, run.force)
    if how.follow:
        if masks is not None or overlay is not None:
            raise UsageError("--follow: takes no --masks and no --overlay; draw the film once it has ended")
        follow(inputs, out, how, run, idle_s, device)
        return
    if idle_s is not None:
        raise UsageError("--idle: is for a movie that is being written; give it with --follow")

    def load() -> Work:
        from temtrack.pipeline.tracking_plan import TrackStage

        stage = TrackStage.load(how, device, masks)
        return lambda job: _track_one(stage, overlay, job)

    task = Task(
        how,
        load=load,
        target=lambda job: out / job.name if inputs.many else out,
        content=lambda job: movie_source(read_movie(job.source)).sha256,
        detail=_detail,
        show=show_lines if inputs.many else _show,
    )
    run_each("track", inputs, task, run)


def _track_one(stage: TrackStage, overlay: Path | None, job: Job) -> Row:
    """Track one movie, of many perhaps one that was begun; return its counts."""
    from temtrack.formats.store.masks import read_masks
    from temtrack.pipeline.track import track_file
    from temtrack.report.overlay import write_overlay

    movie, report = track_file(job.source, job.place, stage, job.request)
    lineage = report.lineage
    if overlay is not None:
        write_overlay(overlay, movie, output.with_progress(read_masks(job.place), "drawing"), lineage)
    if job.alone:
        output.tell_unknowns(movie.calibration)
    return {
        "n_frames": lineage.n_frames,
        "n_tracks": len(lineage.tracks),
        "n_merges": len(lineage.merges),
        **output.count_fates(track.fate for track in lineage.tracks),
        "n_gap_filled": sum(map(len, report.gap_filled.values())),
    }


def _check_overlay(path: Path | None, force: bool) -> None:
    """Refuse a film that cannot be written, before the hours of tracking."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder

    if path is None:
        return
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"--overlay {path}: the film is an mp4; give a name that ends in .mp4")
    check_output_folder(path.parent, force=True)  # the film may lie among other files
    check_output_file(path, force)


def _detail(job: Job) -> Row:
    """Return the merges of a tracked movie."""
    from temtrack.formats.store.lineage import LINEAGE_NAME, read_lineage

    return {"merges": [merge.as_row() for merge in read_lineage(job.place / LINEAGE_NAME).merges]}


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show counts and merges of the only movie."""
    show_lines(rows, together, title="Tracked")
    output.show_rows(rows[0]["merges"], as_json=False, title="Merges")

"""`temtrack track`: follow every particle of a movie, through merges too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, Work, run_each, show_lines
from temtrack.errors import UsageError
from temtrack.pipeline.options import TrackOptions

if TYPE_CHECKING:
    from temtrack.movie import Movie
    from temtrack.pipeline.track import TrackStage
    from temtrack.tracking.report import TrackingReport

_DEFAULT = TrackOptions()


def track(
    movies: Annotated[
        list[str],
        typer.Argument(
            metavar="MOVIE...",
            help="Movies: stacks, videos, folders, quoted patterns; - for a list on stdin.",
        ),
    ],
    output_folder: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for the masks; of many movies, each gets a folder in it.",
            show_default=False,
        ),
    ],
    model: options.Model = _DEFAULT.model,
    tta: options.Tta = _DEFAULT.tta,
    diameter: options.Diameter = _DEFAULT.diameter,
    rescale: options.Rescale = _DEFAULT.rescale,
    min_area_px: options.MinArea = _DEFAULT.min_area_px,
    tracker: options.Tracker = _DEFAULT.tracker,
    max_gap_frames: Annotated[
        int, typer.Option("--max-gap", min=0, help="Frames through which a particle is followed unseen.")
    ] = _DEFAULT.max_gap_frames,
    masks: Annotated[
        Path | None,
        typer.Option(
            "--masks", metavar="DIR", help="Segmented frames to use in place of a model.", show_default=False
        ),
    ] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            "--overlay",
            metavar="FILE.mp4",
            help="Draw contours, ids and merges on the movie into this film.",
            show_default=False,
        ),
    ] = None,
    pixel_size_nm: options.PixelSize = _DEFAULT.pixel_size_nm,
    scale_bar_nm: options.ScaleBar = _DEFAULT.scale_bar_nm,
    frame_time_s: options.FrameTime = _DEFAULT.frame_time_s,
    frames: options.Frames = _DEFAULT.frames,
    keep_annotations: options.KeepAnnotations = _DEFAULT.keep_annotations,
    device: options.Device = options.DeviceName.auto,
    resume: options.Resume = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.JsonOfInputs = False,
) -> None:
    """Follow every particle of a movie, or of each of many, through merges too.

    Writes mask0000.tif and so on with the same id for the same particle,
    res_track.txt for CTC tools, lineage.json with all parents of every merge,
    drift.parquet with how the field of view moved, and run.json with what was
    run. Frames are counted from the first that is tracked. A run that was
    stopped, however it was, goes on with --resume to the same result; with
    --force too it starts again where it was one with other options.

    Of many movies each gets a folder of its name in DIR, and batch.jsonl there
    tells what has become of it. One that fails does not stop the others.
    """
    from temtrack.formats.readers import read_movie
    from temtrack.formats.store.run import fingerprint

    inputs = gather(movies, shard)
    inputs.refuse_for_many("--masks", masks)
    inputs.refuse_for_many("--overlay", overlay)
    _check_overlay(overlay, force)
    how = TrackOptions(
        model=model,
        tta=tta,
        diameter=diameter,
        rescale=rescale,
        min_area_px=min_area_px,
        keep_annotations=keep_annotations,
        pixel_size_nm=pixel_size_nm,
        scale_bar_nm=scale_bar_nm,
        tracker=tracker,
        max_gap_frames=max_gap_frames,
        frame_time_s=frame_time_s,
        frames=frames,
    )

    def load() -> Work:
        from temtrack.pipeline.track import TrackStage

        stage = TrackStage.load(how, device, masks)
        return lambda job: _track_one(stage, overlay, job)

    task = Task(
        how,
        load=load,
        target=lambda job: output_folder / job.name if inputs.many else output_folder,
        content=lambda job: fingerprint(read_movie(job.source).origins),
        detail=_detail,
        show=show_lines if inputs.many else _show,
    )
    run_each("track", inputs, task, RunOptions(resume, keep_going, force, as_json, dry_run))


def _track_one(stage: TrackStage, overlay: Path | None, job: Job) -> Row:
    """Track one movie; of many, go on with one that was begun."""
    from temtrack.pipeline.track import track_file

    movie, report = track_file(
        job.source,
        job.place,
        stage,
        output.command_line(),
        resume=job.resume,
        force=job.force,
        begun=job.begun,
        progress=output.with_progress,
    )
    if overlay is not None:
        _write_overlay(overlay, movie, job.place, report)
    if job.alone:
        output.tell_unknowns(movie.calibration)
    return _counts(report)


def _check_overlay(path: Path | None, force: bool) -> None:
    """Refuse a film that cannot be written, before the hours of tracking."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder

    if path is None:
        return
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"--overlay {path}: the film is an mp4; give a name that ends in .mp4")
    check_output_folder(path.parent, force=True)  # the film may lie among other files
    check_output_file(path, force)


def _write_overlay(path: Path, movie: Movie, folder: Path, report: TrackingReport) -> None:
    """Draw the masks of a tracked movie on its frames."""
    from temtrack.formats.store.masks import read_masks
    from temtrack.report.overlay import write_overlay

    write_overlay(path, movie, output.with_progress(read_masks(folder), "drawing"), report.lineage)


def _counts(report: TrackingReport) -> Row:
    """Count frames, tracks, merges and fates."""
    lineage = report.lineage
    fates = Counter(str(track.fate) for track in lineage.tracks)
    return {
        "n_frames": lineage.n_frames,
        "n_tracks": len(lineage.tracks),
        "n_merges": len(lineage.merges),
        **dict(sorted(fates.items())),
        "n_gap_filled": sum(map(len, report.gap_filled.values())),
    }


def _detail(job: Job) -> Row:
    """Return the merges of a tracked movie."""
    from temtrack.formats.store.lineage import LINEAGE_NAME, read_lineage

    return {"merges": [merge.as_row() for merge in read_lineage(job.place / LINEAGE_NAME).merges]}


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show counts and merges of the only movie."""
    (row,) = rows
    show_lines(rows, together, title="Tracked")
    output.show_rows(row["merges"], as_json=False, title="Merges")

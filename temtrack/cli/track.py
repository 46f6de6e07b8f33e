"""`temtrack track`: follow every particle of a movie, through merges too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.bars import KeepBars, without_bars
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.linking import LinkingConfig
    from temtrack.movie import Movie
    from temtrack.pipeline.workflow import Propagation, Segmentation
    from temtrack.tracking.report import TrackingReport


def track(
    ctx: typer.Context,
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
    model: options.Model = options.DEFAULT_MODEL,
    propagator: Annotated[
        str,
        typer.Option(
            "--propagator",
            help="How ids are carried from frame to frame: overlap, trackpy, a DeAOT that `temtrack models` "
            "lists, or the folder of its training run.",
            autocompletion=options.complete_propagator,
        ),
    ] = options.DEFAULT_PROPAGATOR,
    min_area_px: options.MinArea = None,
    max_gap_frames: Annotated[
        int, typer.Option("--max-gap", min=0, help="Frames that a particle is carried through unseen.")
    ] = 8,
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
            help="Draw outlines, ids and merges on the movie into this film.",
            show_default=False,
        ),
    ] = None,
    pixel_size_nm: options.PixelSize = None,
    scale_bar_nm: options.ScaleBar = None,
    frame_time_s: options.FrameTime = None,
    frames: options.Frames = None,
    keep_bars: KeepBars = False,
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
    from temtrack.formats.store.fingerprint import fingerprint
    from temtrack.linking import LinkingConfig

    inputs = gather(movies, shard)
    inputs.refuse_for_many("--masks", masks)
    inputs.refuse_for_many("--overlay", overlay)
    read = partial(
        read_movie,
        pixel_size_nm=pixel_size_nm,
        frame_time_s=frame_time_s,
        scale_bar_nm=scale_bar_nm,
        frames=frames,
    )
    config = LinkingConfig(
        look_ahead_frames=max(LinkingConfig.look_ahead_frames, max_gap_frames + 2),
        max_gap_frames=max_gap_frames,
    )

    def load() -> Callable[[Job], Row]:
        _check_output(output_folder, inputs.many, overlay, force)
        tracking = _load(model, propagator, device, masks, min_area_px, config, keep_bars)
        return lambda job: _track_one(tracking, read(job.source), job, masks, overlay)

    task = Task(
        load=load,
        target=lambda job: output_folder / job.name if inputs.many else output_folder,
        content=lambda job: fingerprint(read(job.source).origins),
        detail=_merges,
        show=show_lines if inputs.many else _show,
    )
    run_each(ctx, inputs, task, RunOptions(resume, keep_going, force, as_json, dry_run))


@dataclass(frozen=True)
class _Tracking:
    """What the movies of a run share."""

    segmentation: Callable[[Movie], Segmentation]
    propagation: Propagation
    config: LinkingConfig
    keep_bars: bool

    def follow(self, movie: Movie, job: Job) -> TrackingReport:
        """Track a movie into its folder; go on with a run that was begun."""
        from temtrack.pipeline.workflow import TrackingPlan, track_into
        from temtrack.tracking.checkpoint import RESUME_NAME, check_tracking_folder

        movie = without_bars(movie, self.keep_bars)
        segmentation = self.segmentation(movie)
        # what an earlier run of many left is its own to overwrite, unless it can go on
        goes_on = job.resume and (job.place / RESUME_NAME).exists()
        force = job.force or (job.begun and not goes_on)
        check_tracking_folder(job.place, force, job.resume)
        plan = TrackingPlan(movie, segmentation, self.propagation, self.config, output.command_line())
        n_frames = movie.n_frames
        watch = partial(output.with_progress, description="tracking", total=n_frames, unit="frames")
        return track_into(job.place, plan, watch, job.resume, force)


def _load(
    model: str,
    propagator: str,
    device: str,
    masks: Path | None,
    min_area_px: float | None,
    config: LinkingConfig,
    keep_bars: bool,
) -> _Tracking:
    """Load the models, or take masks in place of one."""
    from temtrack.pipeline.workflow import load_segmentation, propagation_by_name, segmentation_by_masks

    segmentation = (
        partial(segmentation_by_masks, masks) if masks else load_segmentation(model, device, min_area_px)
    )
    return _Tracking(segmentation, propagation_by_name(propagator, device), config, keep_bars)


def _track_one(tracking: _Tracking, movie: Movie, job: Job, masks: Path | None, overlay: Path | None) -> Row:
    """Track one movie and say what to know of it; draw it, where that is asked for."""
    _refuse_input_as_output(job.place, masks, movie)
    report = tracking.follow(movie, job)
    if overlay is not None:
        _write_overlay(overlay, movie, job.place, report)
    _warn(report, job.prefix)
    if job.alone:
        _tell_unknowns(movie)
    return _counts(report)


def _check_output(folder: Path, many: bool, overlay: Path | None, force: bool) -> None:
    """Refuse, before the hours of tracking, a folder for many or a film that cannot be written."""
    from temtrack.formats.store.atomic import check_output_file, check_output_folder

    if many:
        check_output_folder(folder, force=True)  # each movie's own folder in it is looked at in its turn
    if overlay is None:
        return
    if overlay.suffix.lower() != ".mp4":
        raise UsageError(f"--overlay {overlay}: the film is an mp4; give a name that ends in .mp4")
    check_output_folder(overlay.parent, force=True)  # the film may lie among other files
    check_output_file(overlay, force)


def _write_overlay(path: Path, movie: Movie, folder: Path, report: TrackingReport) -> None:
    """Draw the masks of a tracked movie on its frames."""
    from temtrack.formats.store.masks import read_masks
    from temtrack.report.overlay import write_overlay

    masks = read_masks(folder)
    shown = output.with_progress(masks, description="drawing", total=len(masks), unit="frames")
    write_overlay(path, movie, shown, report.lineage)


def _refuse_input_as_output(folder: Path, masks: Path | None, movie: Movie) -> None:
    """Refuse to write where the input lies: with ``--force`` that would remove it."""
    for given in (masks, movie.path):
        if given is not None and given.resolve() == folder.resolve():
            raise UsageError(f"--output {folder}: is the folder of the input; give another folder")


def _warn(report: TrackingReport, where: str = "") -> None:
    """Name the frames that were bridged and those at which the field jumped."""
    if bad := report.frames_flagged("blank", "blurred"):
        named = ", ".join(f"{t} ({verdict})" for t, verdict in list(bad.items())[:10])
        output.warn(f"{where}bridged {len(bad)} blank or blurred frame{'s'[: len(bad) > 1]}: {named}")
    if jumps := report.frames_flagged("jump"):
        named = ", ".join(map(str, list(jumps)[:10]))
        output.tell(f"{where}the field of view jumps at {len(jumps)} frame{'s'[: len(jumps) > 1]}: {named}")
    if report.n_masks == 0:
        output.warn(f"{where}no particle was found in any frame; all masks are empty")


def _counts(report: TrackingReport) -> Row:
    """Count frames, tracks, merges and fates."""
    lineage = report.lineage
    fates = Counter(str(track.fate) for track in lineage.tracks)
    return {
        "n_frames": lineage.n_frames,
        "n_tracks": len(lineage.tracks),
        "n_merges": len(lineage.merges),
        **dict(sorted(fates.items())),
        "n_carried_masks": sum(map(len, report.gap_filled.values())),
    }


def _merges(job: Job) -> Row:
    """Return the merges of a tracked movie."""
    from temtrack.formats.store.lineage import read_lineage

    merges = [merge.as_row() for merge in read_lineage(job.place / "lineage.json").merges]
    return {"merges": merges}


def _show(rows: Sequence[Row], together: Row) -> None:
    """Show counts and merges of the only movie."""
    show_lines(rows, together, title="Tracked")
    output.show_rows(rows[0]["merges"], as_json=False, title="Merges")


def _tell_unknowns(movie: Movie) -> None:
    if movie.pixel_size is None:
        output.tell("pixel size unknown: tables will be in pixels only; give --pixel-size 0.21nm, say")
    if movie.frame_times is None:
        output.tell("frame times unknown: tables will count frames only; give --frame-time 0.5s, say")

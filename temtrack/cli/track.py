"""`temtrack track`: follow every particle of a movie, through merges too."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.errors import UsageError

if TYPE_CHECKING:
    from temtrack.movie import Movie
    from temtrack.tracking.report import TrackingReport


class IdCodingName(StrEnum):
    """What the ids of a DeAOT stand for."""

    colours = "colours"
    groups = "groups"


def track(
    source: Annotated[str, typer.Argument(metavar="MOVIE", help="A movie: stack, video, folder or pattern.")],
    output_folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the masks.", show_default=False),
    ],
    model: options.Model = options.DEFAULT_MODEL,
    propagator: Annotated[
        str,
        typer.Option(
            "--propagator",
            help="How ids are carried from frame to frame: overlap, trackpy, a DeAOT that `temtrack models` "
            "lists, or the folder of its training run.",
        ),
    ] = options.DEFAULT_PROPAGATOR,
    ids: Annotated[
        IdCodingName,
        typer.Option("--ids", help="What a DeAOT's ten ids stand for: colours of many, or groups of ten."),
    ] = IdCodingName.colours,
    max_gap_frames: Annotated[
        int, typer.Option("--max-gap", min=0, help="Frames that a particle is carried through unseen.")
    ] = 3,
    masks: Annotated[
        Path | None,
        typer.Option(
            "--masks", metavar="DIR", help="Segmented frames to use in place of a model.", show_default=False
        ),
    ] = None,
    pixel_size_nm: options.PixelSize = None,
    scale_bar_nm: options.ScaleBar = None,
    frame_time_s: options.FrameTime = None,
    device: options.Device = options.DeviceName.auto,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a stopped run of the same command left off.")
    ] = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Follow every particle of a movie, through merges too.

    Writes mask0000.tif and so on with the same id for the same particle,
    res_track.txt for CTC tools, lineage.json with all parents of every merge,
    and run.json with what was run. A run that was stopped, however it was,
    goes on with --resume to the same result.
    """
    from temtrack.formats import read_movie
    from temtrack.linking import LinkingConfig
    from temtrack.tracking.checkpoint import check_tracking_folder
    from temtrack.workflow import (
        TrackingPlan,
        propagation_by_name,
        segmentation_by_masks,
        segmentation_by_model,
        track_into,
    )

    movie = read_movie(source, pixel_size_nm, frame_time_s, scale_bar_nm)
    config = LinkingConfig(
        look_ahead_frames=max(LinkingConfig.look_ahead_frames, max_gap_frames + 2),
        max_gap_frames=max_gap_frames,
    )
    _refuse_input_as_output(output_folder, masks, movie)
    segmentation = (
        segmentation_by_masks(masks, movie) if masks else segmentation_by_model(model, device, movie)
    )
    propagation = propagation_by_name(propagator, device, ids.value)
    check_tracking_folder(output_folder, force, resume)
    plan = TrackingPlan(movie, segmentation, propagation, config, output.command_line())
    watch = partial(output.with_progress, description="tracking", total=movie.n_frames, unit="frames")
    report = track_into(output_folder, plan, watch, resume)
    _show(output_folder, report, as_json)
    _tell_unknowns(movie)


def _refuse_input_as_output(folder: Path, masks: Path | None, movie: Movie) -> None:
    """Refuse to write where the input lies: with ``--force`` that would remove it."""
    for given in (masks, movie.path):
        if given is not None and given.resolve() == folder.resolve():
            raise UsageError(f"--output {folder}: is the folder of the input; give another folder")


def _show(folder: Path, report: TrackingReport, as_json: bool) -> None:
    """Show counts and merges; name the frames that were bridged."""
    lineage = report.lineage
    bad = {t: verdict for t, verdict in enumerate(report.quality) if verdict != "good"}
    if bad:
        named = ", ".join(f"{t} ({verdict})" for t, verdict in list(bad.items())[:10])
        output.warn(f"bridged {len(bad)} blank or blurred frame{'s'[: len(bad) > 1]}: {named}")
    if report.n_masks == 0:
        output.warn("no particle was found in any frame; all masks are empty")
    fates = Counter(str(track.fate) for track in lineage.tracks)
    summary: dict[str, object] = {
        "output": str(folder),
        "frames": lineage.n_frames,
        "tracks": len(lineage.tracks),
        "merges": len(lineage.merges),
        **dict(sorted(fates.items())),
        "carried_masks": sum(map(len, report.carried.values())),
    }
    merges = [
        {
            "frame": merge.frame,
            "contact_frame": merge.contact_frame,
            "parent_ids": list(merge.parents),
            "child_id": merge.child,
            "y_px": merge.y_px,
            "x_px": merge.x_px,
        }
        for merge in lineage.merges
    ]
    if as_json:
        output.show_json({"summary": summary, "merges": merges})
        return
    output.show_rows([summary], as_json=False, title="Tracked")
    if merges:
        output.show_rows(merges, as_json=False, title="Merges")


def _tell_unknowns(movie: Movie) -> None:
    if movie.pixel_size is None:
        output.tell("pixel size unknown: tables will be in pixels only; give --pixel-size 0.21nm, say")
    if movie.frame_times is None:
        output.tell("frame times unknown: tables will count frames only; give --frame-time 0.5s, say")

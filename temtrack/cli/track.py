"""`temtrack track`: follow every particle of a movie, through merges too."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from numpy.typing import NDArray

from temtrack import __version__
from temtrack.cli import options, output
from temtrack.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from temtrack.lineage import Lineage
    from temtrack.linking import LinkingConfig
    from temtrack.movie import Movie
    from temtrack.tracking.engine import TrackedFrame, TrackedMovie

    Segment = Callable[[NDArray[Any]], NDArray[np.integer]]


class PropagatorName(StrEnum):
    """How ids are carried from frame to frame."""

    overlap = "overlap"


def track(
    source: Annotated[str, typer.Argument(metavar="MOVIE", help="A movie: stack, video, folder or pattern.")],
    output_folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the masks.", show_default=False),
    ],
    model: options.Model = options.DEFAULT_MODEL,
    propagator: Annotated[
        PropagatorName, typer.Option("--propagator", help="How ids are carried from frame to frame.")
    ] = PropagatorName.overlap,
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
    frame_time_s: options.FrameTime = None,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Follow every particle of a movie, through merges too.

    Writes mask0000.tif and so on with the same id for the same particle,
    res_track.txt for CTC tools, lineage.json with all parents of every merge,
    and run.json with what was run.
    """
    from temtrack.formats import read_movie
    from temtrack.formats.atomic import check_output_folder
    from temtrack.linking import LinkingConfig
    from temtrack.tracking.engine import track_movie
    from temtrack.tracking.overlap import OverlapPropagator

    movie = read_movie(source, pixel_size_nm, frame_time_s)
    config = LinkingConfig(
        look_ahead_frames=max(LinkingConfig.look_ahead_frames, max_gap_frames + 2),
        max_gap_frames=max_gap_frames,
    )
    _refuse_input_as_output(output_folder, masks, movie)
    segment, facts = _given_masks(masks, movie) if masks else _load_model(model, device, movie)
    check_output_folder(output_folder, force)
    _remove_earlier_run(output_folder)
    frames = output.with_progress(movie, "tracking", total=movie.n_frames)
    tracked = track_movie(frames, segment, OverlapPropagator(), config)
    report = _write_masks(tracked, output_folder)
    run = _describe(movie, facts, config, propagator.value, report)
    _write_lineage(output_folder, tracked.lineage, run)
    _show(output_folder, tracked.lineage, report, as_json)
    _tell_unknowns(movie)


@dataclass
class _Report:
    """What happened to the frames: verdict and measures of each, ids carried without a segment."""

    quality: list[str] = field(default_factory=list)
    contrast: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    carried: dict[int, list[int]] = field(default_factory=dict)
    n_masks: int = 0

    def add(self, frame: TrackedFrame, n_ids: int) -> None:
        self.quality.append(frame.quality.verdict)
        self.contrast.append(round(frame.quality.contrast, 6))
        self.sharpness.append(round(frame.quality.sharpness, 6))
        self.n_masks += n_ids
        if frame.carried_ids:
            self.carried[frame.frame] = list(frame.carried_ids)


def _given_masks(folder: Path, movie: Movie) -> tuple[Segment, dict[str, object]]:
    """Return a stand-in for a model that gives out the masks of a folder in order."""
    from temtrack.formats.fingerprint import fingerprint
    from temtrack.formats.images import list_images
    from temtrack.formats.masks import read_masks

    masks = read_masks(folder)
    if (len(masks), masks.height, masks.width) != (len(movie), movie.height, movie.width):
        raise InputError(
            f"{folder}: holds {len(masks)} masks of {masks.height}x{masks.width} px, but {movie.path} "
            f"{len(movie)} frames of {movie.height}x{movie.width}; give the masks of this movie"
        )
    in_order = iter(masks)
    files = list_images(folder) if folder.is_dir() else [folder]
    facts: dict[str, object] = {"masks": str(folder), "masks_sha256": fingerprint(files)}
    return lambda image: next(in_order), facts


def _load_model(model: str, device: options.DeviceName, movie: Movie) -> tuple[Segment, dict[str, object]]:
    """Return the segmenter as a function of the image, at one scale for the whole movie."""
    from temtrack.segmentation.load import load_segmenter

    segmenter = load_segmenter(model, device)
    scale = segmenter.find_scale(movie.read_frame(0))
    facts: dict[str, object] = {
        "model": segmenter.spec.name,
        "model_sha256": segmenter.sha256,
        "scale": scale,
    }
    return lambda image: segmenter.segment(image, scale), facts


def _refuse_input_as_output(folder: Path, masks: Path | None, movie: Movie) -> None:
    """Refuse to write where the input lies: with ``--force`` that would remove it."""
    for given in (masks, movie.path):
        if given is not None and given.resolve() == folder.resolve():
            raise UsageError(f"--output {folder}: is the folder of the input; give another folder")


def _remove_earlier_run(folder: Path) -> None:
    """Remove what an earlier run left, so that no file tells of another one."""
    from temtrack.formats.masks import remove_masks

    remove_masks(folder)
    for name in ("res_track.txt", "lineage.json", "run.json"):
        (folder / name).unlink(missing_ok=True)


def _write_masks(tracked: TrackedMovie, folder: Path) -> _Report:
    """Write each frame as soon as its ids are final."""
    from temtrack.formats.masks import mask_name, write_mask
    from temtrack.labels import measure_regions

    report = _Report()
    for frame in tracked:
        write_mask(folder / mask_name(frame.frame), frame.labels)
        report.add(frame, n_ids=measure_regions(frame.labels).ids.size)
    return report


def _describe(
    movie: Movie, facts: dict[str, object], config: LinkingConfig, propagator: str, report: _Report
) -> dict[str, object]:
    """Return what stands in ``run.json``: enough to run it again and to know what was what."""
    from temtrack.formats.fingerprint import fingerprint
    from temtrack.formats.images import is_pattern, list_images

    path = movie.path
    files = list_images(path) if path.is_dir() or is_pattern(path) else [path]
    scale, times = movie.pixel_size, movie.frame_times
    return {
        "temtrack_version": __version__,
        "command": shlex.join(["temtrack", *sys.argv[1:]]),
        "movie": str(path),
        "movie_sha256": fingerprint(files),
        **facts,
        "parameters": {"propagator": propagator, **asdict(config)},
        "n_frames": movie.n_frames,
        "pixel_size_nm": scale.nm if scale else None,
        "pixel_size_source": scale.source if scale else None,
        "frame_times_s": times.seconds.tolist() if times else None,
        "frame_times_source": times.source if times else None,
        "quality": report.quality,
        "contrast": report.contrast,
        "sharpness": report.sharpness,
        "carried": report.carried,
    }


def _write_lineage(folder: Path, lineage: Lineage, run: dict[str, object]) -> None:
    from temtrack.formats.atomic import whole_file
    from temtrack.formats.lineage_files import write_ctc_table, write_lineage

    write_ctc_table(folder / "res_track.txt", lineage)
    write_lineage(folder / "lineage.json", lineage)
    with whole_file(folder / "run.json") as part:
        part.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def _show(folder: Path, lineage: Lineage, report: _Report, as_json: bool) -> None:
    """Show counts and merges; name the frames that were bridged."""
    bad = {t: verdict for t, verdict in enumerate(report.quality) if verdict != "good"}
    if bad:
        named = ", ".join(f"{t} ({verdict})" for t, verdict in list(bad.items())[:10])
        output.warn(f"{len(bad)} frames are blank or blurred and were bridged: {named}")
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

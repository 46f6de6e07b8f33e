"""The stages one after another, from files to files: what the commands, the demo and workflow rules call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack import __version__
from temtrack.analysis.folder import MasksFolder
from temtrack.analysis.masks import Tables, Watch
from temtrack.errors import InputError
from temtrack.formats.atomic import whole_file
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.images import is_pattern, list_images
from temtrack.formats.lineage_files import write_ctc_table, write_lineage
from temtrack.formats.masks import list_masks, mask_name, read_masks, remove_masks, write_mask
from temtrack.formats.parquet import write_table
from temtrack.labels import measure_regions
from temtrack.lineage import Lineage
from temtrack.linking import LinkingConfig
from temtrack.movie import Movie
from temtrack.tables import TABLES, Calibration
from temtrack.tracking.engine import TrackedFrame, track_movie
from temtrack.tracking.overlap import OverlapPropagator

Frames = Iterable[NDArray[Any]]


@dataclass(frozen=True)
class Segmentation:
    """A function from an image (Y, X) to labels (Y, X), and the facts that say which one it is."""

    segment: Callable[[NDArray[Any]], NDArray[np.integer]]
    facts: dict[str, object]


def segmentation_by_model(model: str, device: str, movie: Movie) -> Segmentation:
    """Return a model's segmentation, at one scale for the whole movie."""
    from temtrack.segmentation.load import load_segmenter
    from temtrack.segmentation.scale import common_scale

    segmenter = load_segmenter(model, device)
    samples = sorted({0, movie.n_frames // 2, movie.n_frames - 1})
    scale = common_scale(segmenter.find_scale(movie.read_frame(t)) for t in samples)
    facts = {"model": segmenter.spec.name, "model_sha256": segmenter.sha256, "scale": scale}
    return Segmentation(lambda image: segmenter.segment(image, scale), facts)


def segmentation_by_masks(folder: Path, movie: Movie) -> Segmentation:
    """Return the masks of a folder in order, as if a model had made them.

    Raises
    ------
    InputError
        Where they are not the masks of this movie.
    """
    masks = read_masks(folder)
    if (len(masks), masks.height, masks.width) != (len(movie), movie.height, movie.width):
        raise InputError(
            f"{folder}: holds {len(masks)} masks of {masks.height}x{masks.width} px, but {movie.path} "
            f"{len(movie)} frames of {movie.height}x{movie.width}; give the masks of this movie"
        )
    in_order = iter(masks)
    facts: dict[str, object] = {"masks": str(folder), "masks_sha256": fingerprint(list_masks(folder))}
    return Segmentation(lambda image: next(in_order), facts)


@dataclass
class TrackingReport:
    """What tracking did: the lineage, verdict and measures of each frame, ids carried without a segment."""

    lineage: Lineage = field(default_factory=lambda: Lineage(0, (), ()))
    quality: list[str] = field(default_factory=list)
    contrast: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    carried: dict[int, list[int]] = field(default_factory=dict)
    n_masks: int = 0

    def add(self, frame: TrackedFrame) -> None:
        """Take a frame into account."""
        self.quality.append(frame.quality.verdict)
        self.contrast.append(round(frame.quality.contrast, 6))
        self.sharpness.append(round(frame.quality.sharpness, 6))
        self.n_masks += measure_regions(frame.labels).ids.size
        if frame.carried_ids:
            self.carried[frame.frame] = list(frame.carried_ids)


def track_into(
    folder: Path, movie: Movie, segmentation: Segmentation, config: LinkingConfig, command: str, watch: Watch
) -> TrackingReport:
    """Track a movie with the overlap propagator and write masks, family tree and ``run.json`` into a folder.

    Each mask is written as soon as its ids are final. What an earlier run left there is removed first.
    """
    _remove_earlier_run(folder)
    tracked = track_movie(watch(movie), segmentation.segment, OverlapPropagator(), config)
    report = TrackingReport()
    for frame in tracked:
        write_mask(folder / mask_name(frame.frame), frame.labels)
        report.add(frame)
    report.lineage = tracked.lineage
    write_ctc_table(folder / "res_track.txt", report.lineage)
    write_lineage(folder / "lineage.json", report.lineage)
    run = {
        "temtrack_version": __version__,
        "command": command,
        **_describe_movie(movie),
        **segmentation.facts,
        "parameters": {"propagator": "overlap", **asdict(config)},
        "quality": report.quality,
        "contrast": report.contrast,
        "sharpness": report.sharpness,
        "carried": report.carried,
    }
    with whole_file(folder / "run.json") as part:
        part.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return report


def analyze_into(
    target: Path,
    masks: MasksFolder,
    movie: Movie | None,
    calibration: Calibration,
    with_merges: bool,
    command: str,
    watch: Watch,
) -> Tables:
    """Measure a masks folder and write its tables into ``target``."""
    tables = masks.analyze(movie, calibration, with_merges, watch)
    facts = masks.metadata(calibration, command)
    (target / "merges.parquet").unlink(missing_ok=True)  # an earlier one would not fit the other tables
    for name, table in tables.items():
        write_table(target / f"{name}.parquet", table, facts)
    return tables


def _remove_earlier_run(folder: Path) -> None:
    """Remove what an earlier run left, so that no file tells of another one."""
    remove_masks(folder)
    tables = [f"{table.name}.parquet" for table in TABLES]
    for name in ("res_track.txt", "lineage.json", "run.json", *tables):
        (folder / name).unlink(missing_ok=True)


def _describe_movie(movie: Movie) -> dict[str, object]:
    """Return which movie it was, and what was known of its scale and time."""
    path = movie.path
    files = list_images(path) if path.is_dir() or is_pattern(path) else [path]
    scale, times = movie.pixel_size, movie.frame_times
    return {
        "movie": str(path),
        "movie_sha256": fingerprint(files),
        "n_frames": movie.n_frames,
        "pixel_size_nm": scale.nm if scale else None,
        "pixel_size_source": scale.source if scale else None,
        "frame_times_s": times.seconds.tolist() if times else None,
        "frame_times_source": times.source if times else None,
    }

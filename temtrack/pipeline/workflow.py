"""The stages one after another, from files to files: what the commands, the demo and workflow rules call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack import __version__
from temtrack.analysis.folder import MasksFolder
from temtrack.analysis.masks import Tables, TrackerRecord, Watch
from temtrack.analysis.series import MaskSeries
from temtrack.errors import InputError, InterruptedRunError, UsageError, did_you_mean
from temtrack.formats.store.atomic import remove_leftovers
from temtrack.formats.store.fingerprint import fingerprint
from temtrack.formats.store.lineage import write_ctc_table, write_lineage
from temtrack.formats.store.lock import locked
from temtrack.formats.store.masks import Masks, list_masks, mask_name, read_masks, remove_masks, write_mask
from temtrack.formats.store.provenance import write_run
from temtrack.formats.store.tables import write_table
from temtrack.imaging.annotations import mask_out
from temtrack.linking import LinkingConfig
from temtrack.models.catalog import Kind, kind_of
from temtrack.models.registry import RUN_FILE, find_model, names_for, verify
from temtrack.movie import Movie
from temtrack.tables import DRIFT, KINETICS, TABLES, Calibration
from temtrack.tracking.checkpoint import RESUME_NAME, Checkpoint, CheckpointFile
from temtrack.tracking.engine import (
    ResumableTracker,
    Segment,
    TrackedFrame,
    TrackingEngine,
    track_movie,
)
from temtrack.tracking.report import TrackingReport

if TYPE_CHECKING:
    from temtrack.kinetics.estimate import Estimate
    from temtrack.kinetics.observed import ObservedRun

#: Stands around the numbers of the frames while they are tracked: a progress bar, for one.
WatchFrames = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True)
class Segmentation:
    """A function from an image (Y, X) to labels (Y, X), and the facts that say which one it is.

    ``skip_to`` is told the frame from which a resumed run goes on, where the labels come in order.
    """

    segment: Segment
    facts: dict[str, object]
    skip_to: Callable[[int], None] = lambda frame: None


@dataclass(frozen=True)
class Propagation:
    """Makes a propagator, and says which one it is.

    ``parameters`` and ``facts`` are for ``run.json``.
    """

    build: Callable[[], ResumableTracker]
    parameters: dict[str, object]
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackingPlan:
    """A movie, how it is segmented, carried and linked, and the command that says so."""

    movie: Movie
    segmentation: Segmentation
    propagation: Propagation
    config: LinkingConfig
    command: str

    def facts(self) -> dict[str, object]:
        """Return what decides on the result, and where the inputs lie."""
        return {
            "temtrack_version": __version__,
            **_describe_movie(self.movie),
            **self.segmentation.facts,
            **self.propagation.facts,
            "parameters": {**self.propagation.parameters, **asdict(self.config)},
        }


def segmentation_by_model(
    model: str, device: str, movie: Movie, min_area_px: float | None = None
) -> Segmentation:
    """Return a model's segmentation, at one scale for the whole movie."""
    return load_segmentation(model, device, min_area_px)(movie)


def load_segmentation(
    model: str, device: str, min_area_px: float | None = None
) -> Callable[[Movie], Segmentation]:
    """Load a model once and return what makes its segmentation of any movie."""
    from temtrack.segmentation.scale import common_scale
    from temtrack.segmentation.segmenter import Segmenter

    segmenter = Segmenter(model, device, tta=False)

    def of(movie: Movie) -> Segmentation:
        samples = sorted({0, movie.n_frames // 2, movie.n_frames - 1})
        scale = common_scale(segmenter.find_scale(movie.read_frame(t)) for t in samples)
        facts: dict[str, object] = {
            "model": segmenter.spec.name,
            "model_sha256": segmenter.sha256,
            "scale": scale,
            "min_area_px": min_area_px,
        }
        return Segmentation(
            lambda image: mask_out(segmenter.segment(image, scale, min_area_px).labels, movie.burned_in),
            facts,
        )

    return of


def segmentation_by_masks(folder: Path, movie: Movie) -> Segmentation:
    """Return the masks of a folder in order, as if a model had made them.

    Raises
    ------
    InputError
        Where they are not the masks of this movie, nor of the one that it is a piece of.
    """
    masks = read_masks(folder)
    if movie.piece is not None and len(masks) == movie.piece.n_whole:
        masks = masks.take(movie.piece.frames)
    if (len(masks), masks.height, masks.width) != (len(movie), movie.height, movie.width):
        raise InputError(
            f"{folder}: holds {len(masks)} masks of {masks.height}x{masks.width} px, but {movie.path} "
            f"{len(movie)} frames of {movie.height}x{movie.width}; give the masks of this movie"
        )
    in_order = _MasksInOrder(masks)
    facts: dict[str, object] = {"masks": str(folder), "masks_sha256": fingerprint(list_masks(folder))}
    return Segmentation(in_order, facts, in_order.skip_to)


@dataclass
class _MasksInOrder:
    """Gives the next mask for each image that it is shown."""

    masks: Masks
    next_frame: int = 0

    def __call__(self, image: NDArray[Any]) -> NDArray[np.integer]:
        labels = self.masks[self.next_frame]
        self.next_frame += 1
        return labels

    def skip_to(self, frame: int) -> None:
        self.next_frame = frame


def propagation_by_name(name: str, device: str = "auto") -> Propagation:
    """Return a propagator: ``overlap``, ``trackpy``, a DeAOT that came or was added, or the folder of a run.

    Raises
    ------
    UsageError
        Where there is none of that name, or the model is no DeAOT.
    ModelError
        Where its weights are missing or damaged.
    """
    if name == "overlap":
        from temtrack.tracking.overlap import OverlapTracker

        return Propagation(OverlapTracker, {"propagator": name})
    if name == "trackpy":
        from temtrack.tracking.centroids import CentroidTracker

        return Propagation(CentroidTracker, {"propagator": name})
    _check_network(name)
    from temtrack.tracking.load import load_deaot

    propagator = load_deaot(name, device)
    facts: dict[str, object] = {"propagator_sha256": verify(find_model(name))}
    return Propagation(propagator.anew, {"propagator": name}, facts)


def _check_network(name: str) -> None:
    """Refuse a name that is no DeAOT model."""
    allowed = names_for(Kind.tracker)
    is_run = (Path(name) / RUN_FILE).is_file()
    if not (name in allowed or (is_run and kind_of(find_model(name).architecture) is Kind.tracker)):
        raise UsageError(
            f"--propagator {name}: carries no ids; allowed are {', '.join(allowed)}, or the folder of a "
            f"DeAOT's training run.{did_you_mean(name, allowed)}"
        )


def track_into(
    folder: Path, plan: TrackingPlan, watch: WatchFrames, resume: bool = False, force: bool = False
) -> TrackingReport:
    """Track a movie and write masks, family tree and ``run.json`` into a folder.

    Each mask is written as soon as its ids are final. With ``resume`` an unfinished run of the same plan goes
    on where it stopped, with the same bytes as one that was never stopped; without, what an earlier run left
    is removed first. With ``force`` too, so is an unfinished run that cannot go on.

    Raises
    ------
    UsageError
        Where the unfinished run in the folder was another one.
    BusyError
        Where another process is tracking into the folder.
    InterruptedRunError
        Where the user interrupts it.
    """
    with locked(folder):
        return _track_alone(folder, plan, watch, resume, force)


def _track_alone(
    folder: Path, plan: TrackingPlan, watch: WatchFrames, resume: bool, force: bool
) -> TrackingReport:
    remove_leftovers(folder)
    propagator = plan.propagation.build()
    file, facts = CheckpointFile(folder, propagator), plan.facts()
    run = _read_unfinished(file, facts, force) if resume else None
    if run is None:
        run = Checkpoint(facts, plan.command)
        _remove_earlier_run(folder)
        file.save(run)
    plan.segmentation.skip_to(run.tracking.next_frame)
    engine = TrackingEngine(plan.segmentation.segment, propagator, plan.config, run.tracking)
    try:
        _track(folder, plan.movie, engine, run, file, watch)
    except KeyboardInterrupt as stop:
        raise InterruptedRunError(
            f"{folder}: interrupted, unfinished; the same command with --resume goes on from there"
        ) from stop
    _write_record(folder, run, _calibration_of(plan.movie))
    file.remove()
    return run.report


def _read_unfinished(file: CheckpointFile, facts: dict[str, object], force: bool) -> Checkpoint | None:
    """Return the run to go on with; with ``force`` none where it was another one or its file is damaged."""
    try:
        return file.read(facts)
    except (UsageError, InputError):
        if force:
            return None
        raise


def _track(
    folder: Path,
    movie: Movie,
    engine: TrackingEngine,
    run: Checkpoint,
    file: CheckpointFile,
    watch: WatchFrames,
) -> None:
    """Take the frames that a run has not yet taken."""
    for t in watch(range(engine.state.next_frame, movie.n_frames)):
        _write_frames(folder, engine.push(movie.read_frame(t)), run.report)
        if file.is_due():
            file.save(run)
    last, run.report.lineage = engine.finish()
    _write_frames(folder, last, run.report)


def track_in_memory(plan: TrackingPlan, watch: WatchFrames = iter) -> MaskSeries:
    """Track a movie and keep its masks, each in the smallest type that holds its ids."""
    frames = (plan.movie.read_frame(t) for t in watch(range(plan.movie.n_frames)))
    tracked = track_movie(frames, plan.segmentation.segment, plan.propagation.build(), plan.config)
    masks: list[NDArray[np.integer]] = []
    report = TrackingReport()
    for frame in tracked:
        masks.append(frame.labels.astype(np.min_scalar_type(frame.labels.max(initial=0))))
        report.add(frame)
    carried = {t: frozenset(ids) for t, ids in report.gap_filled.items()}
    record = TrackerRecord(tracked.lineage, carried, report.quality)
    return MaskSeries(masks, record, _calibration_of(plan.movie))


def _write_frames(folder: Path, frames: list[TrackedFrame], report: TrackingReport) -> None:
    for frame in frames:
        write_mask(folder / mask_name(frame.frame), frame.labels)
        report.add(frame)


def _write_record(folder: Path, run: Checkpoint, calibration: Calibration) -> None:
    """Write the lineage, the drift, and what was run on what."""
    report, facts = run.report, run.facts
    write_ctc_table(folder / "res_track.txt", report.lineage)
    write_lineage(folder / "lineage.json", report.lineage)
    told = {name: str(facts[name]) for name in ("temtrack_version", "movie", "movie_sha256")}
    drift = report.drift_table(calibration)
    write_table(folder / f"{DRIFT.name}.parquet", drift, {"command": run.command, **told})
    record = {
        "temtrack_version": facts["temtrack_version"],
        "command": run.command,
        **facts,
        "quality": report.quality,
        "contrast": report.contrast,
        "sharpness": report.sharpness,
        "carried": report.gap_filled,
    }
    write_run(folder, record)


def segmentation_facts(
    movie: Movie, model: str, sha256: str | None, parameters: Mapping[str, object], command: str
) -> dict[str, object]:
    """Return what stands beside the masks of a segmentation: what was run on what."""
    return {
        "temtrack_version": __version__,
        "command": command,
        **_describe_movie(movie),
        "model": model,
        "model_sha256": sha256,
        "parameters": dict(parameters),
    }


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
    with locked(target):
        tables = masks.analyze(movie, calibration, with_merges, watch)
        facts = masks.metadata(calibration, command)
        if movie is not None:
            facts |= {"image": str(movie.path), "image_sha256": fingerprint(movie.origins)}
        if tables.has_own_ids:
            facts["ids"] = "found by linking: those of the masks do not last from frame to frame"
        (target / "merges.parquet").unlink(missing_ok=True)  # an earlier one would not fit the other tables
        for name, table in tables.items():
            write_table(target / f"{name}.parquet", table, facts)
    return tables


def kinetics_into(target: Path, run: ObservedRun, seed: int, facts: dict[str, str]) -> list[Estimate]:
    """Measure the kinetics of a run and write their table, with ``facts`` in its metadata, and plots."""
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.kinetics.measure import measure_kinetics
    from temtrack.report.plots import write_kinetics_plots

    with locked(target):
        rows = measure_kinetics(run, np.random.default_rng(seed))
        write_table(target / "kinetics.parquet", fill_kinetics(rows), {**facts, "seed": str(seed)})
        write_kinetics_plots(target, run, rows)
    return rows


def _remove_earlier_run(folder: Path) -> None:
    """Remove what an earlier run left, so that no file tells of another one."""
    (folder / RESUME_NAME).unlink(missing_ok=True)  # first: it must never outlive the masks that it counts on
    remove_masks(folder)
    tables = [f"{table.name}.parquet" for table in (*TABLES, DRIFT, KINETICS)]
    for name in ("res_track.txt", "lineage.json", "run.json", "kinetics.png", "kinetics.svg", *tables):
        (folder / name).unlink(missing_ok=True)


def _describe_movie(movie: Movie) -> dict[str, object]:
    """Return which movie it was, and what was known of its scale and time."""
    scale, times = movie.pixel_size, movie.frame_times
    piece = movie.piece.frames if movie.piece else None
    return {
        "movie": str(movie.path),
        "movie_sha256": fingerprint(movie.origins),
        "frames": [piece.start, piece.stop, piece.step] if piece else None,
        "n_frames": movie.n_frames,
        "pixel_size_nm": scale.nm if scale else None,
        "pixel_size_source": scale.source if scale else None,
        "frame_times_s": times.seconds.tolist() if times else None,
        "frame_times_source": times.source if times else None,
        "started": movie.started.isoformat() if movie.started else None,
        "burned_in": [str(piece) for piece in movie.burned_in],
    }


def _calibration_of(movie: Movie) -> Calibration:
    scale, times = movie.pixel_size, movie.frame_times
    return Calibration(scale.nm if scale else None, times.seconds if times else None)

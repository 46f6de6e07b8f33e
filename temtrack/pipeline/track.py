"""Track the particles of a movie, in memory or into a folder: Algorithm 1 with a model and a tracker."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.out_of_line import frames_out_of_line
from temtrack.errors import InputError, InterruptedRunError, TemtrackWarning, UsageError, did_you_mean
from temtrack.formats.readers import read_movie
from temtrack.formats.store.atomic import locked, remove_leftovers
from temtrack.formats.store.lineage import CTC_TABLE_NAME, LINEAGE_NAME, write_ctc_table, write_lineage
from temtrack.formats.store.masks import (
    MaskWriter,
    mask_writer,
    read_masks,
    read_masks_in_time,
    remove_masks,
)
from temtrack.formats.store.run import RUN_NAME, fingerprint, movie_source, open_run, write_run
from temtrack.formats.store.tables import write_table
from temtrack.imaging.annotations import mask_out, without_annotations
from temtrack.masks import Labels, Masks, Run, masks_of_arrays
from temtrack.models.catalog import Kind, kind_of
from temtrack.models.registry import RUN_FILE, Polarity, find_model, names_for, verify
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.pipeline.options import N_FIRST, TrackOptions
from temtrack.pipeline.pieces import has_pieces, join_pieces
from temtrack.pipeline.prompted import Ask, Followed, families_of, only, without_others
from temtrack.pipeline.request import Request
from temtrack.pipeline.reuse import SparingSegmentation
from temtrack.pipeline.segment import find_common_sight, prepared
from temtrack.progress import Progress, silent
from temtrack.provenance import Provenance, Source
from temtrack.tables import DRIFT, KINETICS, TABLES
from temtrack.tracking.checkpoint import RESUME_NAME, Checkpoint, CheckpointFile, check_tracking_folder
from temtrack.tracking.engine import (
    ResumableTracker,
    Segment,
    TrackedFrame,
    TrackingEngine,
)
from temtrack.tracking.report import TrackingReport

if TYPE_CHECKING:
    from temtrack.segmentation.model import Segmentation
    from temtrack.segmentation.segmenter import Segmenter

_DEFAULT = TrackOptions()


def track(
    movie: Movie | NDArray[Any],
    output: Path | str | None = None,
    *,
    model: str = _DEFAULT.model,
    tta: bool = _DEFAULT.tta,
    diameter: str | None = _DEFAULT.diameter,
    rescale: float | None = _DEFAULT.rescale,
    polarity: Polarity = _DEFAULT.polarity,
    min_area_px: float | None = _DEFAULT.min_area_px,
    min_score: float = _DEFAULT.min_score,
    tracker: str = _DEFAULT.tracker,
    n_neighbours: int = _DEFAULT.n_neighbours,
    every_frame: bool = _DEFAULT.every_frame,
    follow: bool = _DEFAULT.follow,
    max_gap_frames: int = _DEFAULT.max_gap_frames,
    masks: Path | str | None = None,
    pixel_size_nm: float | None = _DEFAULT.pixel_size_nm,
    scale_bar_nm: float | None = _DEFAULT.scale_bar_nm,
    frame_time_s: float | None = _DEFAULT.frame_time_s,
    frames: slice | None = _DEFAULT.frames,
    prompts: NDArray[np.float64] | None = _DEFAULT.prompts,
    first_mask: Path | None = _DEFAULT.first_mask,
    keep_annotations: bool = _DEFAULT.keep_annotations,
    device: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> Run:
    """Follow every particle of a movie, through merges too.

    Parameters
    ----------
    movie
        From `read_movie`, or an array (T, Y, X).
    output
        Folder for the masks, which then stay out of the memory; as ``temtrack track`` writes it.
    masks
        A folder of segmented frames in place of a model.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    force
        Overwrite what is in ``output``.
    progress
        Shows how far it is; ``tqdm`` does.
    model, tta, diameter, rescale, polarity, min_area_px, min_score, tracker, n_neighbours
        See `TrackOptions`.
    every_frame, follow, max_gap_frames, pixel_size_nm, scale_bar_nm, frame_time_s, frames, keep_annotations
        See `TrackOptions`.
    prompts, first_mask
        See `TrackOptions`.

    Returns
    -------
    ``masks``, ids (Y, X) of each frame, the same for the same particle; ``lineage``, the family tree with
    all merges; ``calibration``, scale and time.

    Raises
    ------
    TemtrackError
        Where movie, model or folder cannot be used; the message says what would help.

    Examples
    --------
    >>> import numpy as np
    >>> import temtrack
    >>> y, x = np.mgrid[:64, :128]
    >>> disc = np.where(np.hypot(y - 32, x - 64) < 12, 80, 200)
    >>> movie = np.stack([np.roll(disc, 3 * t, axis=1) for t in range(8)])
    >>> tracked = temtrack.track(movie, model="otsu", tracker="overlap")
    >>> [int(ids.max()) for ids in tracked.masks]
    [1, 1, 1, 1, 1, 1, 1, 1]
    """
    options = TrackOptions.among(locals())
    if output is not None and not isinstance(movie, Movie):
        raise UsageError("an array has no file for the record of a run; give a movie from read_movie")
    stage = TrackStage.load(options, device, None if masks is None else Path(masks))
    plan = stage.plan(movie if isinstance(movie, Movie) else movie_of_array(movie), "temtrack.track")
    if output is None:
        return track_in_memory(plan, progress)
    folder = Path(output)
    check_tracking_folder(folder, force, resume=False)
    track_into(folder, plan, progress)
    return open_run(folder)


@dataclass(frozen=True)
class MovieSegmentation:
    """Segments the frames of one movie, all at one scale.

    Parameters
    ----------
    segment
        From an image (Y, X) to labels (Y, X).
    inputs, models, found
        For the record; see `temtrack.provenance.Provenance`.
    resumed
        Returns ``segment`` for a run that goes on from a frame, where the labels come in order.
    seen_fraction
        Returns the share of the last frame that the model saw; ``None`` where there is no model.
    grow
        Is given the movie with frames added to it.
    """

    segment: Segment
    inputs: Mapping[str, Source] = field(default_factory=dict)
    models: Mapping[str, Source] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    resumed: Callable[[int], Segment] | None = None
    seen_fraction: Callable[[], float | None] = lambda: None
    grow: Callable[[Movie], None] = lambda movie: None


@dataclass(frozen=True)
class LoadedTracker:
    """Makes a tracker anew for each movie."""

    source: Source
    build: Callable[[], ResumableTracker]


@dataclass(frozen=True)
class TrackingPlan:
    """A movie, how it is segmented, followed and linked, and the command that says so."""

    movie: Movie
    segmentation: MovieSegmentation
    tracker: LoadedTracker
    options: TrackOptions
    command: str
    source: Source | None = None
    followed: Followed | None = None

    def record(self) -> Provenance:
        """Return what decides on the result, and where the inputs lie.

        The movie is told by its files, or by ``source`` while it is still being written.
        """
        return Provenance(
            "track",
            self.command,
            {"movie": self.source or movie_source(self.movie), **self.segmentation.inputs},
            {**self.segmentation.models, "tracker": self.tracker.source},
            self.options.to_json(),
            {"annotations": list(map(str, self.movie.burned_in)), **self.segmentation.found},
        )


@dataclass(frozen=True)
class TrackStage:
    """The models of a tracking run, loaded once, for any number of movies."""

    options: TrackOptions
    segmenter: Segmenter | Path
    tracker: LoadedTracker

    @classmethod
    def load(cls, options: TrackOptions, device: str = "auto", masks: Path | None = None) -> TrackStage:
        """Load tracker and model; ``masks``, a folder of segmented frames, stands in place of the model.

        Raises
        ------
        ModelError
            Where there is no such model.
        UsageError
            Where the machine lacks the device, or the tracker is none.
        """
        if masks is not None:
            return cls(options, masks, load_tracker(options.tracker, device))
        from temtrack.segmentation.segmenter import Segmenter

        segmenter = Segmenter(options.model, device, tta=options.tta)
        return cls(options, segmenter, load_tracker(options.tracker, device))

    def plan(self, movie: Movie, command: str, source: Source | None = None) -> TrackingPlan:
        """Return the plan for a movie as it was read: its piece, scale and time are those of the options.

        ``source`` stands for it in the record while it is still being written.
        """
        movie = movie.calibrated(None, self.options.frame_time_s)
        if self.options.frames is not None:
            movie = movie.cut(self.options.frames)
        movie = prepared(movie, self.options, _told_by(movie, self.options))
        followed = None
        if self.options.prompts is not None or self.options.first_mask is not None:
            followed = Followed(movie, self.options.prompts, self.options.first_mask)
        if isinstance(self.segmenter, Path):
            segmentation = segmented_by_masks(self.segmenter, movie)
        else:
            segmentation = segmented_by_model(self.segmenter, movie, self.options)
        if followed is not None:
            segmentation = told_of(segmentation, self.segmenter, followed)
        return TrackingPlan(movie, segmentation, self.tracker, self.options, command, source, followed)

    def grown(self, plan: TrackingPlan, movie: Movie) -> TrackingPlan:
        """Return a plan with the frames of a movie to which some were added; all that was found stays."""
        if movie.n_frames == plan.movie.n_frames:
            return plan
        movie = movie.calibrated(None, self.options.frame_time_s)
        scale = replace(movie.calibration, pixel_size=plan.movie.pixel_size)
        movie = without_annotations(replace(movie, calibration=scale), plan.movie.burned_in)
        plan.segmentation.grow(movie)
        return replace(plan, movie=movie)


def told_of(
    segmentation: MovieSegmentation, segmenter: Segmenter | Path, followed: Followed
) -> MovieSegmentation:
    """Return a segmentation with what a user told of some frames; a model that takes prompts gets them."""
    ask: Ask | None = None
    if not isinstance(segmenter, Path) and segmenter.takes_prompts:

        def ask(image: NDArray[Any], points: Any, boxes: Any) -> Labels:
            return segmenter.predict_prompts(image, points, boxes).labels

    resumed, inputs = segmentation.resumed, dict(segmentation.inputs)
    assert resumed is not None
    if (mask := followed.first_mask) is not None:
        inputs["first_mask"] = Source(str(mask), fingerprint([mask]))

    def resumed_and_told(first: int) -> Segment:
        return followed.told(resumed(first), ask, first)

    return replace(segmentation, segment=resumed_and_told(0), inputs=inputs, resumed=resumed_and_told)


def _told_by(movie: Movie, options: TrackOptions) -> Movie:
    """Return the frames that tell how all are shown, and what is burned in."""
    return movie.take(range(min(N_FIRST, movie.n_frames))) if options.follow else movie


def segmented_by_model(segmenter: Segmenter, movie: Movie, options: TrackOptions) -> MovieSegmentation:
    """Return a model's segmentation of a movie, all frames shown in one way, each with its neighbours."""
    from temtrack.segmentation.sight import facts_of

    shown = FramesWithNeighbours(movie, options.n_neighbours)
    first = _told_by(movie, options)
    sight = find_common_sight(
        segmenter, FramesWithNeighbours(first, options.n_neighbours).show, first, options
    )
    last: list[float] = []

    def finish(found: Segmentation) -> NDArray[np.int32]:
        return mask_out(found.without_unsure(options.min_score).labels, movie.burned_in)

    sparing = SparingSegmentation(segmenter, sight, options.min_area_px, shown, finish, options.every_frame)

    def resumed(first: int) -> Segment:
        left = sparing.frames(first)

        def segment(image: NDArray[np.generic]) -> NDArray[np.integer]:
            frame = next(left)
            last[:] = [frame.seen_fraction]
            return frame.labels

        return segment

    return MovieSegmentation(
        resumed(0),
        models={"model": Source(segmenter.spec.name, segmenter.sha256)},
        found=facts_of([sight]),
        resumed=resumed,
        seen_fraction=lambda: last[0],
        grow=shown.grow,
    )


def segmented_by_masks(folder: Path, movie: Movie) -> MovieSegmentation:
    """Return the masks of a folder, or of the pieces there, in order, as if a model had made them.

    Raises
    ------
    InputError
        Where they are not the masks of this movie, nor of the one that it is a piece of.
    """
    models: Mapping[str, Source] = {}
    found: Mapping[str, Any] = {}
    if has_pieces(folder):
        masks, piece = join_pieces(folder, movie)
        models, found = piece.record.models, piece.record.found
    else:
        masks = read_masks_in_time(folder)
        if movie.frame_range is not None and len(masks) == movie.frame_range.n_whole:
            masks = masks.take(movie.frame_range.frames)
    masks.check_fit(movie)
    source = Source(str(folder), fingerprint(masks.files))
    return MovieSegmentation(
        _in_order(masks), {"masks": source}, models, found, lambda frame: _in_order(masks, frame)
    )


def _in_order(masks: Masks, first: int = 0) -> Segment:
    left = (masks[t] for t in range(first, len(masks)))
    return lambda image: next(left)


def load_tracker(name: str, device: str = "auto") -> LoadedTracker:
    """Return a tracker: ``overlap``, ``trackpy``, a DeAOT that came or was imported, or the folder of a run.

    Raises
    ------
    UsageError
        Where there is none of that name, or the model is no DeAOT.
    ModelError
        Where its weights are missing or damaged.
    """
    if name == "overlap":
        from temtrack.tracking.overlap import OverlapTracker

        return LoadedTracker(Source(name), OverlapTracker)
    if name == "trackpy":
        from temtrack.tracking.centroids import CentroidTracker

        return LoadedTracker(Source(name), CentroidTracker)
    _check_network(name)
    from temtrack.tracking.load import load_deaot

    deaot = load_deaot(name, device)
    return LoadedTracker(Source(name, verify(find_model(name))), deaot.anew)


def _check_network(name: str) -> None:
    """Refuse a name that is no DeAOT model."""
    allowed = names_for(Kind.tracker)
    is_run = (Path(name) / RUN_FILE).is_file()
    if not (name in allowed or (is_run and kind_of(find_model(name).architecture) is Kind.tracker)):
        raise UsageError(
            f"--tracker {name}: follows no ids; allowed are {', '.join(allowed)}, or the folder of a "
            f"DeAOT's training run.{did_you_mean(name, allowed)}"
        )


def track_file(
    source: Path, folder: Path, stage: TrackStage, request: Request
) -> tuple[Movie, TrackingReport]:
    """Track a movie from its file into a folder; tell of frames that are not as they should be.

    Returns
    -------
    The movie as it was tracked, and what was noted of its frames.

    Raises
    ------
    TemtrackError
        As `track_into`, and where the movie cannot be read or the folder may not be written to.
    """
    for given in (source, stage.segmenter):
        if isinstance(given, Path) and given.resolve() == folder.resolve():  # --force would remove it
            raise UsageError(f"--output {folder}: is the folder of the input; give another folder")
    goes_on = request.resume and (folder / RESUME_NAME).exists()
    force = request.force or (request.begun and not goes_on)
    plan = stage.plan(read_movie(source), request.command)
    check_tracking_folder(folder, force, request.resume)
    report = track_into(folder, plan, request.progress, request.resume, force)
    _tell_of_frames(source, report)
    return plan.movie, report


def _tell_of_frames(source: Path, report: TrackingReport) -> None:
    """Name the frames that were bridged and those at which the field jumped."""
    if bad := report.frames_flagged("blank", "blurred"):
        named = ", ".join(f"{t} ({flag})" for t, flag in list(bad.items())[:10])
        _warn(f"{source}: bridged {len(bad)} blank or blurred frame{'s'[: len(bad) > 1]}: {named}")
    if jumps := report.frames_flagged("jump"):
        named = ", ".join(map(str, list(jumps)[:10]))
        _warn(f"{source}: the field of view jumps at {len(jumps)} frame{'s'[: len(jumps) > 1]}: {named}")
    if odd := frames_out_of_line(report.n_particles):
        named = ", ".join(
            f"{t} ({report.n_particles[t]} for {usual:g})" for t, usual in list(odd.items())[:10]
        )
        _warn(f"{source}: unlike its neighbours in the number of particles: frame {named}")
    if report.n_masks == 0:
        _warn(f"{source}: no particle was found in any frame; all masks are empty")


def _warn(message: str) -> None:
    warnings.warn(message, TemtrackWarning, stacklevel=4)


def track_into(
    folder: Path, plan: TrackingPlan, progress: Progress = silent, resume: bool = False, force: bool = False
) -> TrackingReport:
    """Track a movie and write masks, family tree, drift and ``run.json`` into a folder.

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
        remove_leftovers(folder)
        file, run, engine = begin_run(folder, plan, resume, force)
        write = mask_writer(folder, plan.movie, plan.movie.calibration)
        with interrupts_told(folder):
            for t in progress(range(engine.state.next_frame, plan.movie.n_frames), "tracking"):
                write_frames(write, take(engine, plan, t, run.report), run.report)
                if file.is_due():
                    file.save(run)
            finish_run(folder, write, engine, run, plan, progress)
        file.remove()
    return run.report


def begin_run(
    folder: Path, plan: TrackingPlan, resume: bool, force: bool
) -> tuple[CheckpointFile, Checkpoint, TrackingEngine]:
    """Begin a run in a folder that is held, or go on with the unfinished one there; see `track_into`."""
    tracker = plan.tracker.build()
    file, record = CheckpointFile(folder, tracker), plan.record()
    run = None
    if resume:
        with suppress(*([UsageError, InputError] if force else [])):
            run = file.read(record)
    if run is None:
        run = Checkpoint(record)
        remove_earlier_run(folder)
        file.save(run)
    resumed = plan.segmentation.resumed
    segment = resumed(run.tracking.next_frame) if resumed else plan.segmentation.segment
    return file, run, TrackingEngine(segment, tracker, plan.options.linking, run.tracking)


def finish_run(
    folder: Path,
    write: MaskWriter,
    engine: TrackingEngine,
    run: Checkpoint,
    plan: TrackingPlan,
    progress: Progress = silent,
) -> None:
    """Write the last frames, and what lies beside the masks; leave out what was not asked for."""
    last, run.report.lineage = engine.finish()
    write_frames(write, last, run.report)
    if plan.followed is not None:
        _remove_others(read_masks(folder), write, plan.followed, run.report, progress)
    _write_record(folder, run, plan.movie)


@contextmanager
def interrupts_told(folder: Path) -> Iterator[None]:
    """Turn Ctrl-C into the error that says how a run in a folder goes on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise InterruptedRunError(
            f"{folder}: interrupted, unfinished; the same command with --resume goes on from there"
        ) from stop


def write_frames(write: MaskWriter, frames: list[TrackedFrame], report: TrackingReport) -> None:
    """Write frames whose ids are final, and note what is told of them."""
    for frame in frames:
        write(frame.frame, frame.labels)
        report.add(frame)


def _remove_others(
    masks: Masks, write: MaskWriter, followed: Followed, report: TrackingReport, progress: Progress
) -> None:
    """Leave only the families of what was asked for in masks and lineage."""
    ids = families_of(report.lineage, followed.chosen(masks.__getitem__))
    for t in progress(range(len(masks)), "choosing"):
        write(t, without_others(masks[t], ids))
    report.keep_only(only(report.lineage, ids))


def _write_record(folder: Path, run: Checkpoint, movie: Movie) -> None:
    """Write the lineage, the drift, and what was run on what."""
    report, provenance = run.report, run.provenance
    write_ctc_table(folder / CTC_TABLE_NAME, report.lineage)
    write_lineage(folder / LINEAGE_NAME, report.lineage)
    drift = report.drift_table(movie.calibration)
    write_table(folder / f"{DRIFT.name}.parquet", drift, provenance.metadata())
    whole = movie.frame_range and movie.frame_range.frames
    frames = {
        "frame_range": [whole.start, whole.stop, whole.step] if whole else None,
        "quality": report.quality,
        "contrast": report.contrast,
        "sharpness": report.sharpness,
        "gap_filled": report.gap_filled,
        "seen_fraction": report.seen_fraction,
    }
    write_run(folder, provenance, movie.calibration, frames)


def track_in_memory(plan: TrackingPlan, progress: Progress = silent) -> Run:
    """Track a movie and keep its masks, each in the smallest type that holds its ids."""
    movie, report = plan.movie, TrackingReport()
    engine = TrackingEngine(plan.segmentation.segment, plan.tracker.build(), plan.options.linking)
    masks: list[NDArray[np.integer]] = []

    def keep(frames: list[TrackedFrame]) -> None:
        for frame in frames:
            masks.append(frame.labels.astype(np.min_scalar_type(frame.labels.max(initial=0))))
            report.add(frame)

    for t in progress(range(movie.n_frames), "tracking"):
        keep(take(engine, plan, t, report))
    last, report.lineage = engine.finish()
    keep(last)
    if plan.followed is not None:
        ids = families_of(report.lineage, plan.followed.chosen(lambda t: masks[t]))
        masks = [without_others(labels, ids) for labels in masks]
        report.keep_only(only(report.lineage, ids))
    return Run(
        masks_of_arrays(masks, movie.path),
        report.lineage,
        movie.calibration,
        {t: frozenset(ids) for t, ids in report.gap_filled.items()},
        report.quality,
        frame_range=None if movie.frame_range is None else movie.frame_range.frames,
        seen_fraction=report.seen_fraction,
    )


def take(engine: TrackingEngine, plan: TrackingPlan, t: int, report: TrackingReport) -> list[TrackedFrame]:
    """Return the frames that a frame makes final; note what the model saw of it."""
    decided = engine.push(plan.movie.read_frame(t))
    report.seen_fraction.append(plan.segmentation.seen_fraction())
    return decided


def remove_earlier_run(folder: Path) -> None:
    """Remove what an earlier run left, so that no file tells of another one."""
    (folder / RESUME_NAME).unlink(missing_ok=True)  # first: it must never outlive the masks that it counts on
    remove_masks(folder)
    tables = [f"{table.name}.parquet" for table in (*TABLES, DRIFT, KINETICS)]
    for name in (CTC_TABLE_NAME, LINEAGE_NAME, RUN_NAME, "kinetics.png", "kinetics.svg", *tables):
        (folder / name).unlink(missing_ok=True)

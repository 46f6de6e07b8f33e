"""A movie tracked into a folder, stopped and gone on with at any frame, or in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError, InterruptedRunError, UsageError
from temtrack.formats.store.atomic import locked, remove_leftovers
from temtrack.formats.store.lineage import CTC_TABLE_NAME, LINEAGE_NAME, write_ctc_table, write_lineage
from temtrack.formats.store.masks import MaskWriter, mask_writer, read_masks
from temtrack.formats.store.run import write_run
from temtrack.formats.store.tables import write_table
from temtrack.masks import Labels, Run, masks_of_arrays
from temtrack.movie import Movie
from temtrack.pipeline.prompted import Followed, families_of, only, without_others
from temtrack.pipeline.tracking_plan import TrackingPlan
from temtrack.pipeline.writing import MasksInTurn, written_beside
from temtrack.progress import Progress, silent
from temtrack.tables import DRIFT, SCORES
from temtrack.tracking.checkpoint import Checkpoint, CheckpointFile, remove_earlier_run
from temtrack.tracking.engine import TrackedFrame, TrackingEngine
from temtrack.tracking.report import TrackingReport


def track_into(
    folder: Path, plan: TrackingPlan, progress: Progress = silent, resume: bool = False, force: bool = False
) -> TrackingReport:
    """Track a movie and write masks, family tree, drift and ``run.json`` into a folder.

    Each mask is written as soon as its ids are final, beside the work on the next frames. With ``resume`` an
    unfinished run of the same plan goes on where it stopped, with the same bytes as one that was never
    stopped; without, what an earlier run left is removed first. With ``force`` too, so is an unfinished run
    that cannot go on.

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
        masks = mask_writer(folder, plan.movie, plan.movie.calibration)
        with interrupts_told(folder), written_beside(masks) as write:
            for t in progress(range(engine.state.next_frame, plan.movie.n_frames), "tracking"):
                write_frames(write, take(engine, plan, t, run.report), run.report)
                if file.is_due():
                    write.wait()  # the checkpoint counts on them
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
    engine = TrackingEngine(segment, tracker, plan.linking, run.tracking, plan.segmentation.told)
    return file, run, engine


def take(engine: TrackingEngine, plan: TrackingPlan, t: int, report: TrackingReport) -> list[TrackedFrame]:
    """Return the frames that a frame makes final; note what the model saw of it."""
    decided = engine.push(plan.movie.read_frame(t))
    seen = plan.segmentation.seen()
    report.seen_fraction.append(None if seen is None else seen.seen_fraction)
    report.sightings.append(None if seen is None else seen.sightings)
    return decided


def write_frames(write: MaskWriter, frames: list[TrackedFrame], report: TrackingReport) -> None:
    """Write frames whose ids are final, and note what is told of them."""
    for frame in frames:
        write(frame.frame, frame.labels)
        report.add(frame)


def finish_run(
    folder: Path,
    write: MasksInTurn,
    engine: TrackingEngine,
    run: Checkpoint,
    plan: TrackingPlan,
    progress: Progress = silent,
) -> None:
    """Write the last frames, and what lies beside the masks; leave out what was not asked for."""
    last, run.report.lineage = engine.finish()
    write_frames(write, last, run.report)
    write.wait()
    if plan.followed is not None:
        _remove_others(read_masks(folder).__getitem__, write, plan.followed, run.report, progress)
        write.wait()
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


def _remove_others(
    read: Callable[[int], Labels],
    write: MaskWriter,
    followed: Followed,
    report: TrackingReport,
    progress: Progress = silent,
) -> None:
    """Leave only the families of what was asked for in masks and lineage."""
    ids = families_of(report.lineage, followed.chosen(read))
    for t in progress(range(followed.movie.n_frames), "choosing"):
        write(t, without_others(read(t), ids))
    report.keep_only(only(report.lineage, ids))


def _write_record(folder: Path, run: Checkpoint, movie: Movie) -> None:
    """Write the lineage, the drift, the scores, and what was run on what."""
    report, provenance = run.report, run.provenance
    write_ctc_table(folder / CTC_TABLE_NAME, report.lineage)
    write_lineage(folder / LINEAGE_NAME, report.lineage)
    drift = report.drift_table(movie.calibration)
    write_table(folder / f"{DRIFT.name}.parquet", drift, provenance.metadata())
    if (scores := report.scores_table()) is not None:
        write_table(folder / f"{SCORES.name}.parquet", scores, provenance.metadata())
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
    how = plan.segmentation
    engine = TrackingEngine(how.segment, plan.tracker.build(), plan.linking, told=how.told)
    masks: dict[int, NDArray[np.integer]] = {}

    def keep(frame: int, labels: NDArray[Any]) -> None:
        masks[frame] = labels.astype(np.min_scalar_type(labels.max(initial=0)))

    for t in progress(range(movie.n_frames), "tracking"):
        write_frames(keep, take(engine, plan, t, report), report)
    last, report.lineage = engine.finish()
    write_frames(keep, last, report)
    if plan.followed is not None:
        _remove_others(masks.__getitem__, keep, plan.followed, report)
    return Run(
        masks_of_arrays(list(masks.values()), movie.path),
        report.lineage,
        movie.calibration,
        {t: frozenset(ids) for t, ids in report.gap_filled.items()},
        report.quality,
        frame_range=None if movie.frame_range is None else movie.frame_range.frames,
        seen_fraction=report.seen_fraction,
        sightings=report.sightings.__getitem__,
    )

"""A run and its corrections, and what they make of it: masks, family tree and tables, in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from temtrack.analysis.measure import analyze_run
from temtrack.analysis.particles import ParticleHistory
from temtrack.analysis.refit import fit_refit
from temtrack.errors import UsageError, warn
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.atomic import check_output_folder, locked, remove_leftovers
from temtrack.formats.store.lineage import CTC_TABLE_NAME, LINEAGE_NAME, write_ctc_table, write_lineage
from temtrack.formats.store.masks import mask_writer
from temtrack.formats.store.run import open_run, sources_of, write_run
from temtrack.formats.store.tables import write_tables
from temtrack.kinetics.changes import Change, measure_changes
from temtrack.kinetics.observed import observe
from temtrack.masks import Run
from temtrack.pipeline.analyze import ids_of, tables_of
from temtrack.pipeline.find_movie import find_movie
from temtrack.pipeline.options import AnalyzeOptions, CorrectOptions, TableOptions
from temtrack.pipeline.request import Request
from temtrack.progress import Progress, silent
from temtrack.provenance import Provenance, Source
from temtrack.report.page.lineage import lineage_of
from temtrack.review.changes import observe_edited
from temtrack.review.edited import EditedRun
from temtrack.review.elsewhere import read_elsewhere
from temtrack.review.estimate import confidences_answered
from temtrack.review.log import LOG_NAME, Entry, Log, append, read_log, unknown_to
from temtrack.tables import DRIFT, PARTICLES, SCORES, Tables
from temtrack.tracking.checkpoint import remove_earlier_run

_DEFAULT = CorrectOptions()

#: Columns of particles that a review rests on; the others of a long run are gigabytes.
_REVIEWED_COLUMNS = ("frame", "particle_id", "y_px", "x_px", "area_px", "touches_border", "gap_filled")


@dataclass(frozen=True)
class Corrected:
    """A run with its corrections applied.

    Parameters
    ----------
    run
        Masks and family tree as the corrections leave them; `temtrack.analyze` measures it.
    applied
        The corrections that it has.
    stale
        Those that do not apply to it, each with the reason.
    before
        The tables of the run as it was tracked; of the particles only what a review looks at.
    added
        How many of all were new to the log.
    refit
        Where the confidence was to be refitted: ``offset`` and ``slope`` of its logit, and by how many merges
        that are true and false, ``n_true`` and ``n_false``; or the ``reason`` why it was not.
    """

    run: Run
    applied: Sequence[Entry]
    stale: Sequence[tuple[Entry, str]]
    before: Tables
    added: int = 0
    refit: Mapping[str, float | str] | None = None

    def measure_changes(self, after: Tables | None = None) -> list[Change]:
        """Measure what the corrections change: numbers of particles and merges, mechanisms and their rates.

        ``after`` are the tables of the corrected run, as `temtrack.analyze` measures them.
        """
        known = after or analyze_run(self.run, None, self.before.calibration)
        return measure_changes(observe(self.before), observe(known))


@dataclass(frozen=True)
class Reviewed:
    """A run as it was tracked, with its tables, its log, and what may be corrected of it.

    Parameters
    ----------
    run, tables
        As tracked; of the particles only what a review looks at.
    edited
        The run without any correction.
    log
        The corrections.
    """

    run: Run
    tables: Tables
    edited: EditedRun
    log: Log

    def corrected(self) -> tuple[EditedRun, list[tuple[Entry, str]]]:
        """Return the run with its corrections, and those that do not apply, each with the reason."""
        return self.log.apply(self.edited)

    def as_run(self, edited: EditedRun) -> Run:
        """Return the run as corrections leave it."""
        quality = list(edited.quality)
        return replace(
            self.run,
            masks=edited.masks,
            lineage=edited.lineage(),
            calibration=self.run.calibration.or_else(self.tables.calibration),
            gap_filled=edited.gap_filled(),
            quality=quality if any(quality) else None,
            reviewed=frozenset((merge.frame, merge.child) for merge in edited.reviewed),
            ctc_parents={},
            contours={},
        )

    def measure_changes(self, entries: Sequence[Entry]) -> list[Change]:
        """Measure what corrections change, in seconds: merges that nobody reviewed are as sure as before."""
        edited, _ = Log(self.log.path, tuple(entries)).apply(self.edited)
        known = self.run.calibration.or_else(self.tables.calibration)
        return measure_changes(observe(self.tables), observe_edited(edited, self.tables, known))


def open_reviewed(masks: Run | Path | str, progress: Progress = silent) -> Reviewed:
    """Open a run with its tables, which are measured where they are missing, and its corrections.

    Raises
    ------
    InputError
        Where masks, tables or corrections cannot be read.
    """
    run = masks if isinstance(masks, Run) else open_run(masks)
    tables = tables_of(run, TableOptions(), None, progress, _REVIEWED_COLUMNS)
    if tables.merges is None:  # a table without merges was asked for
        tables = analyze_run(run, None, tables.calibration, True, progress)
        tables = replace(tables, particles=PARTICLES.part(tables.particles, _REVIEWED_COLUMNS))
    lineage = lineage_of(observe(tables)) if run.lineage is None else run.lineage
    columns = {name: _values(tables.particles[name]) for name in _REVIEWED_COLUMNS}
    edited = EditedRun(ids_of(run, tables), ParticleHistory(columns), lineage, run.frame_range, run.quality)
    folder = run.path if run.path.is_dir() else run.path.parent
    return Reviewed(run, tables, edited, read_log(folder / LOG_NAME, run))


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column's values (N,), without a copy where they allow it; all ``None`` take no memory."""
    if column.null_count == len(column):
        return np.broadcast_to(np.array(None), len(column))
    return np.asarray(column.to_numpy(zero_copy_only=False))


def correct(
    masks: Run | Path | str,
    given: Path | str | None = None,
    *,
    refit_confidence: bool = _DEFAULT.refit_confidence,
    progress: Progress = silent,
) -> Corrected:
    """Apply corrections to a run; its files stay as they are.

    Parameters
    ----------
    masks
        What `track` gave, or a folder of masks of any program.
    given
        A log of corrections of the same movie, edited masks, a TrackMate XML or a GEFF, whose corrections
        come after those of the log beside the masks.
    refit_confidence
        See `CorrectOptions`.
    progress
        Shows how far it is; ``tqdm`` does.

    Raises
    ------
    InputError
        Where something cannot be read, or is about another movie.
    """
    reviewed = open_reviewed(masks, progress)
    new = [] if given is None else _entries_of(Path(given), reviewed, progress)
    log = Log(reviewed.log.path, (*reviewed.log.entries, *new))
    return _corrected(reviewed, log, len(new), CorrectOptions(refit_confidence=refit_confidence))


def _entries_of(given: Path, reviewed: Reviewed, progress: Progress) -> list[Entry]:
    """Return what a file tells that the log does not hold yet."""
    if given.suffix == ".jsonl":
        return unknown_to(reviewed.log, read_log(given, reviewed.run, must_exist=True).entries)
    edited, _ = reviewed.corrected()
    found = read_elsewhere(given, edited, progress)
    return [Entry.now(one, why=f"as in {given.name}") for one in found]


def _corrected(reviewed: Reviewed, log: Log, n_added: int, options: CorrectOptions) -> Corrected:
    edited, stale = log.apply(reviewed.edited)
    lost = {entry.id for entry, _ in stale}
    told, refit = _refit(reviewed, log) if options.refit_confidence else (None, reviewed.run.refit)
    run = replace(reviewed.as_run(edited), refit=refit)
    applied = [entry for entry in log.standing() if entry.id not in lost]
    return Corrected(run, applied, stale, reviewed.tables, n_added, told)


def _refit(reviewed: Reviewed, log: Log) -> tuple[dict[str, float | str], tuple[float, float] | None]:
    """Return what is told of a refit of the confidence to the answers in a log, and the refit itself."""
    assert reviewed.tables.merges is not None
    confidence, is_true = confidences_answered(log, reviewed.edited, reviewed.tables.merges)
    try:
        refit = fit_refit(confidence, is_true)
    except ValueError as reason:
        message = f"{reviewed.run.path}: the confidence of merges stays as it is: {reason}"
        warn(message)
        return {"reason": str(reason)}, None
    n_true = int(is_true.sum())
    return {**refit._asdict(), "n_true": n_true, "n_false": len(is_true) - n_true}, refit


def correct_file(
    masks: Path, target: Path, given: Path | None, options: CorrectOptions, request: Request
) -> tuple[Corrected, Tables]:
    """Write a run with its corrections into a folder: masks, family tree, ``run.json`` and tables.

    What `given` tells joins the log beside the masks first, so that the result always follows from run and
    log. The run itself stays as it is.

    Returns
    -------
    The run with its corrections, and its tables.

    Raises
    ------
    InputError
        Where something cannot be read, or is about another movie.
    OutputError
        Where the folder is not empty, without ``force``, or cannot be written to.
    UsageError
        Where the folder is that of the run.
    """
    if target.resolve() == masks.resolve() or masks.resolve() in target.resolve().parents:
        raise UsageError(f"-o {target}: lies in the run, which is to stay as it is; give another folder")
    reviewed = open_reviewed(masks, request.progress)
    check_output_folder(target, request.may_overwrite)
    log = reviewed.log
    if given is not None and (new := _entries_of(given, reviewed, request.progress)):
        log = append(log, new, reviewed.run)
    if not log.entries and given is not None:
        raise UsageError(f"--from {given}: tells nothing else than the run; there is nothing to correct")
    if not log.entries:
        raise UsageError(
            f"{log.path}: holds no corrections; make some with `temtrack review`, or give --from"
        )
    found = _corrected(reviewed, log, len(log.entries) - len(reviewed.log.entries), options)
    inputs = sources_of(reviewed.run) | {"corrections": Source(str(log.path), fingerprint([log.path]))}
    if reviewed.run.movie is not None:
        inputs["movie"] = reviewed.run.movie
    counts = {"n_corrections": len(found.applied), "n_stale_corrections": len(found.stale)}
    told = counts if found.refit is None else {**counts, "refit": dict(found.refit)}
    models = reviewed.run.models
    record = Provenance("correct", request.command, inputs, models, options.to_json(), told)
    with locked(target):
        remove_leftovers(target)
        remove_earlier_run(target)
        _write_run(target, found.run, record, request.progress)
        for table in (DRIFT, SCORES):
            if (beside := reviewed.run.path / f"{table.name}.parquet").is_file():
                shutil.copyfile(beside, target / beside.name)
        tables = _write_tables(target, found.run, counts, request)
    return found, tables


def _write_run(target: Path, run: Run, record: Provenance, progress: Progress) -> None:
    assert run.lineage is not None
    write = mask_writer(target, run.masks, run.calibration)
    for t, labels in enumerate(progress(run.masks, "correcting")):
        write(t, labels)
    write_ctc_table(target / CTC_TABLE_NAME, run.lineage)
    write_lineage(target / LINEAGE_NAME, run.lineage)
    frames, filled = run.frame_range, None
    if run.gap_filled is not None:
        filled = {t: sorted(ids) for t, ids in run.gap_filled.items()}
    told = {
        "frame_range": frames and [frames.start, frames.stop, frames.step],
        "quality": run.quality,
        "seen_fraction": run.seen_fraction,
        "gap_filled": filled,
        "reviewed": sorted(run.reviewed),
        "refit": run.refit,
    }
    write_run(target, record, run.calibration, told)


def _write_tables(target: Path, corrected: Run, counts: dict[str, int], request: Request) -> Tables:
    run = open_run(target)
    movie = find_movie(run, None) if run.movie else None
    tables = analyze_run(run, movie, corrected.calibration, True, request.progress)
    inputs = sources_of(run) | ({"movie": run.movie} if run.movie else {})
    told = {"with_movie": movie is not None, **counts}
    record = Provenance("analyze", request.command, inputs, run.models, AnalyzeOptions().to_json(), told)
    write_tables(target, tables, record)
    return tables

"""`temtrack evaluate`: a result against its truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack.cli import options, output
from temtrack.cli.inputs import Job, gather
from temtrack.cli.output import Row
from temtrack.cli.runner import RunOptions, Task, run_each, show_lines
from temtrack.errors import InputError

if TYPE_CHECKING:
    from temtrack.masks import Run
    from temtrack.metrics.evaluation import Evaluation, EventScore, TrackingScore
    from temtrack.metrics.merges import MergeScore

_SEGMENTATION = ("iou", "dice", "f1", "pq", "ap", "boundary_f1", "count_error")

#: Measures that a table's head spells otherwise than JSON does.
_SPELT = {
    **{name: name.upper() for name in ("f1", "pq", "ap", "det", "seg", "tra", "lnk", "hota", "idf1")},
    "iou": "IoU",
    "dice": "Dice",
    "boundary_f1": "boundary F1",
    "det_a": "DetA",
    "ass_a": "AssA",
    "loc_a": "LocA",
    "n_true": "true",
    "n_found": "found",
    "n_hits": "hits",
    "frame_error_95": "frame error, 95 %",
    "id_switches_per_10000": "per 10,000",
}


def evaluate(
    ctx: typer.Context,
    pred: Annotated[
        list[str],
        typer.Argument(
            metavar="PRED...",
            help="The result: a masks folder, a CTC folder, a TIFF stack, an image; of many, - for a list "
            "on stdin.",
        ),
    ],
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH", help="The true masks of the same frames; of many, a folder of them by name."
        ),
    ],
    per_event: Annotated[
        bool, typer.Option("--per-event", help="List each hit, missed and false merge with frame and place.")
    ] = False,
    shard: options.ShardOf = None,
    keep_going: options.KeepGoing = True,
    as_json: options.Json = False,
) -> None:
    """Compare masks, tracks, merges and fates with the truth.

    A folder may hold lineage.json or, as in the Cell Tracking Challenge, man_track.txt or res_track.txt.
    Without lineage.json merges and fates are found from the masks alone.

    Many results are compared each with what bears its name in TRUTH, and shown as a table; --json shows all.
    """
    chosen = gather(pred, shard)
    shown: list[Evaluation] = []

    def compare(job: Job) -> Row:
        found, true, evaluation = _compare(job.source, _truth_of(job, truth))
        if job.alone:
            shown.append(evaluation)
        return {**_line(evaluation), **_document(found, true, evaluation, per_event)}

    def show(rows: Sequence[Row], together: Row) -> None:
        for evaluation in shown:
            _show_all(evaluation, per_event)

    task = Task(load=lambda: compare, show=show_lines if chosen.many else show)
    run_each(ctx, chosen, task, RunOptions(keep_going=keep_going, as_json=as_json))


def _show_all(evaluation: Evaluation, per_event: bool) -> None:
    _show_segmentation(evaluation)
    if evaluation.tracking is not None:
        _show([_tracking_row(evaluation.tracking)], "Tracking")
    if evaluation.events is not None:
        _show_events(evaluation.events, per_event)


def _truth_of(job: Job, truths: Path) -> Path:
    """Return the truth of a result; of many, what bears its name in the folder of all truths."""
    if job.alone:
        return truths
    named = truths / job.source.resolve().name
    if not named.exists():
        raise InputError(
            f"{job.source}: {named}: there is no truth of that name; of many results each needs its own"
        )
    return named


def _compare(pred: Path, truth: Path) -> tuple[Run, Run, Evaluation]:
    """Compare one result with its truth."""
    from temtrack.formats.store.run import open_run
    from temtrack.metrics.evaluation import evaluate_masks, refuse_misfits

    found, true = open_run(pred), open_run(truth)
    refuse_misfits(found, true)
    if len(true.masks) > 1:
        _tell_missing_lineages(found, true)
    evaluation = evaluate_masks(found, true, output.with_progress)
    if not any(score.n_true for score in evaluation.segmentation):
        output.warn(f"{truth}: the truth holds no particle in any frame; most measures mean nothing")
    return found, true, evaluation


def _line(evaluation: Evaluation) -> Row:
    """Return what is shown of one result of many."""
    pooled, _, _ = _segmentation_rows(evaluation)
    row: dict[str, object] = {name: pooled[name] for name in ("iou", "f1", "pq")}
    if evaluation.tracking is not None:
        row |= {"tra": evaluation.tracking.ctc.tra, "id_switches": evaluation.tracking.matches.n_switches}
    if evaluation.events is not None:
        row |= {"merges_f1": evaluation.events.widest.f1, "fates_f1": evaluation.events.fates.macro_f1}
    return row


def _tell_missing_lineages(found: Run, true: Run) -> None:
    for one in (found, true):
        if one.lineage is None:
            output.tell(
                f"{one.path}: holds no lineage.json, so its merges and fates are found from the masks alone;"
                " particles in them bear new ids"
            )


def _document(found: Run, true: Run, evaluation: Evaluation, per_event: bool) -> Row:
    tracking, events = evaluation.tracking, evaluation.events
    pooled, mean, frames = _segmentation_rows(evaluation)
    return {
        "truth": str(true.path),
        "lineage": {
            name: "masks" if one.lineage is None else "lineage.json"
            for name, one in (("pred", found), ("truth", true))
        },
        "segmentation": {"pooled": pooled, "mean": mean},
        "tracking": None if tracking is None else _tracking_row(tracking),
        "merges": None if events is None else _merges_document(events, per_event),
        "fates": None
        if events is None
        else {"macro_f1": events.fates.macro_f1, "confusion": events.fates.confusion()},
        "frames": frames,
    }


def _merges_document(events: EventScore, per_event: bool) -> Row:
    document: dict[str, object] = {
        "within_frames": [_tolerance_row(d, score) for d, score in events.merges.items()],
        **_precision_of_hits(events.widest),
        "by_n_parents": _by_parents(events),
        "false_by_cause": Counter(events.causes),
    }
    return {**document, "events": events.rows()} if per_event else document


def _segmentation_rows(evaluation: Evaluation) -> tuple[Row, Row, list[Row]]:
    """Return the measures of all pixels and particles together, their means over frames, each frame's."""
    import numpy as np

    from temtrack.metrics.segmentation import SegmentationScore

    scores = evaluation.segmentation
    total = sum(scores, SegmentationScore())
    rows = [{name: getattr(score, name) for name in _SEGMENTATION} for score in (*scores, total)]
    pooled, frames = rows.pop(), rows
    known = {name: [row[name] for row in frames if not np.isnan(row[name])] for name in _SEGMENTATION}
    mean = {name: float(np.mean(values)) if values else None for name, values in known.items()}
    counts = [{"n_found": score.n_found, "n_true": score.n_true} for score in (*scores, total)]
    numbered = zip(evaluation.frames, counts[:-1], frames, strict=True)
    return {**counts[-1], **pooled}, mean, [{"frame": t, **count, **row} for t, count, row in numbered]


def _show_segmentation(evaluation: Evaluation) -> None:
    pooled, mean, frames = _segmentation_rows(evaluation)
    rows: list[Row] = [{"": "pooled", **pooled}]
    if len(frames) > 1:
        rows.append({"": "mean of frames", **mean})
    _show(rows, "Segmentation")


def _tracking_row(tracking: TrackingScore) -> Row:
    return {
        "det": tracking.ctc.det,
        "seg": tracking.seg,
        "tra": tracking.ctc.tra,
        "lnk": tracking.ctc.lnk,
        "hota": tracking.hota.hota,
        "det_a": tracking.hota.detection,
        "ass_a": tracking.hota.association,
        "loc_a": tracking.hota.localisation,
        "idf1": tracking.matches.idf1,
        "id_switches": tracking.matches.n_switches,
        "id_switches_per_10000": tracking.matches.switches_per_10000,
    }


def _show_events(events: EventScore, per_event: bool) -> None:
    from temtrack.metrics.evaluation import TOLERANCES

    rows = [_tolerance_row(d, score) for d, score in events.merges.items()]
    _show(rows, "Merges")
    if events.widest.matches:
        _show([_precision_of_hits(events.widest)], f"Hits within {TOLERANCES[-1]} frames")
    _show(_by_parents(events), "Merges by number of parents")
    causes = [{"cause": cause, "n": n} for cause, n in Counter(events.causes).most_common()]
    _show(causes, "False merges")
    macro = {"true_fate": "mean", "f1": events.fates.macro_f1}
    _show([*events.fates.confusion(), macro], "Fates, as true and as told")
    if per_event:
        _show(events.rows(), "Events")


def _show(rows: Sequence[Row], title: str) -> None:
    spelt = [{_SPELT.get(name, name): value for name, value in row.items()} for row in rows]
    output.show_rows(spelt, as_json=False, title=title)


def _tolerance_row(tolerance_frames: int, score: MergeScore) -> Row:
    return {"within_frames": tolerance_frames, **_counts(score)}


def _by_parents(events: EventScore) -> list[Row]:
    return [
        {"n_parents": n, **_counts(score), "exact_parents": score.exact_parents_fraction}
        for n, score in events.widest.by_number_of_parents().items()
    ]


def _counts(score: MergeScore) -> Row:
    return {
        "n_true": len(score.matches) + len(score.missed),
        "n_found": len(score.matches) + len(score.false),
        "n_hits": len(score.matches),
        "precision": score.precision,
        "recall": score.recall,
        "f1": score.f1,
    }


def _precision_of_hits(score: MergeScore) -> Row:
    return {
        "exact_parents": score.exact_parents_fraction,
        "median_frame_error": score.median_frame_error,
        "frame_error_95": score.frame_error_95,
    }

"""An evaluation as plain numbers by name, for JSON and for tables; what cannot be told is ``None`` or NaN."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from temtrack.metrics.evaluation import Evaluation, EventScore
from temtrack.metrics.merges import MergeScore
from temtrack.metrics.segmentation import SegmentationScore

Row = dict[str, Any]

_SEGMENTATION = ("iou", "dice", "f1", "pq", "ap", "boundary_f1", "count_error")


@dataclass(frozen=True)
class Measure:
    """What a measure of the tracks says, and where in a `TrackingScore` it stands."""

    path: str
    meaning: str


#: The measures of the tracks, by their names in JSON.
TRACKING = {
    "det": Measure("ctc.det", "detections right, as the Cell Tracking Challenge (CTC) weighs their faults"),
    "seg": Measure("seg", "mean IoU of the true detections, 0 for one that is not found (CTC)"),
    "tra": Measure("ctc.tra", "detections and links right (CTC)"),
    "lnk": Measure("ctc.lnk", "links right, of detections that are (CTC)"),
    "hota": Measure("hota.hota", "geometric mean of DetA and AssA, over all thresholds of IoU"),
    "det_a": Measure("hota.detection", "fraction of matched among all found and true detections"),
    "ass_a": Measure("hota.association", "how well matched detections keep their identity"),
    "loc_a": Measure("hota.localisation", "mean IoU of the matched, over the thresholds"),
    "chota": Measure("clear.chota", "HOTA with a particle's ancestors and descendants as one identity"),
    "mota": Measure("clear.mota", "1 less detections missed and false and id switches, over true detections"),
    "motp": Measure("clear.motp", "mean IoU of matched detections"),
    "mt": Measure("clear.mt", "mostly tracked: true tracks of which one found track covers 80 % or more"),
    "ml": Measure("clear.ml", "mostly lost: true tracks of which no found track covers 20 %"),
    "idf1": Measure("matches.idf1", "F1 of ids, where each found track may be one true track at most"),
    "id_switches": Measure("matches.n_switches", "how often a true track's found id changes"),
    "id_switches_per_10000": Measure("matches.switches_per_10000", "the same, in 10,000 matched detections"),
}


def describe_evaluation(evaluation: Evaluation, *, with_events: bool = False) -> Row:
    """Return all measures of an evaluation, of tracks and merges too where there are several frames.

    ``segmentation`` holds measures of all pixels and particles ``pooled`` and their ``mean`` over frames,
    ``frames`` those of each frame. With events, each hit, missed and false merge is listed.
    """
    scores, tracking, events = evaluation.segmentation, evaluation.tracking, evaluation.events
    frames = [_segmentation_row(score) for score in scores]
    pooled = _segmentation_row(sum(scores, SegmentationScore()))
    return {
        "segmentation": {"pooled": pooled, "mean": _means(frames)},
        "tracking": None
        if tracking is None
        else {name: attrgetter(one.path)(tracking) for name, one in TRACKING.items()},
        "merges": None if events is None else _describe_merges(events, with_events),
        "fates": None
        if events is None
        else {"macro_f1": events.fates.macro_f1, "confusion": events.fates.confusion()},
        "frames": [{"frame": t, **row} for t, row in zip(evaluation.frames, frames, strict=True)],
    }


def _segmentation_row(score: SegmentationScore) -> Row:
    return {name: getattr(score, name) for name in ("n_found", "n_true", *_SEGMENTATION)}


def _means(frames: Sequence[Row]) -> Row:
    """Return the mean of each measure over the frames in which it is known."""
    known = {name: [row[name] for row in frames if not np.isnan(row[name])] for name in _SEGMENTATION}
    return {name: float(np.mean(values)) if values else None for name, values in known.items()}


def _describe_merges(events: EventScore, with_events: bool) -> Row:
    widest = events.widest
    return {
        "within_frames": [{"within_frames": d, **_counts(score)} for d, score in events.merges.items()],
        "exact_parents": widest.exact_parents_fraction,
        "median_frame_error": widest.median_frame_error,
        "frame_error_95": widest.frame_error_95,
        "by_n_parents": [
            {"n_parents": n, **_counts(score), "exact_parents": score.exact_parents_fraction}
            for n, score in widest.by_number_of_parents().items()
        ],
        "false_by_cause": dict(Counter(events.causes).most_common()),
        **({"events": events.rows()} if with_events else {}),
    }


def _counts(score: MergeScore) -> Row:
    return {
        "n_true": len(score.matches) + len(score.missed),
        "n_found": len(score.matches) + len(score.false),
        "n_hits": len(score.matches),
        "precision": score.precision,
        "recall": score.recall,
        "f1": score.f1,
    }

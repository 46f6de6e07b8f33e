"""An evaluation as plain numbers by name, for JSON and for tables; what cannot be told is ``None`` or NaN."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from temtrack.metrics.evaluation import Evaluation, EventScore, TrackingScore
from temtrack.metrics.merges import MergeScore
from temtrack.metrics.segmentation import SegmentationScore

Row = dict[str, Any]

_SEGMENTATION = ("iou", "dice", "f1", "pq", "ap", "boundary_f1", "count_error")


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
        "tracking": None if tracking is None else _tracking_row(tracking),
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

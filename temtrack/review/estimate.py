"""How good the merges of a run are, from those of its queue that a person answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from temtrack.review.corrections import (
    Confirmed,
    FateTold,
    LinkMade,
    MergeAccepted,
    MergeAdded,
    MergeFrame,
    MergeParents,
    MergeRejected,
)
from temtrack.review.edited import EditedRun
from temtrack.review.log import Log
from temtrack.review.places import Stale
from temtrack.review.queue import ENDS, Item

#: What a person does with a merge that is told as it is, and with one that is not.
_TRUE, _FALSE = (MergeAccepted, MergeFrame), (MergeRejected, MergeParents)


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval, NaN where nothing is known, and how many were answered of how many."""

    value: float
    low: float
    high: float
    n_reviewed: int
    n: int


def wilson(n_true: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209, doi:10.1080/01621459.1927.10502953.
    """
    if n == 0:
        return 0.0, 1.0
    interval = stats.binomtest(n_true, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def estimate_share(items: Sequence[Item], answers: Mapping[str, bool]) -> Share:
    """Estimate in which share of items the answer is true, where not all were answered.

    The most doubtful ones say nothing of the others. So those are counted as they are, up to the first that
    was not answered; of all the rest, those drawn at random tell, again up to the first not answered.
    """
    by_doubt = sorted(items, key=lambda item: (-item.weight, item.frame, item.key))
    known = _answered(by_doubt, answers)
    counted = {item.key for item in known}
    drawn = [item for item in items if item.is_sample and item.key not in counted]
    sample = _answered(drawn, answers)
    n, n_rest = len(items), len(items) - len(known)
    n_true, n_drawn = (sum(answers[item.key] for item in some) for some in (known, sample))
    low, high = wilson(n_drawn, len(sample)) if n_rest else (0.0, 0.0)
    share = n_drawn / len(sample) if sample else (np.nan if n_rest else 0.0)
    value, least, most = ((n_true + n_rest * part) / n if n else np.nan for part in (share, low, high))
    return Share(value, least, most, sum(item.key in answers for item in items), n)


def _answered(items: Sequence[Item], answers: Mapping[str, bool]) -> list[Item]:
    """Return the items before the first that was not answered."""
    stop = next((i for i, item in enumerate(items) if item.key not in answers), len(items))
    return list(items[:stop])


def answers_of(log: Log) -> tuple[dict[str, bool], dict[str, bool]]:
    """Return by item whether its merge is true; and by item whether its end is a merge that was missed."""
    merges: dict[str, bool] = {}
    ends: dict[str, bool] = {}
    for entry in log.standing():
        if isinstance(entry.done, _TRUE):
            merges.setdefault(entry.item, True)
        elif isinstance(entry.done, _FALSE):
            merges[entry.item] = False
        elif isinstance(entry.done, MergeAdded):
            ends[entry.item] = True
        elif isinstance(entry.done, Confirmed | FateTold | LinkMade):
            ends.setdefault(entry.item, False)
    return merges, ends


def merges_answered(log: Log, run: EditedRun) -> dict[tuple[int, int], bool]:
    """Return by frame and child whether a merge of an uncorrected run is true, as a person said anywhere.

    Answers are matched by place, so those of another run of the movie, or of its report, count too.
    """
    found: dict[tuple[int, int], bool] = {}
    for entry in log.standing():
        done = entry.done
        if not isinstance(done, (*_TRUE, *_FALSE)):
            continue
        try:
            merge = run.merge_at(done.child)
        except Stale:
            continue
        found[merge.frame, merge.child] = isinstance(done, _TRUE) and found.get(
            (merge.frame, merge.child), True
        )
    return found


def confidences_answered(
    log: Log, run: EditedRun, merges: pa.Table
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the confidence (N,) of the answered merges, by their table, and whether each is true (N,)."""
    answers = merges_answered(log, run)
    known = {
        (row["frame"], row["child_id"]): row["model_confidence"]
        for row in merges.select(["frame", "child_id", "model_confidence"]).to_pylist()
    }
    both = [(known[key], is_true) for key, is_true in answers.items() if known.get(key) is not None]
    return np.array([one for one, _ in both]), np.array([is_true for _, is_true in both], bool)


def estimate_merges(queue: Sequence[Item], log: Log) -> dict[str, Share]:
    """Estimate precision and recall of a run's merges from the answers to its queue.

    The recall rests on the ends of particles that the queue lists: a merge whose parents end in no item of it
    is not counted as missed. Its interval takes the worst of both.
    """
    merges, ends = answers_of(log)
    told = [item for item in queue if item.kind == "merge"]
    other = [item for item in queue if item.kind in ENDS]
    precision, missed = estimate_share(told, merges), estimate_share(other, ends)

    def recall(share: float, lost: float) -> float:
        true, gone = share * len(told) if told else 0.0, lost * len(other) if other else 0.0
        return float(true / (true + gone)) if true + gone else np.nan

    found = Share(
        recall(precision.value, missed.value),
        recall(precision.low, missed.high),
        recall(precision.high, missed.low),
        precision.n_reviewed + missed.n_reviewed,
        len(told) + len(other),
    )
    return {"precision": precision, "recall": found}

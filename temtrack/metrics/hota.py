"""HOTA: detection and association in one number, over all thresholds of localisation.

Luiten et al. 2021, 'HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking',
doi:10.1007/s11263-020-01375-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.metrics.assignment import choose_pairs, distinct_pairs
from temtrack.metrics.overlaps import MovieOverlaps
from temtrack.metrics.pooling import fraction

#: The thresholds of IoU, 0.05 to 0.95 in steps of 0.05.
ALPHAS = np.arange(1, 20) / 20

_ROUNDING = 1e-9


@dataclass(frozen=True)
class HotaScore:
    """Means over all thresholds; NaN where there is neither a found nor a true detection.

    Parameters
    ----------
    hota
        Geometric mean of the next two.
    detection
        DetA, fraction of matched among all detections.
    association
        AssA, how well the matched keep their identity.
    localisation
        LocA, mean IoU of the matched, over the thresholds at which any match; NaN where none do.
    """

    hota: float
    detection: float
    association: float
    localisation: float


def score_hota(overlaps: MovieOverlaps) -> HotaScore:
    """Score found against true tracks.

    In each frame those detections are matched, one to one, whose tracks agree best over the whole movie,
    weighted by their IoU.
    """
    n_found, n_true, iou = len(overlaps.found), len(overlaps.true), overlaps.iou
    if n_found + n_true == 0:
        return HotaScore(*[float("nan")] * 4)
    pair, lengths = _track_pairs(overlaps)
    alignment = _align(overlaps, pair, lengths)
    chosen = choose_pairs(overlaps.found_row, overlaps.true_row, alignment * iou)
    detection, association, localisation = [], [], []
    for alpha in ALPHAS:
        matched = chosen & (iou >= alpha - _ROUNDING)
        n_matched = int(matched.sum())
        detection.append(n_matched / (n_found + n_true - n_matched))
        n_common = np.bincount(pair[matched], minlength=lengths.size)
        association.append(fraction((n_common**2 / (lengths - n_common)).sum(), n_matched, of_nothing=0.0))
        if n_matched:
            localisation.append(iou[matched].mean())
    scores = np.sqrt(np.multiply(detection, association))
    return HotaScore(
        hota=float(scores.mean()),
        detection=float(np.mean(detection)),
        association=float(np.mean(association)),
        localisation=float(np.mean(localisation)) if localisation else float("nan"),
    )


def _track_pairs(overlaps: MovieOverlaps) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pair of tracks (P,) of each overlap, and the detections (Q,) of both tracks of a pair."""
    _, found_track, found_length = np.unique(overlaps.found.id, return_inverse=True, return_counts=True)
    _, true_track, true_length = np.unique(overlaps.true.id, return_inverse=True, return_counts=True)
    found, true, pair = distinct_pairs(found_track[overlaps.found_row], true_track[overlaps.true_row])
    return pair, found_length[found] + true_length[true]


def _align(
    overlaps: MovieOverlaps, pair: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return for each overlap how well its two tracks agree over the movie, (P,) in (0, 1]."""
    iou = overlaps.iou
    of_found = np.bincount(overlaps.found_row, weights=iou, minlength=len(overlaps.found))
    of_true = np.bincount(overlaps.true_row, weights=iou, minlength=len(overlaps.true))
    claim = iou / (of_found[overlaps.found_row] + of_true[overlaps.true_row] - iou)
    agreement = np.bincount(pair, weights=claim, minlength=lengths.size)
    return np.asarray((agreement / (lengths - agreement))[pair])

"""How well labels match true labels: pixels (IoU, Dice), instances (F1, PQ, AP, counts) and boundaries.

PQ: Kirillov et al. 2019, 'Panoptic Segmentation', doi:10.1109/CVPR.2019.00963, eq. 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.metrics.boundaries import BoundaryScore
from temtrack.metrics.overlaps import MovieOverlaps, measure_overlaps
from temtrack.metrics.pooling import Pooled, fraction

#: IoUs above which an instance counts as found; from 0.5 on at most one partner each can reach them.
THRESHOLDS = np.arange(10, 20) / 20


def _no_matches() -> NDArray[np.int64]:
    return np.zeros(THRESHOLDS.size, np.int64)


@dataclass(frozen=True)
class SegmentationScore(Pooled):
    """Counts of one or more images.

    ``n_matched_above`` (10,) of ``n_found`` and ``n_true`` instances match at an IoU above each of
    `THRESHOLDS`, ``matched_iou`` is the sum of the IoUs of those above the first; ``overlap_px``,
    ``found_px`` and ``true_px`` count foreground pixels; ``n_miscounted`` is by how many the counts differ,
    image by image.
    """

    n_found: int = 0
    n_true: int = 0
    n_matched_above: NDArray[np.int64] = field(default_factory=_no_matches)
    matched_iou: float = 0.0
    overlap_px: int = 0
    found_px: int = 0
    true_px: int = 0
    n_miscounted: int = 0
    boundaries: BoundaryScore = field(default_factory=BoundaryScore)

    @property
    def n_matched(self) -> int:
        """Instances that match at IoU above 0.5."""
        return int(self.n_matched_above[0])

    @property
    def f1(self) -> float:
        """Instance F1; 1 where there is nothing and nothing was found."""
        return fraction(2 * self.n_matched, self.n_found + self.n_true, of_nothing=1.0)

    @property
    def pq(self) -> float:
        """Panoptic quality: the matches' IoUs summed, over matches and half of all misses and false ones."""
        return fraction(2 * self.matched_iou, self.n_found + self.n_true, of_nothing=1.0)

    @property
    def ap(self) -> float:
        """Matches over matches, misses and false ones together, a mean over `THRESHOLDS`.

        The average precision of instance segmentation without confidences, as cellpose and StarDist have it.
        """
        n_all = self.n_found + self.n_true - self.n_matched_above
        return float(np.mean([fraction(m, n, 1.0) for m, n in zip(self.n_matched_above, n_all, strict=True)]))

    @property
    def iou(self) -> float:
        """Intersection over union of the foreground."""
        return fraction(self.overlap_px, self.found_px + self.true_px - self.overlap_px, of_nothing=1.0)

    @property
    def dice(self) -> float:
        """Dice coefficient of the foreground."""
        return fraction(2 * self.overlap_px, self.found_px + self.true_px, of_nothing=1.0)

    @property
    def count_error(self) -> float:
        """Instances too many or too few in each image, as a fraction of the true ones; NaN without any."""
        return fraction(self.n_miscounted, self.n_true)

    @property
    def boundary_f1(self) -> float:
        """F1 of the boundaries' pixels; see `score_boundaries`."""
        return self.boundaries.f1


def score_segmentation(found: NDArray[np.integer], true: NDArray[np.integer]) -> SegmentationScore:
    """Score labels (Y, X) against true labels of the same size."""
    return score_frames(measure_overlaps([found], [true], with_boundaries=True))[0]


def score_frames(overlaps: MovieOverlaps) -> list[SegmentationScore]:
    """Score each frame of a movie from its overlaps, boundaries included."""
    iou, frame, found, true = overlaps.iou, overlaps.frame, overlaps.found, overlaps.true

    def sums(frames: NDArray[np.int64], weights: NDArray[np.number] | None = None) -> NDArray[np.float64]:
        return np.bincount(frames, weights, overlaps.n_frames).astype(np.float64)

    is_matched = iou > THRESHOLDS[0]
    n_found, n_true = sums(found.frame), sums(true.frame)
    above = np.array([sums(frame[iou > threshold]) for threshold in THRESHOLDS]).astype(np.int64)
    areas = sums(frame, overlaps.n_px), sums(found.frame, found.area_px), sums(true.frame, true.area_px)
    columns = (
        *(column.astype(np.int64).tolist() for column in (n_found, n_true)),
        above.T,
        sums(frame[is_matched], iou[is_matched]).tolist(),
        *(column.astype(np.int64).tolist() for column in (*areas, np.abs(n_found - n_true))),
        overlaps.boundaries,
    )
    return [SegmentationScore(*row) for row in zip(*columns, strict=True)]

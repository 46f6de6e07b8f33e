"""How well labels match true labels: pixels (IoU, Dice), instances (F1, PQ, AP, counts) and outlines.

PQ: Kirillov et al. 2019, 'Panoptic Segmentation', doi:10.1109/CVPR.2019.00963, eq. 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.metrics.boundaries import OutlineScore, score_outlines
from temtrack.metrics.overlaps import MovieOverlaps, measure_overlaps

#: IoUs above which an instance counts as found; from 0.5 on at most one partner each can reach them.
THRESHOLDS = np.arange(10, 20) / 20


def _no_matches() -> NDArray[np.int64]:
    return np.zeros(THRESHOLDS.size, np.int64)


@dataclass(frozen=True)
class SegmentationScore:
    """Counts of one or more images; add scores to pool them.

    ``n_matched`` of ``n_found`` and ``n_true`` instances match at IoU above 0.5, ``matched_iou`` is the
    sum of their IoUs; ``overlap_px``, ``found_px`` and ``true_px`` count foreground pixels;
    ``n_matched_above`` (10,) are the matches above each of `THRESHOLDS`; ``n_miscounted`` is by how many
    the counts differ, image by image.
    """

    n_matched: int = 0
    n_found: int = 0
    n_true: int = 0
    matched_iou: float = 0.0
    overlap_px: int = 0
    found_px: int = 0
    true_px: int = 0
    n_matched_above: NDArray[np.int64] = field(default_factory=_no_matches)
    n_miscounted: int = 0
    outlines: OutlineScore = field(default_factory=OutlineScore)

    def __add__(self, other: SegmentationScore) -> SegmentationScore:
        return SegmentationScore(
            self.n_matched + other.n_matched,
            self.n_found + other.n_found,
            self.n_true + other.n_true,
            self.matched_iou + other.matched_iou,
            self.overlap_px + other.overlap_px,
            self.found_px + other.found_px,
            self.true_px + other.true_px,
            self.n_matched_above + other.n_matched_above,
            self.n_miscounted + other.n_miscounted,
            self.outlines + other.outlines,
        )

    @property
    def f1(self) -> float:
        """Instance F1; 1 where there is nothing and nothing was found."""
        return _share(2 * self.n_matched, self.n_found + self.n_true)

    @property
    def pq(self) -> float:
        """Panoptic quality: the matches' IoUs summed, over matches and half of all misses and false ones."""
        return _share(2 * self.matched_iou, self.n_found + self.n_true)

    @property
    def ap(self) -> float:
        """Matches over matches, misses and false ones together, a mean over `THRESHOLDS`.

        The average precision of instance segmentation without confidences, as cellpose and StarDist have it.
        """
        n_all = self.n_found + self.n_true - self.n_matched_above
        return float(np.mean([_share(m, n) for m, n in zip(self.n_matched_above, n_all, strict=True)]))

    @property
    def iou(self) -> float:
        """Intersection over union of the foreground."""
        return _share(self.overlap_px, self.found_px + self.true_px - self.overlap_px)

    @property
    def dice(self) -> float:
        """Dice coefficient of the foreground."""
        return _share(2 * self.overlap_px, self.found_px + self.true_px)

    @property
    def count_error(self) -> float:
        """Instances too many or too few in each image, as a share of the true ones; NaN without any."""
        return self.n_miscounted / self.n_true if self.n_true else float("nan")

    @property
    def boundary_f1(self) -> float:
        """F1 of the outlines' pixels; see `score_outlines`."""
        return self.outlines.f1


def score_segmentation(found: NDArray[np.integer], true: NDArray[np.integer]) -> SegmentationScore:
    """Score labels (Y, X) against true labels of the same size."""
    overlaps = measure_overlaps([found], [true])
    return score_frames(overlaps, [score_outlines(found, true)])[0]


def score_frames(overlaps: MovieOverlaps, outlines: Iterable[OutlineScore]) -> list[SegmentationScore]:
    """Score each frame of a movie from its overlaps and the score of its outlines."""
    n_frames, iou, frame = overlaps.n_frames, overlaps.iou, overlaps.frame

    def per_frame(frames: NDArray[np.int64], weights: NDArray[np.number] | None = None) -> list[float]:
        counts: list[float] = np.bincount(frames, weights=weights, minlength=n_frames).tolist()
        return counts

    above = np.array([per_frame(frame[iou > threshold]) for threshold in THRESHOLDS], dtype=np.int64)
    columns = zip(
        per_frame(overlaps.found.frame),
        per_frame(overlaps.true.frame),
        per_frame(frame[iou > THRESHOLDS[0]], iou[iou > THRESHOLDS[0]]),
        per_frame(frame, overlaps.n_px),
        per_frame(overlaps.found.frame, overlaps.found.area_px),
        per_frame(overlaps.true.frame, overlaps.true.area_px),
        above.T,
        outlines,
        strict=True,
    )
    return [
        SegmentationScore(
            n_matched=int(matched[0]),
            n_found=int(n_found),
            n_true=int(n_true),
            matched_iou=matched_iou,
            overlap_px=int(overlap_px),
            found_px=int(found_px),
            true_px=int(true_px),
            n_matched_above=matched,
            n_miscounted=abs(int(n_found) - int(n_true)),
            outlines=outline,
        )
        for n_found, n_true, matched_iou, overlap_px, found_px, true_px, matched, outline in columns
    ]


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0

"""How well labels match true labels: pixels (IoU, Dice) and instances (F1, PQ).

Kirillov et al. 2019, 'Panoptic Segmentation', doi:10.1109/CVPR.2019.00963, eq. 1, for PQ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.labels import measure_regions, overlap_counts


@dataclass(frozen=True)
class SegmentationScore:
    """Counts of one or more images; add scores to pool them.

    ``n_matched`` of ``n_found`` and ``n_true`` instances match at IoU above 0.5, ``matched_iou`` is the
    sum of their IoUs; ``overlap_px``, ``found_px`` and ``true_px`` count foreground pixels.
    """

    n_matched: int = 0
    n_found: int = 0
    n_true: int = 0
    matched_iou: float = 0.0
    overlap_px: int = 0
    found_px: int = 0
    true_px: int = 0

    def __add__(self, other: SegmentationScore) -> SegmentationScore:
        return SegmentationScore(
            self.n_matched + other.n_matched,
            self.n_found + other.n_found,
            self.n_true + other.n_true,
            self.matched_iou + other.matched_iou,
            self.overlap_px + other.overlap_px,
            self.found_px + other.found_px,
            self.true_px + other.true_px,
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
    def iou(self) -> float:
        """Intersection over union of the foreground."""
        return _share(self.overlap_px, self.found_px + self.true_px - self.overlap_px)

    @property
    def dice(self) -> float:
        """Dice coefficient of the foreground."""
        return _share(2 * self.overlap_px, self.found_px + self.true_px)


def score_segmentation(found: NDArray[np.integer], true: NDArray[np.integer]) -> SegmentationScore:
    """Score labels (Y, X) against true labels of the same size."""
    shared = overlap_counts(found, true)
    a, b = measure_regions(found), measure_regions(true)
    union = (
        a.area_px[np.searchsorted(a.ids, shared.a)]
        + b.area_px[np.searchsorted(b.ids, shared.b)]
        - shared.n_px
    )
    iou = shared.n_px / union
    matched = iou > 0.5  # at most one partner each, so no assignment is needed
    return SegmentationScore(
        int(matched.sum()),
        len(a.ids),
        len(b.ids),
        float(iou[matched].sum()),
        int(((found > 0) & (true > 0)).sum()),
        int((found > 0).sum()),
        int((true > 0).sum()),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0

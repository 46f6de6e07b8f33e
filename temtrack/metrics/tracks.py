"""How well tracks keep their identity: found labels matched with true ones, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from temtrack.metrics.assignment import choose_pairs, distinct_pairs
from temtrack.metrics.overlaps import MovieOverlaps, measure_overlaps
from temtrack.metrics.pooling import fraction

#: Two masks are the same particle above this intersection over union; then no third one can be.
MIN_IOU = 0.5

#: So many matched detections tell who a track is at a frame: one odd contour then changes nothing.
N_TELLING_FRAMES = 5

_History = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class TrackMatches:
    """Detections matched one to one, one row per pair, in the order of frames.

    Parameters
    ----------
    frame, found, true
        (N,) frame and ids of each matched pair.
    n_found, n_true
        Detections (particle-frames) in all.
    """

    frame: NDArray[np.int64]
    found: NDArray[np.int64]
    true: NDArray[np.int64]
    n_found: int
    n_true: int

    @property
    def recall(self) -> float:
        """Fraction of the true detections that are matched."""
        return fraction(self.frame.size, self.n_true)

    @property
    def precision(self) -> float:
        """Fraction of the found detections that are matched."""
        return fraction(self.frame.size, self.n_found)

    @property
    def n_switches(self) -> int:
        """How often a true track's found id differs from that of its last matched detection."""
        order = np.lexsort((self.frame, self.true))
        found, true = self.found[order], self.true[order]
        return int(np.count_nonzero((true[1:] == true[:-1]) & (found[1:] != found[:-1])))

    @property
    def switches_per_10000(self) -> float:
        """Id switches per 10,000 matched detections."""
        return fraction(1e4 * self.n_switches, self.frame.size)

    @property
    def idf1(self) -> float:
        """Identity F1: detections that bear the right id when each found track is one true track at most.

        Ristani et al. 2016, 'Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking',
        doi:10.1007/978-3-319-48881-3_2.
        """
        found, true, pair = distinct_pairs(self.found, self.true)
        n_frames = np.bincount(pair)
        n_right = n_frames[choose_pairs(found, true, n_frames)].sum()
        return fraction(2 * n_right, self.n_found + self.n_true)

    def true_of_found(self) -> dict[int, int]:
        """Return for each found id the true one that it is matched with most often."""
        return {found: _most_often(true) for found, (_, true) in self._histories.items()}

    def true_before(self, found_id: int, frame: int) -> int | None:
        """Return who a found track is shortly before a frame, or ``None`` where it is not matched before.

        It is the true id of most of its last `N_TELLING_FRAMES` matched detections. So it is right also
        where a tracker lets a parent's id live on in the child.
        """
        if found_id not in self._histories:
            return None
        frames, true = self._histories[found_id]
        n_before = int(np.searchsorted(frames, frame))
        return _most_often(true[max(0, n_before - N_TELLING_FRAMES) : n_before]) if n_before else None

    @cached_property
    def _histories(self) -> dict[int, _History]:
        """Frames, ascending, and true ids of each found id's matched detections."""
        order = np.lexsort((self.frame, self.found))
        ids, starts = np.unique(self.found[order], return_index=True)
        frames, trues = (np.split(column[order], starts[1:]) for column in (self.frame, self.true))
        return dict(zip(ids.tolist(), zip(frames, trues, strict=True), strict=False))


def match_tracks(found: Iterable[NDArray[np.integer]], true: Iterable[NDArray[np.integer]]) -> TrackMatches:
    """Match found and true labels (Y, X) of each frame at IoU above `MIN_IOU`, reading frame by frame.

    Raises
    ------
    ValueError
        Where there are more frames of one than of the other.
    """
    return match_detections(measure_overlaps(found, true))


def match_detections(overlaps: MovieOverlaps) -> TrackMatches:
    """Match the detections whose IoU is above `MIN_IOU`."""
    return _pairs_where(overlaps, overlaps.iou > MIN_IOU)


def cover_detections(overlaps: MovieOverlaps) -> TrackMatches:
    """Pair each true detection with the found one, if any, that covers it, which may cover others too."""
    return _pairs_where(overlaps, overlaps.is_covered)


def place_detections(overlaps: MovieOverlaps) -> TrackMatches:
    """Pair each found detection with the true one, if any, in which most of it lies.

    Here several found fragments may belong to one true particle, and badly segmented ones have a place too.
    """
    return _pairs_where(overlaps, overlaps.fraction_of_found > 0.5)


def _pairs_where(overlaps: MovieOverlaps, same: NDArray[np.bool_]) -> TrackMatches:
    return TrackMatches(
        frame=overlaps.frame[same],
        found=overlaps.found.id[overlaps.found_row[same]],
        true=overlaps.true.id[overlaps.true_row[same]],
        n_found=len(overlaps.found),
        n_true=len(overlaps.true),
    )


def _most_often(ids: NDArray[np.int64]) -> int:
    count: Counter[int] = Counter(ids.tolist())
    return min(count, key=lambda one: (-count[one], one))

"""How well tracks keep their identity: found labels matched with true ones, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.labels import measure_regions, overlap_counts

#: Two masks are the same particle above this intersection over union; then no third one can be.
MIN_IOU = 0.5


@dataclass(frozen=True)
class TrackMatches:
    """Detections matched at IoU above `MIN_IOU`, one row per pair, in the order of frames.

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
        """Share of the true detections that are matched."""
        return self.frame.size / self.n_true if self.n_true else float("nan")

    @property
    def precision(self) -> float:
        """Share of the found detections that are matched."""
        return self.frame.size / self.n_found if self.n_found else float("nan")

    @property
    def n_switches(self) -> int:
        """How often a true track's found id differs from that of its last matched detection."""
        order = np.lexsort((self.frame, self.true))
        found, true = self.found[order], self.true[order]
        return int(np.count_nonzero((true[1:] == true[:-1]) & (found[1:] != found[:-1])))

    @property
    def switches_per_10000(self) -> float:
        """Id switches per 10,000 matched detections."""
        return 1e4 * self.n_switches / self.frame.size if self.frame.size else float("nan")

    def true_of_found(self) -> dict[int, int]:
        """Return for each found id the true one that it is matched with most often."""
        votes: dict[int, Counter[int]] = {}
        for found, true in zip(self.found.tolist(), self.true.tolist(), strict=True):
            votes.setdefault(found, Counter())[true] += 1
        return {i: min(count, key=lambda true: (-count[true], true)) for i, count in votes.items()}


def match_tracks(found: Iterable[NDArray[np.integer]], true: Iterable[NDArray[np.integer]]) -> TrackMatches:
    """Match found and true labels (Y, X) of each frame; both are read one frame at a time.

    Raises
    ------
    ValueError
        Where there are more frames of one than of the other.
    """
    frames, found_ids, true_ids = [], [], []
    n_found = n_true = 0
    for t, (a, b) in enumerate(zip(found, true, strict=True)):
        regions_a, regions_b = measure_regions(a), measure_regions(b)
        n_found += regions_a.ids.size
        n_true += regions_b.ids.size
        shared = overlap_counts(a, b)
        area = regions_a.area_px[np.searchsorted(regions_a.ids, shared.a)]
        area = area + regions_b.area_px[np.searchsorted(regions_b.ids, shared.b)]
        same = shared.n_px > MIN_IOU * (area - shared.n_px)
        found_ids.append(shared.a[same])
        true_ids.append(shared.b[same])
        frames.append(np.full(int(same.sum()), t))
    none = [np.zeros(0, np.int64)]
    return TrackMatches(
        frame=np.concatenate(frames + none),
        found=np.concatenate(found_ids + none),
        true=np.concatenate(true_ids + none),
        n_found=n_found,
        n_true=n_true,
    )

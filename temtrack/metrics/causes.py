"""Why a false merge was found: what the truth shows there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

import numpy as np

from temtrack.lineage import Lineage, Merge
from temtrack.metrics.merges import MIN_COMMON_PARENTS
from temtrack.metrics.overlaps import Detections, MovieOverlaps
from temtrack.metrics.tracks import TrackMatches, place_detections

#: ``frame``: a true merge of these parents, but at another time; ``flicker``: the parents are fragments of
#: one particle, or one of them is none; ``dissolution``: a parent dissolves about then; ``contact``: two
#: parents touch or cross and both go on.
Cause = Literal["frame", "flicker", "dissolution", "contact", "other"]

#: A dissolution belongs to a merge found at most so many frames before or after it.
REACH_FRAMES = 10

#: Particles are near where their centres lie at most this far apart, in units of the sum of their radii ...
NEAR_RADII = 1.5

#: ... in a frame at most this far from the event.
NEAR_FRAMES = 3


class FalseMergeCauses:
    """Tells the cause of false merges from the truth."""

    def __init__(self, overlaps: MovieOverlaps, truth: Lineage) -> None:
        self._places: TrackMatches = place_detections(overlaps)
        self._tracks = {track.id: track for track in truth.tracks}
        self._merges = truth.merges
        self._true = overlaps.true
        self._row = {key: k for k, key in enumerate(_keys(overlaps.true))}

    def cause(self, merge: Merge) -> Cause:
        """Return why a merge was found that matches no true one."""
        parents = [self._places.true_before(parent, merge.frame) for parent in merge.parents]
        known = {parent for parent in parents if parent in self._tracks}
        if any(len(known & set(true.parents)) >= MIN_COMMON_PARENTS for true in self._merges):
            return "frame"
        if len(known) < MIN_COMMON_PARENTS:
            return "flicker"
        if any(self._dissolves(parent, merge.frame) for parent in known if parent is not None):
            return "dissolution"
        lasting = sorted(p for p in known if p is not None and self._tracks[p].end >= merge.frame)
        if any(self._is_near(a, b, merge.frame) for a, b in combinations(lasting, 2)):
            return "contact"
        return "other"

    def _dissolves(self, true_id: int, frame: int) -> bool:
        track = self._tracks[true_id]
        return track.fate == "dissolved" and abs(track.end + 1 - frame) <= REACH_FRAMES

    def _is_near(self, a: int, b: int, frame: int) -> bool:
        """Tell whether two true particles come near each other about a frame."""
        for t in range(frame - NEAR_FRAMES, frame + NEAR_FRAMES + 1):
            rows = self._row.get((t, a)), self._row.get((t, b))
            if rows[0] is not None and rows[1] is not None:
                (y0, x0, r0), (y1, x1, r1) = (_disc(self._true, row) for row in rows if row is not None)
                if np.hypot(y1 - y0, x1 - x0) <= NEAR_RADII * (r0 + r1):
                    return True
        return False


def _keys(detections: Detections) -> Iterator[tuple[int, int]]:
    return zip(detections.frame.tolist(), detections.id.tolist(), strict=True)


def _disc(detections: Detections, row: int) -> tuple[float, float, float]:
    """Return centre (y, x) and radius of the disc of equal area."""
    radius = np.sqrt(detections.area_px[row] / np.pi)
    return float(detections.y_px[row]), float(detections.x_px[row]), float(radius)

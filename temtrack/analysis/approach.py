"""Before a merge: the gap between the parents' surfaces in each frame, and how fast it closes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import cKDTree

from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Merge

#: Parents are watched for so many frames, up to the last before the merge frame.
WATCHED_FRAMES = 20

#: The speed is that over so many frames up to the last in which a gap is open, and needs so many.
SPEED_FRAMES, MIN_SPEED_FRAMES = 10, 3

Places = NDArray[np.integer]


class ApproachWatch:
    """Measures the gaps of all merges to come while the masks go by, frame after frame."""

    def __init__(self, lineage: Lineage) -> None:
        self._merges = lineage.merges
        self._gaps: dict[Merge, list[float]] = {}

    def add(self, frame: int, labels: LabelImage) -> None:
        """Take the labels of the next frame."""
        near = [merge for merge in self._merges if merge.frame - WATCHED_FRAMES <= frame < merge.frame]
        if not near:
            return
        edges = find_edges(labels, [parent for merge in near for parent in merge.parents])
        for merge in near:
            gap = measure_gap([edges.get(parent) for parent in merge.parents])
            self._gaps.setdefault(merge, []).append(gap)

    def gaps(self, merge: Merge) -> list[float]:
        """Return the gap in px in up to `WATCHED_FRAMES` frames, the last one that before the merge."""
        return self._gaps.get(merge, [])


def find_edges(image: LabelImage, ids: Sequence[int]) -> dict[int, Places]:
    """Return the pixels (N, 2) of each id that is there that have a neighbour of another label on a side."""
    labels = image.labels
    at = image.pixels_of(ids)
    own, last = labels[at[:, 0], at[:, 1]], np.array(labels.shape) - 1
    is_edge = np.zeros(len(at), dtype=bool)
    for step in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = np.clip(at + step, 0, last).T
        is_edge |= labels[y, x] != own
    return {int(one): at[is_edge & (own == one)] for one in np.unique(own)}


def measure_gap(edges: Sequence[Places | None]) -> float:
    """Return the widest gap along the shortest tree that joins particles, in px: of two, that between them.

    Pixels side by side have no gap, and gaps of discs are right to a pixel. NaN where one is not there.

    Parameters
    ----------
    edges
        Edge pixels (N, 2) of each particle.
    """
    there = [edge for edge in edges if edge is not None and len(edge)]
    if len(there) < max(len(edges), 2):
        return float("nan")
    apart = np.zeros((len(there), len(there)))
    for i in range(len(there)):
        for j in range(i):
            apart[i, j] = cKDTree(there[i]).query(there[j])[0].min()  # at least 1: no two share a pixel
    return float(minimum_spanning_tree(apart).max() - 1)


def measure_speed(gaps: Sequence[float]) -> float:
    """Return how fast a gap (T,) closes, in px per frame: the slope of its last open frames, or NaN."""
    gap = np.asarray(gaps, dtype=np.float64)
    is_open = np.flatnonzero(gap > 0)
    end = int(is_open[-1]) + 1 if is_open.size else 0
    frame = np.arange(max(end - SPEED_FRAMES, 0), end)
    seen = frame[~np.isnan(gap[frame])]
    if seen.size < MIN_SPEED_FRAMES:
        return float("nan")
    off = seen - seen.mean()
    return float(-(off @ gap[seen]) / (off @ off))

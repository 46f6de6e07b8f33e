"""The Cell Tracking Challenge's measures: DET, SEG, TRA and LNK.

Found and true tracks are graphs: detections are the vertices, links the edges. The measures weigh the
operations that make one graph the other. Matula et al. 2015, 'Cell Tracking Accuracy Measurement Based on
Comparison of Acyclic Oriented Graphs', doi:10.1371/journal.pone.0144959. As in the challenge, a track has
one parent at most, so that these measures hardly see merges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.metrics.overlaps import Detections, MovieOverlaps

#: What it costs to split a vertex, add one, delete one; to delete an edge, add one, change its kind.
SPLIT, ADD, DELETE = 5.0, 10.0, 1.0
DELETE_EDGE, ADD_EDGE, CHANGE_EDGE = 1.0, 1.5, 1.0

#: A found detection stands for the true ones of which it covers more than this fraction.
MIN_COVERED_FRACTION = 0.5


@dataclass(frozen=True)
class CtcScore:
    """How many operations of each kind make the found graph the true one."""

    n_true: int
    n_true_edges: int
    n_splits: int
    n_missed: int
    n_false: int
    n_false_edges: int
    n_missed_edges: int
    n_changed_edges: int

    @property
    def det(self) -> float:
        """Detection accuracy, 1 where all vertices are right; NaN without a true one."""
        return _accuracy(self._vertex_cost, ADD * self.n_true)

    @property
    def lnk(self) -> float:
        """Linking accuracy, 1 where all edges between detections that are right are so; NaN without any."""
        return _accuracy(self._edge_cost, ADD_EDGE * self.n_true_edges)

    @property
    def tra(self) -> float:
        """Tracking accuracy: vertices and edges together."""
        empty = ADD * self.n_true + ADD_EDGE * self.n_true_edges
        return _accuracy(self._vertex_cost + self._edge_cost, empty)

    @property
    def _vertex_cost(self) -> float:
        return SPLIT * self.n_splits + ADD * self.n_missed + DELETE * self.n_false

    @property
    def _edge_cost(self) -> float:
        costs = DELETE_EDGE * self.n_false_edges, ADD_EDGE * self.n_missed_edges
        return sum(costs) + CHANGE_EDGE * self.n_changed_edges


@dataclass(frozen=True)
class _Edges:
    """Links from detection to detection by row, (E,); ``is_parent`` where a track follows on another."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    is_parent: NDArray[np.bool_]

    def where(self, wanted: NDArray[np.bool_]) -> _Edges:
        return _Edges(self.start[wanted], self.end[wanted], self.is_parent[wanted])


def score_ctc(
    overlaps: MovieOverlaps, found_parents: Mapping[int, int], true_parents: Mapping[int, int]
) -> CtcScore:
    """Count the operations; ``found_parents`` and ``true_parents`` name the parents, of ids that have one."""
    covered = _covered(overlaps)
    found_row, true_row = overlaps.found_row[covered], overlaps.true_row[covered]
    n_covered = np.bincount(found_row, minlength=len(overlaps.found))
    true_of_found = np.full(len(overlaps.found), -1)
    alone = n_covered[found_row] == 1
    true_of_found[found_row[alone]] = true_row[alone]
    true_edges = _edges(overlaps.true, true_parents)
    found_edges = _translate(_edges(overlaps.found, found_parents), true_of_found)
    false, missed, changed = _compare(found_edges, true_edges, len(overlaps.true))
    n_true = len(overlaps.true)
    return CtcScore(
        n_true=n_true,
        n_true_edges=true_edges.start.size,
        n_splits=int(np.maximum(n_covered - 1, 0).sum()),
        n_missed=n_true - true_row.size,
        n_false=int(np.count_nonzero(n_covered == 0)),
        n_false_edges=false,
        n_missed_edges=missed,
        n_changed_edges=changed,
    )


def measure_seg(overlaps: MovieOverlaps) -> float:
    """Return SEG, the mean IoU of the true detections, where one not covered counts 0; NaN without any."""
    n_true = len(overlaps.true)
    return float(overlaps.iou[_covered(overlaps)].sum() / n_true) if n_true else float("nan")


def _covered(overlaps: MovieOverlaps) -> NDArray[np.bool_]:
    """Mark the pairs that count: each true detection is covered by one found one at most."""
    return np.asarray(overlaps.fraction_of_true > MIN_COVERED_FRACTION)


def _edges(detections: Detections, parents: Mapping[int, int]) -> _Edges:
    """Link each id from frame to next frame, and the last detection of a parent to the child's first."""
    order = np.lexsort((detections.frame, detections.id))
    ids, frames = detections.id[order], detections.frame[order]
    follows = (ids[1:] == ids[:-1]) & (frames[1:] == frames[:-1] + 1)
    known, first = np.unique(ids, return_index=True)
    last = np.append(first[1:], ids.size) - 1
    place = {one: k for k, one in enumerate(known.tolist())}
    kin = [(place[p], place[c]) for c, p in parents.items() if p in place and c in place]
    starts = order[last[[p for p, _ in kin]]] if kin else np.zeros(0, np.int64)
    ends = order[first[[c for _, c in kin]]] if kin else np.zeros(0, np.int64)
    return _Edges(
        np.concatenate([order[:-1][follows], starts]),
        np.concatenate([order[1:][follows], ends]),
        np.arange(np.count_nonzero(follows) + len(kin)) >= np.count_nonzero(follows),
    )


def _translate(edges: _Edges, true_of_found: NDArray[np.int64]) -> _Edges:
    """Return the edges between found detections that stand for one true detection each, in true rows."""
    start, end = true_of_found[edges.start], true_of_found[edges.end]
    return _Edges(start, end, edges.is_parent).where((start >= 0) & (end >= 0))


def _compare(found: _Edges, true: _Edges, n_rows: int) -> tuple[int, int, int]:
    """Count the edges to delete, to add and to change."""
    found_code, true_code = (edges.start * n_rows + edges.end for edges in (found, true))
    _, at_found, at_true = np.intersect1d(found_code, true_code, return_indices=True)
    changed = found.is_parent[at_found] != true.is_parent[at_true]
    return found_code.size - at_found.size, true_code.size - at_true.size, int(np.count_nonzero(changed))


def _accuracy(cost: float, cost_of_nothing: float) -> float:
    return 1 - min(cost, cost_of_nothing) / cost_of_nothing if cost_of_nothing else float("nan")

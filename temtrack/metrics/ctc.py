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
from temtrack.metrics.pooling import fraction

#: What it costs to split a vertex, add one, delete one; to delete an edge, add one, change its kind.
SPLIT, ADD, DELETE = 5.0, 10.0, 1.0
DELETE_EDGE, ADD_EDGE, CHANGE_EDGE = 1.0, 1.5, 1.0


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


def score_ctc(
    overlaps: MovieOverlaps, found_parents: Mapping[int, int], true_parents: Mapping[int, int]
) -> CtcScore:
    """Count the operations; ``found_parents`` and ``true_parents`` name the parents, of ids that have one."""
    n_true, covered = len(overlaps.true), overlaps.is_covered
    found_row, true_row = overlaps.found_row[covered], overlaps.true_row[covered]
    n_covered = np.bincount(found_row, minlength=len(overlaps.found))
    true_of_found = np.full(len(overlaps.found), -1)
    alone = n_covered[found_row] == 1
    true_of_found[found_row[alone]] = true_row[alone]
    true_edges, true_is_parent = _edges(overlaps.true, true_parents)
    found_edges, found_is_parent = _edges(overlaps.found, found_parents)
    # Only edges between found detections that stand for one true detection each can be right.
    found_edges = true_of_found[found_edges]
    stands = (found_edges >= 0).all(axis=0)
    true_codes, found_codes = (start * n_true + end for start, end in (true_edges, found_edges[:, stands]))
    _, at_found, at_true = np.intersect1d(found_codes, true_codes, return_indices=True)
    is_changed = found_is_parent[stands][at_found] != true_is_parent[at_true]
    return CtcScore(
        n_true=n_true,
        n_true_edges=true_codes.size,
        n_splits=int(np.maximum(n_covered - 1, 0).sum()),
        n_missed=n_true - true_row.size,
        n_false=int(np.count_nonzero(n_covered == 0)),
        n_false_edges=found_codes.size - at_found.size,
        n_missed_edges=true_codes.size - at_true.size,
        n_changed_edges=int(np.count_nonzero(is_changed)),
    )


def measure_seg(overlaps: MovieOverlaps) -> float:
    """Return SEG, the mean IoU of the true detections, where one not covered counts 0; NaN without any."""
    return fraction(overlaps.iou[overlaps.is_covered].sum(), len(overlaps.true))


def places_of_kin(ids: NDArray[np.int64], parents: Mapping[int, int]) -> NDArray[np.int64]:
    """Return where in ``ids`` (N,) parents and their children stand, (2, K), of those that both are there."""
    place = {one: k for k, one in enumerate(ids.tolist())}
    kin = [(place[p], place[c]) for c, p in parents.items() if p in place and c in place]
    return np.array(kin, dtype=np.int64).reshape(-1, 2).T


def _edges(detections: Detections, parents: Mapping[int, int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Link each id from frame to next frame, and the last detection of a parent to the child's first.

    Returns the rows of start and end (2, E), and (E,) where a track follows on another.
    """
    order = np.lexsort((detections.frame, detections.id))
    ids, frames = detections.id[order], detections.frame[order]
    follows = (ids[1:] == ids[:-1]) & (frames[1:] == frames[:-1] + 1)
    steps = np.stack([order[:-1][follows], order[1:][follows]])
    known, first = np.unique(ids, return_index=True)
    last = np.append(first[1:], ids.size) - 1
    parent, child = places_of_kin(known, parents)
    to_children = order[np.stack([last[parent], first[child]])]
    is_parent = np.repeat([False, True], [steps.shape[1], to_children.shape[1]])
    return np.concatenate([steps, to_children], axis=1), is_parent


def _accuracy(cost: float, cost_of_nothing: float) -> float:
    return 1 - fraction(min(cost, cost_of_nothing), cost_of_nothing)

"""The best set of disjoint hypotheses: a set packing, solved exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csgraph

from temtrack.linking.candidates import Candidates
from temtrack.linking.likelihood import Likelihood

#: What a linear program takes by less than this, or all but this, is taken whole.
WHOLE_TOLERANCE = 1e-6

#: Of a detection or track with more possible members than this, only the likeliest are combined freely.
MAX_FREE_MEMBERS = 6

#: Rows of tracks, rows of detections, and the score.
_Hypothesis = tuple[tuple[int, ...], tuple[int, ...], float]


def pack(candidates: Candidates, likelihood: Likelihood) -> list[_Hypothesis]:
    """Choose disjoint hypotheses of the greatest total score, by linear programming (HiGHS).

    In each connected group where that takes hypotheses in part it is done once more by integer programming.
    """
    hypotheses = _enumerate_hypotheses(candidates, likelihood)
    if not hypotheses:
        return []
    holds = _membership(hypotheses)
    scores = np.array([score for _, _, score in hypotheses])
    chosen = _solve(scores, holds, is_whole=False)
    _, group = csgraph.connected_components(holds.T @ holds, directed=False)
    for one in np.unique(group[np.abs(chosen - np.rint(chosen)) > WHOLE_TOLERANCE]):  # seldom any
        own = np.flatnonzero(group == one)
        chosen[own] = _solve(scores[own], holds[:, own], is_whole=True)
    return [hypotheses[k] for k in np.flatnonzero(chosen > 0.5)]


def _solve(scores: NDArray[np.float64], holds: sparse.csr_array, is_whole: bool) -> NDArray[np.float64]:
    """Return how much of each hypothesis to take, each node once at most, in parts unless ``is_whole``."""
    solved = milp(
        c=-scores,
        integrality=np.full(scores.size, int(is_whole)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(holds, ub=1),
    )
    return np.asarray(solved.x)


def _enumerate_hypotheses(candidates: Candidates, likelihood: Likelihood) -> list[_Hypothesis]:
    """Return every hypothesis better than none and than its parts."""
    i, j, scores = candidates.track, candidates.detection, candidates.score
    several_in_one = _better_together(j, i, scores, candidates.may_be_member, likelihood.several_in_one)
    one_in_several = _better_together(
        i, j, scores, candidates.may_be_fragment, lambda parts, whole: likelihood.one_in_several(whole, parts)
    )
    alone = zip(i.tolist(), j.tolist(), scores.tolist(), strict=True)
    return [
        *(((track,), (detection,), score) for track, detection, score in alone if score > 0),
        *((parts, (whole,), score) for parts, whole, score in several_in_one),
        *(((whole,), parts, score) for parts, whole, score in one_in_several),
    ]


def _better_together(
    wholes: NDArray[np.int64],
    parts: NDArray[np.int64],
    scores: NDArray[np.float64],
    may_be: NDArray[np.bool_],
    score_together: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]],
) -> Iterator[tuple[tuple[int, ...], int, float]]:
    """Yield the sets of parts of a whole, and the score, that are better than none and than each part alone.

    ``score_together`` scores parts (N, k) of wholes (N,).
    """
    alone = dict(zip(zip(parts.tolist(), wholes.tolist(), strict=True), scores.tolist(), strict=True))
    for some, whole_of in _subsets(wholes, parts, scores, may_be):
        together = score_together(some, whole_of)
        best = np.flatnonzero(together > 0)
        for members, whole, score in zip(
            some[best].tolist(), whole_of[best].tolist(), together[best].tolist(), strict=True
        ):
            if score > max(alone[part, whole] for part in members):
                yield tuple(members), whole, score


def _subsets(
    wholes: NDArray[np.int64],
    parts: NDArray[np.int64],
    scores: NDArray[np.float64],
    may_be: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, by size k, the sets of two and more parts (N, k) that a whole (N,) may have.

    Of few parts these are all sets, of more the likeliest ones first.
    """
    by_whole: dict[int, list[int]] = {}
    order = np.flatnonzero(may_be)[np.argsort(-scores[may_be], kind="stable")]
    for whole, part in zip(wholes[order].tolist(), parts[order].tolist(), strict=True):
        by_whole.setdefault(whole, []).append(part)
    for k in range(2, max(map(len, by_whole.values()), default=0) + 1):
        sets = [
            (some, whole)
            for whole, members in by_whole.items()
            for some in (
                combinations(members[:MAX_FREE_MEMBERS], k) if k <= MAX_FREE_MEMBERS else [members[:k]]
            )
            if len(members) >= k
        ]
        yield np.array([some for some, _ in sets]), np.array([whole for _, whole in sets])


def _membership(hypotheses: list[_Hypothesis]) -> sparse.csr_array:
    """Return the matrix (nodes, hypotheses) that is 1 where the hypothesis holds the node."""
    row_of: dict[tuple[str, int], int] = {}
    rows, columns = [], []
    for n, (tracks, detections, _) in enumerate(hypotheses):
        for node in [*(("track", i) for i in tracks), *(("detection", j) for j in detections)]:
            rows.append(row_of.setdefault(node, len(row_of)))
            columns.append(n)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(row_of), len(hypotheses)))

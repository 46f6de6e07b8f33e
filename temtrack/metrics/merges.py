"""How well merges are found: events matched in time and by their parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from temtrack.lineage import Merge

#: Parents that a found and a true event must have in common to be the same.
MIN_COMMON_PARENTS = 2


@dataclass(frozen=True)
class MergeMatch:
    """A found merge and the true one that it is; parents both in true ids."""

    found: Merge
    true: Merge
    found_parents: frozenset[int]

    @property
    def frame_error(self) -> int:
        """Frames by which the event was found too late, negative where too early."""
        return self.found.frame - self.true.frame

    @property
    def has_exact_parents(self) -> bool:
        """Tell whether the set of parents is the true one."""
        return self.found_parents == frozenset(self.true.parents)


@dataclass(frozen=True)
class MergeScore:
    """Matched, missed and false merges; add scores to pool movies."""

    matches: tuple[MergeMatch, ...] = ()
    missed: tuple[Merge, ...] = ()
    false: tuple[Merge, ...] = ()

    def __add__(self, other: MergeScore) -> MergeScore:
        return MergeScore(self.matches + other.matches, self.missed + other.missed, self.false + other.false)

    @property
    def precision(self) -> float:
        """Share of the found merges that are true."""
        return _share(len(self.matches), len(self.matches) + len(self.false))

    @property
    def recall(self) -> float:
        """Share of the true merges that are found."""
        return _share(len(self.matches), len(self.matches) + len(self.missed))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        n = len(self.matches)
        return _share(2 * n, 2 * n + len(self.missed) + len(self.false))

    @property
    def exact_parents_share(self) -> float:
        """Share of the matched merges whose set of parents is exact."""
        return _share(sum(match.has_exact_parents for match in self.matches), len(self.matches))

    @property
    def frame_errors(self) -> NDArray[np.int64]:
        """Signed frame error of each match, (N,)."""
        return np.array([match.frame_error for match in self.matches], dtype=np.int64)


def match_merges(
    found: Sequence[Merge],
    true: Sequence[Merge],
    true_of_found: Mapping[int, int],
    tolerance_frames: int = 1,
) -> MergeScore:
    """Match found merges with true ones, each with one at most.

    They may be the same where they lie at most ``tolerance_frames`` apart and have at least two parents in
    common; of all ways to pair them the one with most pairs counts, then the most common parents.

    Parameters
    ----------
    found, true
        Merges, each in the ids of its own lineage.
    true_of_found
        The true id of each found one, see `TrackMatches.true_of_found`; ids not named match nothing.
    tolerance_frames
        Greatest distance in frames.
    """
    parents = [frozenset(true_of_found.get(p, -p - 1) for p in merge.parents) for merge in found]
    worth = np.zeros((len(found), len(true)))
    for i, merge in enumerate(found):
        for j, other in enumerate(true):
            n_common = len(parents[i] & frozenset(other.parents))
            distance = abs(merge.frame - other.frame)
            if distance <= tolerance_frames and n_common >= MIN_COMMON_PARENTS:
                worth[i, j] = 1e6 + 1e3 * n_common - distance
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(-worth), strict=True) if worth[i, j] > 0]
    matched_found, matched_true = {i for i, _ in pairs}, {j for _, j in pairs}
    return MergeScore(
        tuple(MergeMatch(found[i], true[j], parents[i]) for i, j in pairs),
        missed=tuple(m for j, m in enumerate(true) if j not in matched_true),
        false=tuple(m for i, m in enumerate(found) if i not in matched_found),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")

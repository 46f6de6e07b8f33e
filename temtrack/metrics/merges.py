"""How well merges are found: events matched in time and by their parents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.lineage import Merge
from temtrack.metrics.assignment import choose_pairs
from temtrack.metrics.pooling import Pooled, fraction
from temtrack.metrics.tracks import TrackMatches

#: Parents that a found and a true event must have in common to be the same.
MIN_COMMON_PARENTS = 2


@dataclass(frozen=True)
class MergeMatch:
    """A found merge and the true one that it is; ``found_parents`` in true ids, strangers below 0."""

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
        same_number = len(self.found.parents) == len(self.true.parents)
        return same_number and self.found_parents == frozenset(self.true.parents)


@dataclass(frozen=True)
class MergeScore(Pooled):
    """Matched, missed and false merges."""

    matches: tuple[MergeMatch, ...] = ()
    missed: tuple[Merge, ...] = ()
    false: tuple[Merge, ...] = ()

    @property
    def precision(self) -> float:
        """Fraction of the found merges that are true."""
        return fraction(len(self.matches), len(self.matches) + len(self.false))

    @property
    def recall(self) -> float:
        """Fraction of the true merges that are found."""
        return fraction(len(self.matches), len(self.matches) + len(self.missed))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        n = len(self.matches)
        return fraction(2 * n, 2 * n + len(self.missed) + len(self.false))

    @property
    def exact_parents_fraction(self) -> float:
        """Fraction of the matched merges whose set of parents is exact."""
        return fraction(sum(match.has_exact_parents for match in self.matches), len(self.matches))

    @property
    def frame_errors(self) -> NDArray[np.int64]:
        """Signed frame error of each match, (N,)."""
        return np.array([match.frame_error for match in self.matches], dtype=np.int64)

    @property
    def median_frame_error(self) -> float:
        """Median of the signed frame errors; NaN without a match."""
        return float(np.median(self.frame_errors)) if self.matches else float("nan")

    @property
    def frame_error_95(self) -> float:
        """95th percentile of the frame errors' sizes; NaN without a match."""
        return float(np.percentile(np.abs(self.frame_errors), 95)) if self.matches else float("nan")

    def by_number_of_parents(self) -> dict[int, MergeScore]:
        """Return the score of the events with two parents, with three and so on.

        Matched and missed events count under the true number of parents, false ones under theirs.
        """
        numbers = {len(event.parents) for event in (*self.missed, *self.false)}
        numbers |= {len(match.true.parents) for match in self.matches}
        return {n: self._with_parents(n) for n in sorted(numbers)}

    def _with_parents(self, n: int) -> MergeScore:
        return MergeScore(
            tuple(match for match in self.matches if len(match.true.parents) == n),
            tuple(merge for merge in self.missed if len(merge.parents) == n),
            tuple(merge for merge in self.false if len(merge.parents) == n),
        )


def match_merges(
    found: Sequence[Merge], true: Sequence[Merge], matches: TrackMatches, tolerance_frames: int = 1
) -> MergeScore:
    """Match found merges with true ones, each with one at most.

    They may be the same where they lie at most ``tolerance_frames`` apart and have at least two parents in
    common; of all ways to pair them the one with most pairs counts, then the most common parents, then the
    nearest frames. A found parent is the true track with which it is matched shortly before both events.

    Parameters
    ----------
    found, true
        Merges, each in the ids of its own lineage.
    matches
        Which found detection is which true one.
    tolerance_frames
        Greatest distance in frames.
    """
    candidates = [
        (i, j, parents, len(parents & frozenset(true[j].parents)))
        for i, j in _near_in_time(found, true, tolerance_frames)
        for parents in [true_parents(found[i], matches, min(found[i].frame, true[j].frame))]
    ]
    candidates = [one for one in candidates if one[3] >= MIN_COMMON_PARENTS]
    left, right = (np.array([one[k] for one in candidates], dtype=np.int64) for k in (0, 1))
    distance = [abs(found[i].frame - true[j].frame) for i, j, _, _ in candidates]
    common = [n for *_, n in candidates]
    chosen = choose_pairs(left, right, 1e6 + 1e3 * np.array(common) - np.array(distance))
    pairs = [(i, j, parents) for (i, j, parents, _), yes in zip(candidates, chosen, strict=True) if yes]
    matched_found, matched_true = {i for i, *_ in pairs}, {j for _, j, _ in pairs}
    return MergeScore(
        tuple(MergeMatch(found[i], true[j], parents) for i, j, parents in pairs),
        missed=tuple(m for j, m in enumerate(true) if j not in matched_true),
        false=tuple(m for i, m in enumerate(found) if i not in matched_found),
    )


def true_parents(merge: Merge, matches: TrackMatches, frame: int) -> frozenset[int]:
    """Return the true ids of a found merge's parents shortly before a frame, ``-id`` for one unmatched."""
    named = ((parent, matches.true_before(parent, frame)) for parent in merge.parents)
    return frozenset(-parent if true is None else true for parent, true in named)


def _near_in_time(
    found: Sequence[Merge], true: Sequence[Merge], tolerance_frames: int
) -> Iterator[tuple[int, int]]:
    """Yield the indices of the found and true merges at most so many frames apart."""
    in_frame: dict[int, list[int]] = {}
    for j, merge in enumerate(true):
        in_frame.setdefault(merge.frame, []).append(j)
    for i, merge in enumerate(found):
        for frame in range(merge.frame - tolerance_frames, merge.frame + tolerance_frames + 1):
            for j in in_frame.get(frame, ()):
                yield i, j

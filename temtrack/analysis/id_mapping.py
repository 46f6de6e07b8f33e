"""The family tree of linked regions, retold in the ids that the masks already carry.

Linking ignores the ids of a masks folder and finds tracks and merges of its own. A particle of the folder
*stands for* a linked one in a frame where most of the linked region's pixels bear its id. The folder's
tracker may have kept a parent's id on for the child: the event then has a child that is one of its parents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, count_shared_pixels
from temtrack.lineage import Fate, Lineage, Merge, Origin, Track

#: Ids that last for less than this share of the steps from frame to frame are mere numbers of one frame.
MIN_KEPT_SHARE = 0.5

_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class _EventSummary:
    """Linked tracks by linked id; by given id, the merge that bore it and the frame it merged in."""

    linked: dict[int, Track]
    births: dict[int, Merge]
    merged: dict[int, int]


class IdMapping:
    """Which given id stands for which linked id, frame by frame."""

    def __init__(self) -> None:
        self._given_of: list[_Pairs] = []
        self._linked_of: list[_Pairs] = []
        self._n_kept = self._n_continued = 0
        self._first: dict[int, int] = {}
        self._last: dict[int, int] = {}

    def add(self, linked: LabelImage, given: LabelImage) -> None:
        """Take the next frame: linked ids and given ids, both (Y, X)."""
        shared = count_shared_pixels(linked.runs, given.runs)
        self._given_of.append(_majority(shared.a, shared.b, shared.n_px))
        self._count_kept_ids()
        self._linked_of.append(_majority(shared.b, shared.a, shared.n_px))
        frame = len(self._given_of) - 1
        shown = dict.fromkeys(given.ids.tolist(), frame)
        self._first |= dict.fromkeys(shown.keys() - self._first.keys(), frame)
        self._last |= shown

    def tells_nothing(self) -> bool:
        """Tell whether the given ids change so often within linked tracks that they name no particles."""
        return self._n_kept < MIN_KEPT_SHARE * self._n_continued

    def _count_kept_ids(self) -> None:
        """Count the linked ids of the last two frames and those of them that bear one given id in both."""
        if len(self._given_of) < 2:
            return
        (before, given_before), (now, given_now) = self._given_of[-2:]
        _, i, j = np.intersect1d(before, now, assume_unique=True, return_indices=True)
        self._n_continued += i.size
        self._n_kept += int(np.count_nonzero(given_before[i] == given_now[j]))

    def translate(
        self, lineage: Lineage, renamed: Sequence[Merge] = (), names_merges: bool = False
    ) -> Lineage:
        """Retell ``lineage`` of the linked ids in the given ids.

        A merge of linked particles that the given masks hold as a single particle all along has fewer than
        two parents there, so it is none.

        Parameters
        ----------
        lineage
            What linking found.
        renamed
            The merges that the given ids tell of.
        names_merges
            Whether the given ids are known to tell of every merge. Else they do where they tell of more
            merges than linking finds in which a parent's id lives on.
        """
        found = (self._translate_merge(merge) for merge in lineage.merges)
        merges = tuple(merge for merge in found if merge is not None)
        if names_merges or len(renamed) > sum(merge.child in merge.parents for merge in merges):
            merges = tuple(sorted(renamed, key=lambda merge: (merge.frame, merge.child)))
        summary = _EventSummary(
            linked={track.id: track for track in lineage.tracks},
            births={merge.child: merge for merge in merges if merge.child not in merge.parents},
            merged={parent: merge.frame for merge in merges for parent in merge.parents},
        )
        tracks = tuple(self._translate_track(one, summary) for one in sorted(self._first))
        return Lineage(n_frames=lineage.n_frames, tracks=tracks, merges=merges)

    def _translate_merge(self, merge: Merge) -> Merge | None:
        parents = self._given_parents(merge)
        child = self._given_child(merge)
        if len(parents) < 2 or child is None:
            return None
        return replace(merge, child=child, parents=parents)

    def _given_parents(self, merge: Merge) -> tuple[int, ...]:
        """Return the parents' ids in the last frame before the merge that tells them all apart.

        Masks often show one particle from the contact on, while the merge is complete only later.
        """
        best: tuple[int, ...] = ()
        for frame in range(merge.frame - 1, -1, -1):
            found = dict.fromkeys(self._given(one, frame) for one in merge.parents)
            known = tuple(one for one in found if one is not None)
            best = max(best, known, key=len)
            if len(best) == len(merge.parents):
                break
        return best

    def _given_child(self, merge: Merge) -> int | None:
        """Return the child's id in the first frame that shows it; masks may be blank in the merge frame."""
        shown = (self._given(merge.child, frame) for frame in range(merge.frame, len(self._given_of)))
        return next((one for one in shown if one is not None), None)

    def _translate_track(self, one: int, summary: _EventSummary) -> Track:
        start, end = self._first[one], self._last[one]
        origin, parents = self._origin(one, start, summary)
        return Track(one, start, end, origin, self._fate(one, end, summary), parents)

    def _origin(self, one: int, start: int, summary: _EventSummary) -> tuple[Origin, tuple[int, ...]]:
        if one in summary.births:
            return "merge", summary.births[one].parents
        if start == 0:
            return "present", ()
        track = summary.linked.get(self._linked(one, start))
        if track is None or track.start != start or track.origin == "merge":
            return "appeared", ()  # the folder's tracker gave a new id to something that stood already
        if track.origin != "split":
            return track.origin, ()
        sources = (self._given(parent, start - 1) for parent in track.parents)
        return "split", tuple(source for source in sources if source is not None)

    def _fate(self, one: int, end: int, summary: _EventSummary) -> Fate:
        if end < summary.merged.get(one, 0):
            return "merged"
        if end == len(self._given_of) - 1:
            return "present"
        track = summary.linked.get(self._linked(one, end))
        if track is None or track.end != end or track.fate == "merged":
            return "lost"  # linking follows it on, the folder's tracker did not
        return track.fate

    def _given(self, linked_id: int, frame: int) -> int | None:
        return _look_up(self._given_of[frame], linked_id)

    def _linked(self, given_id: int, frame: int) -> int:
        return _look_up(self._linked_of[frame], given_id) or 0


def _majority(keys: NDArray[np.int64], values: NDArray[np.int64], n_pixels: NDArray[np.int64]) -> _Pairs:
    """Keep the value that shares most pixels with each key; keys come out ascending."""
    order = np.lexsort((n_pixels, keys))
    keys, values = keys[order], values[order]
    last = np.append(keys[1:] != keys[:-1], [True])[: len(keys)]
    return keys[last], values[last]


def _look_up(pairs: _Pairs, key: int) -> int | None:
    keys, values = pairs
    at = int(np.searchsorted(keys, key))
    return int(values[at]) if at < len(keys) and keys[at] == key else None

"""What a person may correct in a run, but for outlines: each kind says what it needs, and applies itself.

A correction names particles by `Place`, never by id, so that it also fits a new run of the same movie. Where
that run lacks a particle in the very frame, the nearest frame in which it has it counts, unless pixels of the
frame itself are changed. A correction raises `Stale`, before it changed anything, where the run has nothing
that it could be about, and `Needless` where the run is so already.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, Self

from pydantic import ConfigDict

from temtrack.review.edited import EditedRun
from temtrack.review.places import (
    AFTER,
    AROUND,
    BEFORE,
    HERE,
    MAX_SURE_FACTOR,
    Covered,
    Missing,
    Needless,
    Place,
    Stale,
)

#: Ends that a person may tell of a particle; merges and splits have kinds of their own.
ToldFate = Literal["left", "dissolved", "lost"]


@dataclass(frozen=True)
class Correction:
    """One correction of a run."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    def apply(self, run: EditedRun) -> None:
        """Correct the run; `Stale` where that cannot be."""
        raise NotImplementedError

    def as_seen_in(self, run: EditedRun) -> Self:
        """Return the correction with all that a person saw of a run who made it there."""
        return self


@dataclass(frozen=True)
class MergeAccepted(Correction):
    """The merge is as it is told; a run that lacks it gets it, where the ``parents`` were noted."""

    child: Place
    parents: tuple[Place, ...] = ()

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        try:
            run.reviewed.add(run.merge_at(self.child))
        except Missing:
            if not self.parents:
                raise
            MergeAdded(self.child, self.parents).apply(run)

    def as_seen_in(self, run: EditedRun) -> Self:  # noqa: D102
        merge = run.merge_at(self.child)
        return replace(self, parents=tuple(run.place(one, run.life(one)[-1][0]) for one in merge.parents))


@dataclass(frozen=True)
class MergeRejected(Correction):
    """There was no merge: the parent ``goes_on`` as the child, or nobody knows."""

    child: Place
    goes_on: Place | None = None

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        try:
            merge = run.merge_at(self.child)
        except Missing:
            self._without_merge(run)
            return
        heir = None if self.goes_on is None else run.find(self.goes_on, BEFORE)[0]
        if heir is not None and heir not in merge.parents:
            raise Stale(f"what is to go on in frame {self.goes_on and self.goes_on.frame} is no parent")
        run.drop_merge(merge)
        if heir is not None and heir != merge.child:
            run.join(heir, merge.child)
        elif merge.child in merge.parents and heir is None:
            run.cut(merge.child, merge.frame)

    def _without_merge(self, run: EditedRun) -> None:
        run.find(self.child, AROUND)
        if self.goes_on is None:
            raise Needless("there is no merge about then")
        LinkMade(self.goes_on, self.child).apply(run)


@dataclass(frozen=True)
class MergeParents(Correction):
    """The child of a merge has other parents, each as last seen."""

    child: Place
    parents: tuple[Place, ...]

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        try:
            merge = run.merge_at(self.child)
        except Missing:
            MergeAdded(self.child, self.parents).apply(run)
        else:
            _merge(run, merge.frame, merge.child, self.parents)


@dataclass(frozen=True)
class MergeFrame(Correction):
    """The child of a merge stands as one from another frame on."""

    child: Place
    frame: int

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        merge, t = run.merge_at(self.child), run.frame_of(self.frame)
        if t != merge.frame:
            run.move_merge(merge, t)
        run.reviewed |= {m for m in run.merges if m.child == merge.child and m.frame == t}


@dataclass(frozen=True)
class MergeAdded(Correction):
    """Particles, each as last seen, became the child in its frame."""

    child: Place
    parents: tuple[Place, ...]

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        child, t = run.find(self.child, AFTER)
        _merge(run, t, child, self.parents)


def _merge(run: EditedRun, t: int, child: int, places: tuple[Place, ...]) -> None:
    found = [run.find(place, BEFORE) for place in places]
    for n_back in range(
        1, len(BEFORE)
    ):  # where the run holds parents for one by then, they may be two before
        if len({one for one, _ in found}) == len(places):
            break
        with suppress(Stale):
            found = [run.find(place, BEFORE[n_back:]) for place in places]
    parents = tuple(dict.fromkeys(one for one, _ in found))
    if len(parents) < 2:
        raise Stale("less than two parents are there")
    if any(seen >= t for _, seen in found):
        raise Stale(f"a parent is named in frame {run.frames[t]} or later, where the child stands")
    run.reviewed.add(run.add_merge(t, child, parents))


@dataclass(frozen=True)
class LinkMade(Correction):
    """A particle goes on as another; ``as_split``: the other one is a fragment of it, which lives on."""

    before: Place
    after: Place
    as_split: bool = False

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        (head, t0), (tail, t1) = run.find(self.before, BEFORE), run.find(self.after, AFTER)
        if head == tail:
            raise Needless("both are one particle already")
        if t0 >= t1:
            raise Stale(f"frame {self.before.frame} is not before frame {self.after.frame}")
        tail = run.cut(tail, t1)
        if self.as_split:
            run.set_split(tail, head)
            return
        run.cut(head, t0 + 1)
        run.join(head, tail)


@dataclass(frozen=True)
class LinkCut(Correction):
    """A particle does not come from what it is said to: not from itself before, nor by a merge or split."""

    at: Place

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        one, t = run.find(self.at, AFTER)
        if t > run.life(one)[0][0]:
            run.cut(one, t)
        elif run.tracks[one].origin in ("merge", "split"):
            run.set_split(one, None)
        else:
            raise Needless(f"the particle begins in frame {self.at.frame} anyway")


@dataclass(frozen=True)
class IdsSwapped(Correction):
    """From a frame on two particles are each other; ``before`` is where both were, in the same order.

    With it a run gets the links that the first one got, be they swapped there or not.
    """

    one: Place
    other: Place
    before: tuple[Place, Place] | None = None

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        (a, t), (b, t_b) = run.find(self.one), run.find(self.other)
        if t != t_b or a == b:
            raise Stale("two particles of one frame are needed")
        if self.before is not None:
            were = [run.find(place, BEFORE)[0] for place in self.before]
            if were == [b, a]:
                raise Needless("they are not swapped here")
            if were != [a, b]:
                raise Stale("one of them is another particle before")
        if late := [one for one in (a, b) if run.life(one)[0][0] == t]:
            raise Stale(f"{len(late)} of them begins in frame {self.one.frame}: there is nothing to swap")
        tail_a, tail_b = run.cut(a, t), run.cut(b, t)
        run.join(a, tail_b)
        run.join(b, tail_a)

    def as_seen_in(self, run: EditedRun) -> Self:  # noqa: D102
        before = []
        for place in (self.one, self.other):
            one, t = run.find(place)
            earlier = [seen for seen, _ in run.life(one) if seen < t]
            if not earlier:
                return self
            before.append(run.place(one, earlier[-1]))
        return replace(self, before=(before[0], before[1]))


@dataclass(frozen=True)
class ParticleDeleted(Correction):
    """What is there is no particle: in this frame, or everywhere."""

    at: Place
    everywhere: bool = False

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        try:
            one, t = run.find(self.at, AROUND if self.everywhere else HERE, MAX_SURE_FACTOR)
        except (Missing, Covered) as reason:
            raise Needless(str(reason)) from None
        run.delete(one, None if self.everywhere else [t])


@dataclass(frozen=True)
class ParticlesJoined(Correction):
    """Two are fragments of one particle: in this frame, or everywhere; the first one gives its name."""

    one: Place
    other: Place
    everywhere: bool = False

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        (a, t), (b, t_b) = run.find(self.one), run.find(self.other)
        if a == b and self.one != self.other:
            raise Needless("both are one particle already")
        if a == b or t != t_b:
            raise Stale("two particles of one frame are needed")
        run.give(b, a, None if self.everywhere else t)


@dataclass(frozen=True)
class FateTold(Correction):
    """How the particle, seen in its last frame, ended."""

    at: Place
    fate: ToldFate

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        run.set_fate(run.find(self.at, AROUND)[0], self.fate)


@dataclass(frozen=True)
class FrameExcluded(Correction):
    """Nothing is to be measured in this frame."""

    frame: int

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        run.quality[run.frame_of(self.frame)] = "excluded"


@dataclass(frozen=True)
class Confirmed(Correction):
    """A person looked: the ``what`` of this particle, or the frame, is as it is told."""

    what: Literal["fate", "split", "link", "particle", "frame"]
    frame: int
    at: Place | None = None

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        run.frame_of(self.frame)
        if self.at is not None:
            run.find(self.at, AROUND)


@dataclass(frozen=True)
class Note(Correction):
    """Words on a frame or a particle."""

    text: str
    frame: int
    at: Place | None = None

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        run.frame_of(self.frame)

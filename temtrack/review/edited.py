"""A run while it is corrected: the lives of its particles, and who merged into whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.particles import ParticleHistory
from temtrack.lineage import Fate, Lineage, Merge, Track
from temtrack.masks import Labels, Masks
from temtrack.review.family import EditedFamily
from temtrack.review.places import AROUND, HERE, MAX_AREA_FACTOR, Missing, Place, Stale, particle_at
from temtrack.review.regions import Region, Regions, divide_in_time

#: A merge is that of a place where it lies within so many frames of it.
MAX_MERGE_FRAMES = 10


class EditedRun(EditedFamily):
    """The particles of a run, as corrections leave them.

    Parameters
    ----------
    masks, history, lineage
        The run as it was tracked: its masks, the rows of its particles, its family tree. Of the rows centre,
        area, ``touches_border`` and ``gap_filled`` are used.
    frames
        The movie's number of each of its frames.
    quality
        A word on each frame, where the tracker left any.
    """

    def __init__(
        self,
        masks: Masks,
        history: ParticleHistory,
        lineage: Lineage,
        frames: range | None = None,
        quality: Iterable[str | None] | None = None,
    ) -> None:
        super().__init__(lineage, len(masks))
        self.history, self._regions = history, Regions(masks, history)
        self.frames = range(len(masks)) if frames is None else frames
        self.quality: list[str | None] = [None] * len(masks) if quality is None else list(quality)
        self._lives: dict[int, list[Region]] = {}  # of the particles that were changed
        known = history.columns["particle_id"]
        self._highest = max(int(known.max(initial=0)), *self.tracks, 0)

    def copy(self) -> EditedRun:
        """Return a copy, which may be corrected on its own."""
        other = copy(self)
        other._regions = self._regions.copy()
        for name in ("quality", "tracks", "merges", "reviewed", "_lives"):
            setattr(other, name, copy(getattr(self, name)))  # what these hold is replaced, never changed
        return other

    def reading(self, through: Callable[[Masks], Masks]) -> EditedRun:
        """Return a copy whose masks are read through another reader."""
        other = self.copy()
        other._regions.masks = through(other._regions.masks)
        return other

    def frames_unlike(self, other: EditedRun) -> list[int]:
        """Return the frames that corrections left otherwise than in another state of the same run."""
        return self._regions.frames_unlike(other._regions)

    def particles(self, t: int) -> dict[int, tuple[float, float, float]]:
        """Return centre (y, x) and area of each particle of a frame."""
        return self._regions.particles(t)

    def place(self, particle_id: int, t: int) -> Place:
        """Return where a particle is in a frame of the run."""
        y, x, area = self.particles(t)[particle_id]
        return Place(self.frames[t], round(y, 2), round(x, 2), area)

    def find(
        self, place: Place, steps: tuple[int, ...] = HERE, max_area_factor: float = MAX_AREA_FACTOR
    ) -> tuple[int, int]:
        """Return the particle at a place, and the frame of the run; `Stale` where there is none.

        It is looked for in the frames that lie so many ``steps`` from that of the place, until it is found.
        """
        if steps == HERE:
            t = self.frame_of(place.frame)
            return particle_at(place, self.particles(t), max_area_factor), t
        reasons = []
        for step in steps:
            try:
                there = replace(place, frame=place.frame + step * self.frames.step)
                return self.find(there, HERE, max_area_factor)
            except Stale as reason:
                reasons.append(reason)
        raise reasons[0]

    def frame_of(self, frame: int) -> int:
        """Return the run's number of a frame of the movie."""
        if frame not in self.frames:
            raise Stale(f"frame {frame} is not in this run")
        return self.frames.index(frame)

    def merge_at(self, place: Place) -> Merge:
        """Return the merge of which a particle is the child or, about then, a parent; `Missing` if none."""
        one, t = self.find(place, AROUND)
        near = [m for m in self.merges if one in (m.child, *m.parents)]
        near = [m for m in near if abs(m.frame - t) <= MAX_MERGE_FRAMES]
        if not near:
            raise Missing(f"the particle in frame {place.frame} is of no merge about then")
        return min(near, key=lambda m: abs(m.frame - t))

    def life(self, particle_id: int) -> list[Region]:
        """Return the regions of a particle, in the order of frames."""
        if particle_id not in self._lives:
            self._lives[particle_id] = self._regions.life(particle_id)
        return self._lives[particle_id]

    def id_of(self, t: int, region: int) -> int:
        """Return the particle that a region is of, 0 where it was deleted."""
        return self._regions.id_of(t, region)

    def labels(self, t: int) -> Labels:
        """Return the ids (Y, X) of a frame of the run."""
        return self._regions.labels(t)

    @property
    def masks(self) -> Masks:
        """The corrected masks."""
        return replace(self._regions.masks, read_frame=self.labels)

    def lineage(self) -> Lineage:
        """Return the corrected family tree."""
        merges = sorted(map(self._at_its_place, self.merges), key=lambda m: (m.frame, m.child))
        parents = {m.child: m.parents for m in merges}
        tracks = (
            replace(track, parents=parents.get(track.id, ())) if track.origin == "merge" else track
            for track in self.tracks.values()
        )
        return Lineage(len(self.frames), tuple(sorted(tracks, key=lambda one: one.id)), tuple(merges))

    def gap_filled(self) -> dict[int, set[int]] | None:
        """Return by frame the particles that the tracker drew where it expected them; ``None`` if unknown."""
        return self._regions.gap_filled()

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the rows of all particles, see `Regions.rows`."""
        return self._regions.rows()

    # What corrections are made of.

    def cut(self, one: int, t: int) -> int:
        """End a particle before a frame; return the id of what follows, its own where nothing is cut."""
        life = self.life(one)
        tail = [region for region in life if region[0] >= t]
        if len(tail) in (0, len(life)):
            return one
        new = self._new_id()
        self.tracks[new] = replace(self.tracks[one], id=new, origin="appeared", parents=())
        self._end(one, "lost")
        self._give(tail, one, new)
        for merge in list(self.merges):
            parents = tuple(new if p == one and merge.frame > t else p for p in merge.parents)
            child = new if merge.child == one and merge.frame >= t else merge.child
            self._change(merge, replace(merge, parents=parents, child=child))
        self._rename_source(one, new, t + 1)
        return new

    def join(self, head: int, tail: int) -> None:
        """Let a particle go on as another, which so is no particle of its own."""
        for merge in [m for m in self.merges if m.child == tail and tail not in m.parents]:
            self.drop_merge(merge)
        for merge in [
            m for m in self.merges if head in m.parents and head != m.child and tail not in m.parents
        ]:
            self.leave_merge(merge, head)
        if tail not in self.tracks:  # leaving a merge has joined it to another one
            return
        self._end(head, self.tracks[tail].fate)
        for merge in list(self.merges):
            names = {tail: head}
            parents = tuple(dict.fromkeys(names.get(p, p) for p in merge.parents))
            self._change(merge, replace(merge, parents=parents, child=names.get(merge.child, merge.child)))
        self._rename_source(tail, head)
        self._give(self.life(tail), tail, head)
        for merge in [m for m in self.merges if len(m.parents) < 2]:
            self.leave_merge(merge, None)

    def add_merge(self, t: int, child: int, parents: Iterable[int]) -> Merge:
        """Let particles end as one that begins in frame ``t``; each is cut there where it goes on."""
        child = self.cut(child, t)
        first = self.life(child)[0]
        last = [[region for region in self.life(one) if region[0] < t][-1] for one in parents]
        for merge in list(self.merges):
            if merge.child == child and merge.frame >= t:
                self.drop_merge(merge)
        for region in last:
            one = self.id_of(*region)
            self.cut(one, t)
            for merge in [m for m in self.merges if one in m.parents and one != m.child]:
                self.leave_merge(merge, one)
        # what is left of such a merge goes on as its child, and so has another name now
        for region in last:
            self.cut(self.id_of(*region), t)
        child, ending = self.id_of(*first), tuple(self.id_of(*region) for region in last)
        if n_same := len(ending) - len(set(ending)):
            raise Stale(f"{n_same} of the parents are of one particle with another one")
        merge = Merge(t, child, self._largest_first(ending), None, 0.0, 0.0)
        self.merges.append(merge)
        for one in ending:
            self._end(one, "merged")
        self._begin(child, "merge")
        return merge

    def drop_merge(self, merge: Merge) -> None:
        """Take back a merge: nobody knows how its parents ended and where its child came from."""
        self._change(merge, None)
        for one in merge.parents:
            if one in self.tracks and one != merge.child and self.tracks[one].fate == "merged":
                self._end(one, "lost")
        if merge.child not in merge.parents:
            self._begin(merge.child, "appeared")

    def leave_merge(self, merge: Merge, parent: int | None) -> None:
        """Take a parent from a merge; where one is left, that goes on as the child."""
        left = tuple(one for one in merge.parents if one != parent)
        if parent in self.tracks and parent != merge.child:
            self._end(parent, "lost")
        if len(left) > 1:
            self._change(merge, replace(merge, parents=left))
            return
        self.drop_merge(merge)
        if left and left[0] != merge.child:
            self.join(left[0], merge.child)

    def move_merge(self, merge: Merge, t: int) -> None:
        """Say that the child of a merge stands as one from another frame on."""
        contact = None if merge.contact_frame is None else min(merge.contact_frame, t)
        moved = replace(merge, frame=t, contact_frame=contact)
        if t < merge.frame:
            late = [self.life(one)[0][0] for one in merge.parents]
            if max(late) >= t:
                raise Stale(f"a parent begins only in frame {self.frames[max(late)]}")
            self._change(merge, moved)
            for one in merge.parents:
                self._give([region for region in self.life(one) if region[0] >= t], one, merge.child)
        else:
            parts = self._divide(merge, t)
            self.merges.remove(merge)  # while its child begins later with each frame
            for frame, part in parts.items():
                for one in merge.parents:
                    self.outline(one, frame, part == one)
            self.merges.append(moved)

    def delete(self, one: int, frames: Iterable[int] | None = None) -> None:
        """Delete a particle in some frames, or everywhere."""
        chosen = None if frames is None else set(frames)
        self._give([region for region in self.life(one) if chosen is None or region[0] in chosen], one, 0)

    def give(self, one: int, other: int, t: int | None = None) -> None:
        """Give the regions of a particle to another, in one frame or everywhere."""
        self._give([region for region in self.life(one) if t is None or region[0] == t], one, other)

    def outline(self, one: int | None, t: int, mask: NDArray[np.bool_]) -> int:
        """Give a particle, or a new one, exactly these pixels (Y, X) of a frame; others lose theirs."""
        if not mask.any():
            raise Stale("the outline holds no pixel")
        if one is None:
            one = self._new_id()
            self.tracks[one] = Track(one, t, t, "appeared", "lost")
            self._lives[one] = []
        region = self._new_id()
        own = self.labels(t) == one
        old = [own_region for own_region in self.life(one) if own_region[0] == t]
        self._lives[one] = sorted([*(r for r in self.life(one) if r not in old), (t, region)])
        self._regions.name(t, region, one)
        self._paint(t, own, 0)
        self._paint(t, mask, region)
        self._settle(one)
        return one

    def set_fate(self, one: int, fate: Fate) -> None:
        """Say how a particle ended."""
        for merge in [m for m in self.merges if one in m.parents and one != m.child]:
            self.leave_merge(merge, one)
        self._end(one, fate)

    def set_split(self, one: int, parent: int | None) -> None:
        """Say that a particle split off another, or that nobody knows where it came from."""
        for merge in [m for m in self.merges if m.child == one and one not in m.parents]:
            self.drop_merge(merge)
        self._begin(one, "appeared" if parent is None else "split", () if parent is None else (parent,))

    def _new_id(self) -> int:
        self._highest += 1
        return self._highest

    def _paint(self, t: int, mask: NDArray[np.bool_], region: int) -> None:
        """Give pixels to a region; others without pixels are gone."""
        for gone in self._regions.paint(t, mask, region):
            if (one := self.id_of(t, gone)) in self.tracks:
                self._give([(t, gone)], one, 0)

    def _give(self, regions: list[Region], one: int, other: int) -> None:
        """Give regions of a particle to another; 0 deletes them."""
        for t, region in regions:
            self._regions.name(t, region, other)
        gone = set(regions)
        self._lives[one] = [region for region in self.life(one) if region not in gone]
        if other:
            self._lives[other] = sorted({*self.life(other), *regions})
            self._settle(other)
        self._settle(one)

    def _settle(self, one: int) -> None:
        """Let first frame, last frame and merges of a particle follow from its regions."""
        life = self.life(one)
        if not life:
            self._forget(one)
            return
        track = replace(self.tracks[one], start=life[0][0], end=life[-1][0])
        self.tracks[one] = track
        self._begin(one, track.origin, track.parents)
        self._end(one, track.fate)
        for merge in [m for m in self.merges if m.child == one and one not in m.parents]:
            if track.start < merge.frame:
                self.drop_merge(merge)
            self._change(merge, replace(merge, frame=track.start))
        for merge in [m for m in self.merges if one in m.parents and m.child != one and m.frame <= track.end]:
            self.leave_merge(merge, one)

    def _forget(self, one: int) -> None:
        self.tracks.pop(one, None)
        for merge in [m for m in self.merges if one == m.child]:
            self.drop_merge(merge)
        for merge in [m for m in self.merges if one in m.parents]:
            self.leave_merge(merge, one)
        self._rename_source(one, None)

    def _at_its_place(self, merge: Merge) -> Merge:
        """Return a merge with the child's centre, which a correction may have moved."""
        life = self._lives.get(merge.child, ())
        frame = next((t for t, _ in life if t >= merge.frame), None)
        if frame is None:
            return merge
        y, x, _ = self.particles(frame)[merge.child]
        return replace(merge, y_px=y, x_px=x)

    def _largest_first(self, ids: Iterable[int]) -> tuple[int, ...]:
        areas = {one: self.particles(self.life(one)[-1][0])[one][2] for one in ids}
        return tuple(sorted(areas, key=lambda one: (-areas[one], one)))

    def _divide(self, merge: Merge, t: int) -> dict[int, NDArray[np.int64]]:
        """Return a child's frames before ``t``, its pixels (Y, X) divided among its parents."""
        life = [frame for frame, _ in self.life(merge.child)]
        if life[-1] < t:
            raise Stale(f"the child ends before frame {self.frames[t]}")
        before = np.zeros(self._regions.masks[0].shape, np.int64)
        for one in merge.parents:
            before[self.labels(self.life(one)[-1][0]) == one] = one
        masks = ((frame, self.labels(frame) == merge.child) for frame in dict.fromkeys(life) if frame < t)
        parts = dict(divide_in_time(masks, before))
        for frame, divided in parts.items():
            if lacking := set(merge.parents) - set(np.unique(divided).tolist()):
                raise Stale(f"in frame {self.frames[frame]} nothing is left for {len(lacking)} parents")
        return parts

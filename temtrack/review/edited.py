"""A run while it is corrected: whose pixels are whose, who merged into whom; the masks are never touched.

A *region* is what the masks hold under one id in one frame. A particle is a list of regions: to cut, link
or delete it changes the list, and only a new outline paints pixels. So a run of millions of masks is
corrected without reading more than the frames in which a person drew.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temtrack.analysis.particles import ParticleHistory
from temtrack.imaging.labels import map_ids, measure_regions
from temtrack.lineage import Fate, Lineage, Merge, Origin, Track
from temtrack.masks import Labels, Masks

#: A particle is that of a place where its area is within this factor of the one noted.
MAX_AREA_FACTOR = 1.8

#: A merge is that of a place where it lies within so many frames of it.
MAX_MERGE_FRAMES = 10

#: Frame, counted within the run, and id in the masks.
Region = tuple[int, int]


class Stale(Exception):  # noqa: N818 - no error: it says why a correction does not apply
    """Why a correction does not apply to a run."""


@dataclass(frozen=True)
class Place:
    """A particle of a movie, wherever it is called what: its centre in a frame of the whole movie.

    Parameters
    ----------
    frame
        From 0, of the movie, also where the run is of a part of it.
    y_px, x_px
        Its centroid, or any point well within it.
    area_px
        Its area, by which another particle at that place is told; ``None`` takes any.
    """

    frame: int
    y_px: float
    x_px: float
    area_px: float | None = None


@dataclass(frozen=True)
class _Paint:
    """Pixels of a frame that belong to a region, 0 for none."""

    box: tuple[slice, slice]
    mask: NDArray[np.bool_]
    region: int


class EditedRun:
    """The particles of a run, as corrections leave them.

    Parameters
    ----------
    masks, history, lineage
        The run as it was tracked: its masks, the rows of its particles, its family tree.
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
        self._masks, self._history = masks, history
        self.frames = range(len(masks)) if frames is None else frames
        self.quality: list[str | None] = [None] * len(masks) if quality is None else list(quality)
        self.tracks = {track.id: track for track in lineage.tracks}
        self.merges = list(lineage.merges)
        #: Merges that a person accepted, mended or added.
        self.reviewed: set[Merge] = set()
        self._ids: dict[int, dict[int, int]] = {}  # by frame and region, the particle where it is another
        self._lives: dict[int, list[Region]] = {}  # of the particles that were changed
        self._paints: dict[int, tuple[_Paint, ...]] = {}
        self._measured: dict[int, tuple[NDArray[Any], ...]] = {}  # of the frames that were painted
        known = history.columns["particle_id"]
        self._highest = max(int(known.max(initial=0)), *self.tracks, 0)

    def copy(self) -> EditedRun:
        """Return a copy, which may be corrected on its own."""
        other = copy(self)
        for name in ("quality", "tracks", "merges", "reviewed", "_ids", "_lives", "_paints", "_measured"):
            setattr(other, name, copy(getattr(self, name)))  # what these hold is replaced, never changed
        return other

    def particles(self, t: int) -> dict[int, tuple[float, float, float]]:
        """Return centre (y, x) and area of each particle of a frame."""
        ids, y, x, area = self._regions(t)
        now = self._ids.get(t, {})
        found: dict[int, tuple[float, float, float]] = {}
        for region, *one in zip(*(c.tolist() for c in (ids, y, x, area)), strict=True):
            particle = now.get(int(region), int(region))
            if particle in found:
                (y0, x0, a0), (y1, x1, a1) = found[particle], one
                one = [(y0 * a0 + y1 * a1) / (a0 + a1), (x0 * a0 + x1 * a1) / (a0 + a1), a0 + a1]
            if particle:
                found[particle] = (one[0], one[1], one[2])
        return found

    def place(self, particle_id: int, t: int) -> Place:
        """Return where a particle is in a frame of the run."""
        y, x, area = self.particles(t)[particle_id]
        return Place(self.frames[t], round(y, 2), round(x, 2), area)

    def find(self, place: Place) -> tuple[int, int]:
        """Return the particle at a place, and the frame of the run; `Stale` where there is none."""
        t, found = self.frame_of(place.frame), []
        for one, (y, x, area) in self.particles(t).items():
            away = float(np.hypot(y - place.y_px, x - place.x_px)) / max(np.sqrt(area / np.pi), 1.0)
            if away <= 1:
                factor = 1.0 if place.area_px is None else max(area / place.area_px, place.area_px / area)
                found.append((factor > MAX_AREA_FACTOR, away, one, factor))
        where = f"frame {place.frame} at y={place.y_px:.0f}, x={place.x_px:.0f}"
        if not found:
            raise Stale(f"no particle in {where}")
        is_other, _, one, factor = min(found)
        if is_other:
            raise Stale(f"the particle in {where} differs in area by a factor of {factor:.1f}")
        return one, t

    def frame_of(self, frame: int) -> int:
        """Return the run's number of a frame of the movie."""
        if frame not in self.frames:
            raise Stale(f"frame {frame} is not in this run")
        return self.frames.index(frame)

    def merge_at(self, place: Place) -> Merge:
        """Return the merge of which a particle is the child or, about then, a parent."""
        one, t = self.find(place)
        near = [m for m in self.merges if one in (m.child, *m.parents)]
        near = [m for m in near if abs(m.frame - t) <= MAX_MERGE_FRAMES]
        if not near:
            raise Stale(f"the particle in frame {place.frame} is of no merge about then")
        return min(near, key=lambda m: abs(m.frame - t))

    def life(self, particle_id: int) -> list[Region]:
        """Return the regions of a particle, in the order of frames."""
        if particle_id not in self._lives:
            frames = self._history.since(particle_id, 0, "frame").tolist()
            self._lives[particle_id] = [(t, particle_id) for t in frames]
        return self._lives[particle_id]

    def labels(self, t: int) -> Labels:
        """Return the ids (Y, X) of a frame of the run."""
        return map_ids(self._painted(t), self._ids.get(t, {}))

    @property
    def masks(self) -> Masks:
        """The corrected masks."""
        return replace(self._masks, read_frame=self.labels)

    def lineage(self) -> Lineage:
        """Return the corrected family tree."""
        merges = sorted(map(self._at_its_place, self.merges), key=lambda m: (m.frame, m.child))
        parents = {m.child: m.parents for m in merges}
        tracks = (
            replace(track, parents=parents.get(track.id, ())) if track.origin == "merge" else track
            for track in self.tracks.values()
        )
        return Lineage(len(self._masks), tuple(sorted(tracks, key=lambda one: one.id)), tuple(merges))

    def gap_filled(self) -> dict[int, set[int]] | None:
        """Return by frame the particles that the tracker drew where it expected them; ``None`` if unknown."""
        columns = self._history.columns
        is_filled = columns["gap_filled"] == True  # noqa: E712  null is not filled
        if len(is_filled) and columns["gap_filled"][0] is None:
            return None
        found: dict[int, set[int]] = {}
        for t, region in zip(columns["frame"][is_filled], columns["particle_id"][is_filled], strict=True):
            lasting = self._regions(int(t))[0]
            if (one := self.id_of(int(t), int(region))) and region in lasting:
                found.setdefault(int(t), set()).add(one)
        return found

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
        ending = tuple(parents)
        child = self.cut(child, t)
        for merge in list(self.merges):
            if merge.child == child and merge.frame >= t:
                self.drop_merge(merge)
        for one in ending:
            self.cut(one, t)
            for merge in [m for m in self.merges if one in m.parents and one != m.child]:
                self.leave_merge(merge, one)
        if lost := [one for one in ending if one not in self.tracks]:
            raise Stale(f"{len(lost)} of the parents are of one particle with another one")
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
        self._name(t, region, one)
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

    def _regions(self, t: int) -> tuple[NDArray[Any], ...]:
        """Return ids, y, x and area of the regions of a frame."""
        if t in self._measured:
            return self._measured[t]
        rows, columns = self._history.in_frame(t), self._history.columns
        return tuple(columns[name][rows] for name in ("particle_id", "y_px", "x_px", "area_px"))

    def id_of(self, t: int, region: int) -> int:
        """Return the particle that a region is of, 0 where it was deleted."""
        return self._ids.get(t, {}).get(region, region)

    def _name(self, t: int, region: int, one: int) -> None:
        self._ids[t] = {**self._ids.get(t, {}), region: one}

    def _new_id(self) -> int:
        self._highest += 1
        return self._highest

    def _painted(self, t: int) -> Labels:
        """Return the regions (Y, X) of a frame."""
        labels = self._masks[t]
        if t in self._paints:
            labels = labels.astype(np.int32)
            for paint in self._paints[t]:
                labels[paint.box][paint.mask] = paint.region
        return labels

    def _paint(self, t: int, mask: NDArray[np.bool_], region: int) -> None:
        """Give pixels to a region, and measure the frame anew; regions without pixels are gone."""
        if not mask.any():
            return
        box = tuple(
            slice(int(hit[0]), int(hit[-1]) + 1) for hit in map(np.flatnonzero, (mask.any(1), mask.any(0)))
        )
        self._paints[t] = (*self._paints.get(t, ()), _Paint((box[0], box[1]), mask[box].copy(), region))
        before, found = self._regions(t)[0], measure_regions(self._painted(t))
        self._measured[t] = (found.ids, found.y_px, found.x_px, found.area_px)
        for gone in np.setdiff1d(before, found.ids).tolist():
            if (one := self.id_of(t, int(gone))) in self.tracks:
                self._give([r for r in self.life(one) if r == (t, int(gone))], one, 0)

    def _give(self, regions: list[Region], one: int, other: int) -> None:
        """Give regions of a particle to another; 0 deletes them."""
        for t, region in regions:
            self._name(t, region, other)
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

    def _begin(self, one: int, origin: Origin, parents: tuple[int, ...] = ()) -> None:
        """Say where a particle came from; what cannot be so by its first frame is mended."""
        if one not in self.tracks:
            return
        is_first = self.tracks[one].start == 0
        if is_first and origin not in ("merge", "split"):
            origin = "present"
        elif origin == "present" and not is_first:
            origin = "appeared"
        self.tracks[one] = replace(self.tracks[one], origin=origin, parents=parents)

    def _end(self, one: int, fate: Fate) -> None:
        """Say how a particle ended; what cannot be so by its last frame is mended."""
        if one not in self.tracks:
            return
        is_last = self.tracks[one].end == len(self._masks) - 1
        if is_last and fate != "split":
            fate = "present"
        elif fate == "present" and not is_last:
            fate = "lost"
        self.tracks[one] = replace(self.tracks[one], fate=fate)

    def _change(self, merge: Merge, new: Merge | None) -> None:
        """Replace a merge, or remove it."""
        if new == merge or merge not in self.merges:
            return
        self.merges.remove(merge)
        if new is not None:
            self.merges.append(new)
        if merge in self.reviewed:
            self.reviewed = self.reviewed - {merge} | ({new} if new else set())

    def _rename_source(self, old: int, new: int | None, since: int = 0) -> None:
        """Let fragments that split off a particle from a frame on come from another one."""
        for track in list(self.tracks.values()):
            if track.origin == "split" and old in track.parents and track.start >= since:
                named = (new if p == old else p for p in track.parents)
                parents = tuple(p for p in named if p is not None)
                self._begin(track.id, "split" if parents else "appeared", parents)

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
        before = np.zeros(self._masks[0].shape, np.int64)
        for one in merge.parents:
            before[self.labels(self.life(one)[-1][0]) == one] = one
        parts = {}
        for frame in (frame for frame in dict.fromkeys(life) if frame < t):
            before = parts[frame] = divide(self.labels(frame) == merge.child, before)
            if lacking := set(merge.parents) - set(np.unique(before).tolist()):
                raise Stale(
                    f"in frame {self.frames[frame]} nothing is left for {len(lacking)} of the parents"
                )
        return parts


def divide(mask: NDArray[np.bool_], before: NDArray[np.integer]) -> NDArray[np.int64]:
    """Divide a particle (Y, X) among ids (Y, X) that stood about there: each pixel to the nearest of them.

    The ids are first shifted by the way between both centres.
    """
    own, known = np.argwhere(mask), np.argwhere(before)
    shift = own.mean(axis=0) - known.mean(axis=0)
    nearest = cKDTree(known + shift).query(own)[1]
    divided = np.zeros(mask.shape, np.int64)
    divided[mask] = before[tuple(known[nearest].T)]
    return divided

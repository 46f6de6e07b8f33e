"""What a scene is made of: discs, faults of a segmentation, and the right answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_regions
from temtrack.lineage import Fate, Lineage, Merge, Origin, Track

SHAPE = (64, 96)
Path = Callable[[int], float]


@dataclass(frozen=True)
class Disc:
    """A disc in frames ``first`` to ``last`` (inclusive); ``y``, ``x``, ``r`` may depend on the frame."""

    id: int
    y: Path | float
    x: Path | float
    r: Path | float
    first: int = 0
    last: int = 10**6

    def at(self, t: int) -> tuple[float, float, float] | None:
        if not self.first <= t <= self.last:
            return None
        y, x, r = (v(t) if callable(v) else v for v in (self.y, self.x, self.r))
        return y, x, r


@dataclass(frozen=True)
class TrueMerge:
    frame: int
    child: int
    parents: frozenset[int]
    contact_frame: int | None


@dataclass(frozen=True)
class Case:
    """One scene and its right answer.

    ``observed`` and ``truth`` are (T, Y, X). ``fates`` and ``origins`` hold what neither the merges nor the
    first and last frame tell; ``wholes`` names, for each piece that split off, what it was a part of.
    ``uncertainty_frames`` is how far a contact frame, or the end of a track, can be known where a particle is
    not seen by itself.
    """

    name: str
    truth: NDArray[np.int32]
    merges: tuple[TrueMerge, ...] = ()
    fates: dict[int, Fate] = field(default_factory=dict)
    origins: dict[int, Origin] = field(default_factory=dict)
    wholes: dict[int, int] = field(default_factory=dict)
    observed: NDArray[np.int32] | None = None
    uncertainty_frames: int = 0

    @property
    def segments(self) -> NDArray[np.int32]:
        """What a segmentation gives, (T, Y, X)."""
        return self.truth if self.observed is None else self.observed

    def is_contact(self, found: int | None, true: int | None) -> bool:
        """Tell whether a contact frame is the true one as far as that can be known; ``None``: not seen."""
        if found is None or true is None:
            return found is true
        return abs(found - true) <= self.uncertainty_frames

    @property
    def lineage(self) -> Lineage:
        """The whole right answer, in the ids of ``truth``."""
        ids = np.unique(self.truth[self.truth > 0]).tolist()
        tracks = tuple(self._track(i, np.flatnonzero((self.truth == i).any(axis=(1, 2)))) for i in ids)
        return Lineage(len(self.truth), tracks, tuple(self._merge(merge) for merge in self.merges))

    def _track(self, i: int, frames: NDArray[np.intp]) -> Track:
        start, end = int(frames[0]), int(frames[-1])
        born_of = next((merge for merge in self.merges if merge.child == i), None)
        merged = any(i in merge.parents for merge in self.merges)
        fate = self.fates.get(i, "merged" if merged else "present")
        origin = self.origins.get(i, "present" if start == 0 else "merge" if born_of else "split")
        parents = self._by_area(born_of) if born_of else ((self.wholes[i],) if i in self.wholes else ())
        assert (fate == "present") == (end == len(self.truth) - 1), f"{self.name}: say the fate of {i}"
        return Track(i, start, end, origin, fate, parents)

    def _merge(self, merge: TrueMerge) -> Merge:
        y, x = np.argwhere(self.truth[merge.frame] == merge.child).mean(axis=0)
        parents = self._by_area(merge)
        return Merge(merge.frame, merge.child, parents, merge.contact_frame, float(y), float(x))

    def _by_area(self, merge: TrueMerge) -> tuple[int, ...]:
        regions = measure_regions(self.truth[merge.frame - 1])
        area = dict(zip(regions.ids.tolist(), regions.area_px.tolist(), strict=True))
        return tuple(sorted(merge.parents, key=lambda i: (-area[i], i)))


def draw(discs: list[Disc], n_frames: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.int32]:
    """Draw discs into (T, Y, X); later ones lie on top."""
    frames = np.zeros((n_frames, *shape), np.int32)
    y, x = np.indices(shape)
    for t in range(n_frames):
        for disc in discs:
            place = disc.at(t)
            if place is not None and place[2] > 0:
                frames[t][(y - place[0]) ** 2 + (x - place[1]) ** 2 <= place[2] ** 2] = disc.id
    return frames


def along(*points: tuple[int, float]) -> Path:
    """Go straight from point to point (frame, position); rest before the first and after the last."""
    frames, places = zip(*points, strict=True)
    return lambda t: float(np.interp(t, frames, places))


def fuse(masks: NDArray[np.int32], ids: set[int], frames: range) -> NDArray[np.int32]:
    """Return masks in which some ids are one segment in some frames: a segmentation that joins them."""
    out = masks.copy()
    for t in frames:
        out[t][np.isin(out[t], list(ids))] = min(ids)
    return out


def miss(masks: NDArray[np.int32], particle: int, frames: range) -> NDArray[np.int32]:
    """Return masks in which one id is missing in some frames."""
    out = masks.copy()
    for t in frames:
        out[t][out[t] == particle] = 0
    return out


def shift(masks: NDArray[np.int32], frame: int, step: tuple[int, int]) -> NDArray[np.int32]:
    """Return masks that jump by (y, x) at a frame; nothing may reach the border."""
    out = masks.copy()
    out[frame:] = np.roll(out[frame:], step, axis=(1, 2))
    return out


def bystander(particle: int = 90) -> Disc:
    """Return a particle that has nothing to do with what happens."""
    return Disc(particle, 10, 12, 6)

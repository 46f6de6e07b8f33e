"""What the linker remembers: live tracks, the frames not yet decided, and the pedigree so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from temtrack.lineage import Fate, Origin

#: Sightings remembered for each track, enough to tell shrinking from steady.
N_SIGHTINGS = 16

#: Weight of the newest frame in a track's mean velocity and smoothed area.
NEWEST_WEIGHT = 0.3


@dataclass(frozen=True)
class Sighting:
    """A track in a segment of its own."""

    frame: int
    area_px: float
    y_px: float
    x_px: float


@dataclass
class TrackState:
    """One live track; sightings are only those in a segment of its own, neither fused nor carried."""

    id: int
    born: int
    origin: Origin
    parents: tuple[int, ...] = ()
    last_seen: int = 0
    n_missing: int = 0
    touches_border: bool = False
    sightings: deque[Sighting] = field(default_factory=lambda: deque(maxlen=N_SIGHTINGS))
    smooth_area_px: float = 0.0
    peak_area_px: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)

    def see(self, sighting: Sighting, touches_border: bool) -> None:
        """Remember a sighting, update the mean velocity (pixels per frame) and the peak area."""
        if self.sightings:
            last = self.sightings[-1]
            steps = sighting.frame - last.frame
            if steps <= 3:
                vy, vx = self.velocity
                vy += NEWEST_WEIGHT * ((sighting.y_px - last.y_px) / steps - vy)
                vx += NEWEST_WEIGHT * ((sighting.x_px - last.x_px) / steps - vx)
                self.velocity = (vy, vx)
            self.smooth_area_px += NEWEST_WEIGHT * (sighting.area_px - self.smooth_area_px)
        else:
            self.smooth_area_px = sighting.area_px
        self.peak_area_px = max(self.peak_area_px, self.smooth_area_px)
        self.touches_border = touches_border
        self.sightings.append(sighting)

    def area_before(self, frame: int) -> float:
        """Return the area in pixels, median of the last three sightings before ``frame``, 0 without any."""
        areas = [s.area_px for s in self.sightings if s.frame < frame] or [
            s.area_px for s in self.sightings
        ]
        return float(np.median(areas[-3:])) if areas else 0.0

    def is_shrinking(self, frame: int, peak_share: float = 0.5, step_share: float = 0.85) -> bool:
        """Tell whether, before ``frame``, the track had fallen well below its peak and was falling still."""
        areas = [s.area_px for s in self.sightings if s.frame < frame]
        if not areas:
            return False
        return areas[-1] < peak_share * self.peak_area_px and areas[-1] < step_share * max(areas)


@dataclass
class FrameRecord:
    """One frame that is not decided yet.

    Parameters
    ----------
    frame
        0-based number.
    labels
        (Y, X) provisional ids; fused tracks are kept apart, pieces of one track too. What was decided
        since stands in ``new_ids`` and is applied when the frame goes out.
    area_px
        Pixels of each id in the frame.
    fused
        Sets of ids that share one segment.
    missing
        Ids without a segment, carried.
    contacts
        Pairs of ids, lower first, at most one pixel apart.
    born, pieces
        Ids that begin here, from nothing or as a piece of another id.
    is_informative
        False for a blank frame, which proves nothing.
    """

    frame: int
    labels: NDArray[np.int32]
    area_px: dict[int, int]
    fused: list[frozenset[int]]
    missing: set[int]
    contacts: set[tuple[int, int]]
    born: list[int]
    pieces: dict[int, int]
    is_informative: bool = True
    new_ids: dict[int, int] = field(default_factory=dict)

    def rename(self, new_ids: Mapping[int, int]) -> None:
        """Replace ids, several may become one, 0 removes."""
        if not any(i in self.area_px for i in new_ids) and not any(i in self.pieces for i in new_ids):
            if not any(p in new_ids for p in self.pieces.values()):
                return
        self.new_ids = {old: new_ids.get(new, new) for old, new in self.new_ids.items()}
        for old, new in new_ids.items():
            self.new_ids.setdefault(old, new)
            area = self.area_px.pop(old, 0)
            if new and area:
                self.area_px[new] = self.area_px.get(new, 0) + area
        self.fused = _renamed_sets(self.fused, new_ids)
        seen_again = {new_ids[i] for i in new_ids if i not in self.missing}
        self.missing = {new_ids.get(i, i) for i in self.missing if i not in new_ids or new_ids[i] not in seen_again}
        self.missing &= self.area_px.keys()
        self.contacts = _renamed_pairs(self.contacts, new_ids)
        self.born = [i for i in self.born if i not in new_ids]
        self.pieces = {q: new_ids.get(p, p) for q, p in self.pieces.items() if q not in new_ids}

    def is_fused(self, a: int, b: int) -> bool:
        """Tell whether two ids share a segment."""
        return any(a in ids and b in ids for ids in self.fused)

    def fused_with(self, track_id: int) -> frozenset[int]:
        """Return the set that shares the segment of an id, empty where it is alone or missing."""
        return next((ids for ids in self.fused if track_id in ids), frozenset())


def _renamed_sets(sets: list[frozenset[int]], new_ids: Mapping[int, int]) -> list[frozenset[int]]:
    renamed = (frozenset(new_ids.get(i, i) for i in ids) - {0} for ids in sets)
    return [ids for ids in renamed if len(ids) > 1]


def _renamed_pairs(pairs: set[tuple[int, int]], new_ids: Mapping[int, int]) -> set[tuple[int, int]]:
    renamed = ((new_ids.get(a, a), new_ids.get(b, b)) for a, b in pairs)
    return {(min(a, b), max(a, b)) for a, b in renamed if a and b and a != b}


@dataclass(frozen=True)
class Decision:
    """Where a track came from or what became of it, and the pedigree of merges, in the linker's own ids."""

    frame: int
    child: int
    parents: tuple[int, ...]
    contact_frame: int
    y_px: float
    x_px: float


def pairs_of(ids: frozenset[int]) -> list[tuple[int, int]]:
    """Return all pairs of a set, lower id first."""
    return list(combinations(sorted(ids), 2))


__all__ = ["N_SIGHTINGS", "Decision", "Fate", "FrameRecord", "Origin", "Sighting", "TrackState", "pairs_of"]

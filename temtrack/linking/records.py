"""What the linker remembers of each live track and of each frame not yet decided."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.registration import Step

#: Observations remembered for each track, enough to tell shrinking from steady.
N_OBSERVATIONS = 48

#: Weight of the newest frame in a track's mean velocity and smoothed area.
NEWEST_WEIGHT = 0.3

#: A track seen alone in so many frames is surely a particle.
MIN_ESTABLISHED_FRAMES = 3

#: Over longer gaps than this many frames no velocity is learned.
MAX_STEP_FRAMES = 3


class Observation(NamedTuple):
    """A track in a detection of its own, which the border may cut."""

    frame: int
    area_px: float
    y_px: float
    x_px: float
    is_cut: bool = False


@dataclass(slots=True)
class TrackState:
    """One live track; it is observed only in a detection of its own, neither shared nor filled in.

    ``n_seen`` and ``n_missed`` are the good frames with a detection, its own or a shared one, and without.
    ``merges_in`` is the frame in which it will have merged, having been missed in the ones before; else -1.
    ``is_told`` of one that a person pointed at or outlined.
    """

    id: int
    born: int
    last_seen: int = 0
    gap_frames: int = 0
    n_seen: int = 0
    n_missed: int = 0
    touches_border: bool = False
    observations: deque[Observation] = field(default_factory=lambda: deque(maxlen=N_OBSERVATIONS))
    smooth_area_px: float = 0.0
    peak_area_px: float = 0.0
    velocity_px: tuple[float, float] = (0.0, 0.0)
    is_fading: bool = False
    merges_in: int = -1
    is_told: bool = False

    def is_established(self, n_frames: int) -> bool:
        """Tell whether it is surely a particle: told, or seen alone often enough, and oftener than missed.

        ``n_frames`` is how many frames there were.
        """
        is_often = len(self.observations) >= min(MIN_ESTABLISHED_FRAMES, n_frames)
        return self.is_told or (is_often and self.n_seen >= self.n_missed)

    def see(self, observation: Observation) -> None:
        """Remember an observation, update the mean velocity (pixels per frame) and the peak area."""
        frame, area_px, y_px, x_px, is_cut = observation
        if self.observations:
            last = self.observations[-1]
            steps = frame - last.frame
            if 0 < steps <= MAX_STEP_FRAMES:
                vy, vx = self.velocity_px
                vy += NEWEST_WEIGHT * ((y_px - last.y_px) / steps - vy)
                vx += NEWEST_WEIGHT * ((x_px - last.x_px) / steps - vx)
                self.velocity_px = (vy, vx)
            self.smooth_area_px += NEWEST_WEIGHT * (area_px - self.smooth_area_px)
        else:
            self.smooth_area_px = area_px
        if self.smooth_area_px > self.peak_area_px:
            self.peak_area_px = self.smooth_area_px
        self.touches_border, self.is_fading = is_cut, False
        self.observations.append(observation)

    def forget(self, frame: int) -> None:
        """Forget what was observed in a frame."""
        kept = [o for o in self.observations if o.frame != frame]
        self.observations.clear()
        self.observations.extend(kept)

    def areas_before(self, frame: int) -> list[float]:
        """Return the areas in pixels of the observations before ``frame``, oldest first."""
        return [s.area_px for s in self.observations if s.frame < frame]

    def area_before(self, frame: int, n_frames: int = 3) -> float:
        """Return the median area in pixels of the last observations before ``frame``, 0 without any.

        Of a particle that has come into sight, or is leaving, those since then count.
        """
        areas: list[float] = []
        is_cut = False
        for observation in reversed(self.observations):
            if observation.frame < frame:
                if areas and observation.is_cut != is_cut:
                    break
                is_cut = observation.is_cut
                areas.append(observation.area_px)
                if len(areas) == n_frames:
                    break
        areas.sort()
        middle = areas[(len(areas) - 1) // 2 : len(areas) // 2 + 1]
        return sum(middle) / len(middle) if middle else 0.0

    def is_cut_before(self, frame: int) -> bool:
        """Tell whether the border cut it when it was last observed before ``frame``."""
        return next((o.is_cut for o in reversed(self.observations) if o.frame < frame), False)

    def observed_in(self, frame: int) -> Observation | None:
        """Return the observation in a frame, ``None`` where it was not seen alone."""
        for observation in reversed(self.observations):
            if observation.frame <= frame:
                return observation if observation.frame == frame else None
        return None


@dataclass
class FrameRecord:
    """One frame that is not decided yet.

    Parameters
    ----------
    frame
        0-based number.
    drawn
        Ids as drawn: tracks in one detection are kept apart, fragments of one track too. What was
        decided since stands in ``new_ids`` and is applied when the frame goes out.
    area_px
        Pixels of each id.
    under_segmented
        Sets of ids that share one detection.
    gap_filled
        Ids without a detection, drawn where they were propagated to, as far as nothing else is there.
    contacts, near
        Pairs of ids, lower first, that are seen to touch, and those near enough for a contact to go on.
    born, fragments
        Ids that begin here, from nothing or (id, whole) as a fragment of another id.
    at_border
        Ids, as drawn, that touch the border.
    step_px
        Step (y, x) of the whole field since the last good frame: the median one of its particles.
    is_informative
        False for a blank frame, which proves nothing.
    is_low_recall
        True where so many tracks lack a detection that the segmentation is to blame.
    is_all_told
        A person said that nothing else is there: what is filled in is drawn only until the frame is decided.
    """

    frame: int
    drawn: LabelImage
    area_px: dict[int, int]
    under_segmented: list[frozenset[int]]
    gap_filled: set[int]
    contacts: set[tuple[int, int]]
    near: set[tuple[int, int]]
    born: list[int]
    fragments: dict[int, int]
    at_border: frozenset[int]
    step_px: Step = (0.0, 0.0)
    is_informative: bool = True
    is_low_recall: bool = False
    is_all_told: bool = False
    new_ids: dict[int, int] = field(default_factory=dict)

    def alone(self) -> set[int]:
        """Return the ids that have a detection of their own here."""
        return (self.area_px.keys() - self.gap_filled).difference(*self.under_segmented)

    def is_seen(self, track_id: int) -> bool:
        """Tell whether an id has a detection here, alone or shared."""
        return track_id in self.area_px and track_id not in self.gap_filled

    def shows_apart(self, a: int, b: int) -> bool:
        """Tell whether two ids have a detection each."""
        return self.is_seen(a) and self.is_seen(b) and b not in self.sharing_with(a)

    def in_contact(self, a: int, b: int) -> bool:
        """Tell whether the masks of two ids touch here."""
        return (min(a, b), max(a, b)) in self.contacts

    def sharing_with(self, track_id: int) -> frozenset[int]:
        """Return the set that shares the detection of an id, empty where it has none or has it alone."""
        return next((ids for ids in self.under_segmented if track_id in ids), frozenset())

    def mask_of(self, track_id: int) -> NDArray[np.bool_]:
        """Return the mask (Y, X) of an id after all that was decided."""
        drawn = [old for old, new in self.new_ids.items() if new == track_id]
        return np.isin(self.drawn.labels, [*drawn, track_id])

    def divide(self, whole: int, part: int, mask: NDArray[np.bool_]) -> None:
        """Give some pixels (Y, X) of an id to another one, which begins here and touches it."""
        labels = self.drawn.labels.copy()
        labels[mask] = part
        self.drawn = LabelImage(labels)
        self.area_px[part] = int(mask.sum())
        self.area_px[whole] -= self.area_px[part]
        pair = (min(whole, part), max(whole, part))
        self.contacts.add(pair)
        self.near.add(pair)
        self.born.append(part)

    def restore(self, track_id: int) -> None:
        """Take back that an id, drawn where it was predicted, was removed."""
        if self.new_ids.get(track_id) == 0:
            del self.new_ids[track_id]
            self.area_px[track_id] = int((self.drawn.labels == track_id).sum())
            self.gap_filled.add(track_id)

    def rename(self, new_ids: Mapping[int, int]) -> None:
        """Replace ids; several may become one, 0 removes."""
        new_ids = {old: new for old, new in new_ids.items() if old in self.area_px}
        if not new_ids:
            return
        seen = {new for old, new in new_ids.items() if old not in self.gap_filled}
        seen |= {new for new in new_ids.values() if self.is_seen(new)}
        guessed = {new for old, new in new_ids.items() if old in self.gap_filled} - seen - {0}
        self.gap_filled = (self.gap_filled - new_ids.keys() - seen) | guessed
        earlier = {old: new_ids.get(new, new) for old, new in self.new_ids.items()}
        self.new_ids = {**new_ids, **earlier}
        for old, new in new_ids.items():
            area = self.area_px.pop(old)
            if new:
                self.area_px[new] = self.area_px.get(new, 0) + area
        sets = (frozenset(new_ids.get(i, i) for i in ids) - {0} for ids in self.under_segmented)
        self.under_segmented = [ids for ids in sets if len(ids) > 1]
        self.contacts = _renamed_pairs(self.contacts, new_ids)
        self.near = _renamed_pairs(self.near, new_ids)
        self.born = [i for i in self.born if i not in new_ids]
        fragments = {q: new_ids.get(p, p) for q, p in self.fragments.items() if q not in new_ids}
        self.born += [q for q, p in fragments.items() if p == 0]
        self.fragments = {q: p for q, p in fragments.items() if p}


def count_shared(records: Iterable[FrameRecord], a: int, b: int) -> int:
    """Return how many frames, of those before any that shows two ids apart, show them in one detection."""
    together = takewhile(lambda record: not record.shows_apart(a, b), records)
    return sum(b in record.sharing_with(a) for record in together)


def _renamed_pairs(pairs: set[tuple[int, int]], new_ids: Mapping[int, int]) -> set[tuple[int, int]]:
    """Return the pairs with ids replaced, lower first, without those removed or become one."""
    concerned = {pair for pair in pairs if pair[0] in new_ids or pair[1] in new_ids}
    renamed = ((new_ids.get(a, a), new_ids.get(b, b)) for a, b in concerned)
    return (pairs - concerned) | {(min(a, b), max(a, b)) for a, b in renamed if a and b and a != b}

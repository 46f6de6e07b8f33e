"""Merge hypotheses tested on the look-ahead: tracks that share a detection have merged, or have not.

A *window* is the list of undecided frames, the one in question first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from temtrack.lineage import MIN_CHILD_FRAMES
from temtrack.linking.config import LinkingConfig
from temtrack.linking.records import FrameRecord, TrackState
from temtrack.linking.under_segmentation import neck_ratio

#: The child's area is the median over so many frames: one odd outline then changes nothing.
N_AREA_FRAMES = 3

#: A steady track brings its area along. Where the joint detection gains less than this share of it, the
#: track has not merged but vanished: hidden behind the other one, or gone.
MIN_GAIN_OF_STEADY = 0.2

#: The same for a track that was dissolving: near its end it may as well have dissolved beside the other.
MIN_GAIN_OF_SHRINKING = 0.6

#: Outlines are uncertain by about this share of the area; a smaller gain cannot be told from none.
AREA_NOISE_FRACTION = 0.04

#: Two halves joined by a neck of at least this ratio are rather one particle than two in contact.
THICK_NECK_RATIO = 0.6

#: A track is dissolving where it is below this share of its peak area ...
SHRUNK_FRACTION = 0.5

#: ... and below this share of the largest area in its recent frames.
SHRINKING_FRACTION = 0.85


@dataclass(frozen=True)
class MergeDecision:
    """A lasting merge: ``parents`` bring their area into the child, ``vanished`` bring none."""

    parents: frozenset[int]
    vanished: frozenset[int]


def decide_merges(
    window: list[FrameRecord], tracks: Mapping[int, TrackState], config: LinkingConfig
) -> list[MergeDecision]:
    """Return a decision on each merge hypothesis of the window's first frame.

    A merge that takes in more parents within `MIN_CHILD_FRAMES` is left for the frame in which it has grown.
    """
    decisions = [_test_areas(ids, window, tracks) for ids in find_merge_hypotheses(window, config)]
    grown = [
        _test_areas(ids, window[later:], tracks).parents
        for later in range(1, min(MIN_CHILD_FRAMES, len(window)))
        for ids in find_merge_hypotheses(window[later:], config)
    ]
    here = window[0].area_px.keys()
    return [v for v in decisions if not any(v.parents & g and (g - v.parents) & here for g in grown)]


def find_merge_hypotheses(window: list[FrameRecord], config: LinkingConfig) -> list[frozenset[int]]:
    """Return the sets of ids that share a detection in the window's first frame and through most of it."""
    informative = [r for r in window if r.is_informative]
    found = []
    for ids in window[0].under_segmented:
        lasting = [
            (a, b)
            for a, b in combinations(sorted(ids), 2)
            if is_lasting(
                (b in r.sharing_with(a) for r in informative if r.is_seen(a) or r.is_seen(b)), config
            )
            and _begins_now(informative, a, b)
        ]
        found += connected(lasting)
    return found


def broken_in_first_frame(window: list[FrameRecord], config: LinkingConfig) -> list[tuple[int, int]]:
    """Return the pairs (fragment, whole) that the first frame shows apart and all that follow as one.

    Unlike parents that are about to merge, they are joined by a thick neck already.
    """
    first, later = window[0], [r for r in window[1:] if r.is_informative]
    pairs = [
        (a, b)
        for ids in (later[0].under_segmented if later else [])
        for a, b in combinations(sorted(ids, key=lambda i: (first.area_px.get(i, 0), i)), 2)
        if is_lasting((b in r.sharing_with(a) for r in later), config) and _is_one_body(first, a, b)
    ]
    return list({fragment: (fragment, whole) for fragment, whole in pairs}.values())


def _begins_now(informative: list[FrameRecord], a: int, b: int) -> bool:
    """Tell whether no later frame is the likelier beginning of a pair's merge.

    Before a merge a pair in contact is often enough segmented as one, while after it the child is seldom
    taken for two: so a frame apart speaks against the merge as two shared ones speak for it. One in which
    the two halves are joined by a thick neck says nothing.
    """
    balance = 0
    for record in informative:
        if b in record.sharing_with(a):
            balance += 1
        elif record.is_seen(a) and record.is_seen(b) and not _is_one_body(record, a, b):
            balance -= 2
        if balance < 0:
            return False
    return True


def _is_one_body(record: FrameRecord, a: int, b: int) -> bool:
    if (min(a, b), max(a, b)) not in record.contacts:
        return False
    part_a, part_b = np.argwhere(record.mask_of(a)), np.argwhere(record.mask_of(b))
    return neck_ratio(np.concatenate([part_a, part_b]), part_a, part_b) >= THICK_NECK_RATIO


def is_lasting(shown: Iterable[bool], config: LinkingConfig) -> bool:
    """Tell whether most frames, and one of the last two, show it."""
    shown = list(shown)
    return bool(shown) and float(np.mean(shown)) >= config.lasting_fraction and any(shown[-2:])


def is_dissolving(track: TrackState, frame: int) -> bool:
    """Tell whether a track had fallen well below its peak area before ``frame``, and was still falling."""
    areas = track.areas_before(frame)
    if not areas:
        return False
    shrunk = areas[-1] < SHRUNK_FRACTION * track.peak_area_px
    return shrunk and areas[-1] < SHRINKING_FRACTION * max(areas)


def brings_area(track: TrackState, frame: int, gain_px: float, noise_px: float) -> bool:
    """Tell whether the gain of the joint detection is that of a particle that merged into it.

    Parameters
    ----------
    track
        The smaller one.
    frame
        First frame of the merge.
    gain_px
        Area of the joint detection less that of the others before.
    noise_px
        Uncertainty of that gain.
    """
    area = track.area_before(frame)
    if is_dissolving(track, frame):
        return gain_px >= MIN_GAIN_OF_SHRINKING * area and area > noise_px
    return gain_px + noise_px >= MIN_GAIN_OF_STEADY * area


def connected(pairs: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """Return the connected sets of ids that the pairs make."""
    sets: list[frozenset[int]] = []
    for a, b in pairs:
        touching = [s for s in sets if a in s or b in s]
        sets = [s for s in sets if s not in touching] + [frozenset({a, b}).union(*touching)]
    return sets


def _test_areas(
    ids: frozenset[int], window: list[FrameRecord], tracks: Mapping[int, TrackState]
) -> MergeDecision:
    """Tell the members that bring area along from those that vanish beside the largest."""
    frame = window[0].frame
    joint = [sum(r.area_px.get(i, 0) for i in ids) for r in window if r.is_informative and _is_joint(r, ids)]
    by_area = sorted(ids, key=lambda i: (-tracks[i].area_before(frame), i))
    before = {i: tracks[i].area_before(frame) for i in ids}
    vanished: set[int] = set()
    for i in by_area[:0:-1]:
        others = sum(before[j] for j in ids - vanished - {i})
        gain = float(np.median(joint[:N_AREA_FRAMES])) - others if joint else 0.0
        if not brings_area(tracks[i], frame, gain, AREA_NOISE_FRACTION * others):
            vanished.add(i)
    return MergeDecision(ids - vanished, frozenset(vanished))


def _is_joint(record: FrameRecord, ids: frozenset[int]) -> bool:
    return any(ids <= sharing for sharing in record.under_segmented)

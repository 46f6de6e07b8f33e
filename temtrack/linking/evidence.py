"""Merge or not: what the frames of the look-ahead say of tracks that share a segment.

A *window* is the list of undecided frames, the one in question first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from temtrack.lineage import MIN_CHILD_FRAMES
from temtrack.linking.config import LinkingConfig
from temtrack.linking.fused import neck_ratio
from temtrack.linking.records import FrameRecord, TrackState

#: The child's area is the median over so many frames: one odd outline then changes nothing.
N_AREA_FRAMES = 3

#: A steady track brings its area along. Where the joint segment gains less than this share of it, the
#: track has not merged but vanished: hidden behind the other one, or gone.
MIN_GAIN_OF_STEADY = 0.2

#: The same for a track that was dissolving: near its end it may as well have dissolved beside the other.
MIN_GAIN_OF_SHRINKING = 0.6

#: Outlines are uncertain by about this share of the area; a smaller gain cannot be told from none.
AREA_NOISE_SHARE = 0.04

#: Two halves joined by a neck of at least this ratio are rather one particle than two in contact.
THICK_NECK_RATIO = 0.6

#: A track is dissolving where it is below this share of its peak area ...
SHRUNK_SHARE = 0.5

#: ... and below this share of the largest area in its recent frames.
SHRINKING_SHARE = 0.85


@dataclass(frozen=True)
class Verdict:
    """A lasting fusion: ``parents`` bring their area into the child, ``vanished`` bring none."""

    parents: frozenset[int]
    vanished: frozenset[int]


def judge_fusions(
    window: list[FrameRecord], tracks: Mapping[int, TrackState], config: LinkingConfig
) -> list[Verdict]:
    """Return a verdict on each lasting fusion of the window's first frame.

    A fusion that grows within `MIN_CHILD_FRAMES` is left for the frame in which it has grown.
    """
    verdicts = [_judge_areas(ids, window, tracks) for ids in lasting_fusions(window, config)]
    grown = [
        _judge_areas(ids, window[later:], tracks).parents
        for later in range(1, min(MIN_CHILD_FRAMES, len(window)))
        for ids in lasting_fusions(window[later:], config)
    ]
    here = window[0].area_px.keys()
    return [v for v in verdicts if not any(v.parents & g and (g - v.parents) & here for g in grown)]


def lasting_fusions(window: list[FrameRecord], config: LinkingConfig) -> list[frozenset[int]]:
    """Return the sets of ids fused in the window's first frame that stay so through most of the window."""
    informative = [r for r in window if r.is_informative]
    found = []
    for ids in window[0].fused:
        lasting = [
            (a, b)
            for a, b in combinations(sorted(ids), 2)
            if is_lasting((b in r.fused_with(a) for r in informative if r.is_seen(a) or r.is_seen(b)), config)
            and _begins_now(informative, a, b)
        ]
        found += connected(lasting)
    return found


def broken_in_first_frame(window: list[FrameRecord], config: LinkingConfig) -> list[tuple[int, int]]:
    """Return the pairs (piece, whole) that the movie's first frame shows apart and all that follow as one.

    Unlike parents that are about to merge, they are joined by a thick neck already.
    """
    first, later = window[0], [r for r in window[1:] if r.is_informative]
    pairs = [
        (a, b)
        for ids in (later[0].fused if later else [])
        for a, b in combinations(sorted(ids, key=lambda i: (first.area_px.get(i, 0), i)), 2)
        if is_lasting((b in r.fused_with(a) for r in later), config) and _is_one_body(first, a, b)
    ]
    return list({piece: (piece, whole) for piece, whole in pairs}.values())


def _begins_now(informative: list[FrameRecord], a: int, b: int) -> bool:
    """Tell whether no later frame is the likelier beginning of a pair's fusion.

    Before a fusion a pair in contact is often enough taken for one, while after it the child is seldom
    taken for two: so a frame apart speaks against the fusion as two fused ones speak for it. One in which
    the two halves are joined by a thick neck says nothing.
    """
    balance = 0
    for record in informative:
        if b in record.fused_with(a):
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
    return bool(shown) and float(np.mean(shown)) >= config.lasting_share and any(shown[-2:])


def is_dissolving(track: TrackState, frame: int) -> bool:
    """Tell whether a track had fallen well below its peak area before ``frame``, and was still falling."""
    areas = track.areas_before(frame)
    if not areas:
        return False
    shrunk = areas[-1] < SHRUNK_SHARE * track.peak_area_px
    return shrunk and areas[-1] < SHRINKING_SHARE * max(areas)


def brings_area(track: TrackState, frame: int, gain_px: float, noise_px: float) -> bool:
    """Tell whether the gain of the joint segment is that of a particle that merged into it.

    Parameters
    ----------
    track
        The smaller one.
    frame
        First frame of the fusion.
    gain_px
        Area of the joint segment less that of the others before.
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


def _judge_areas(ids: frozenset[int], window: list[FrameRecord], tracks: Mapping[int, TrackState]) -> Verdict:
    """Tell the members that bring area along from those that vanish beside the largest."""
    frame = window[0].frame
    joint = [sum(r.area_px.get(i, 0) for i in ids) for r in window if r.is_informative and _is_joint(r, ids)]
    by_area = sorted(ids, key=lambda i: (-tracks[i].area_before(frame), i))
    before = {i: tracks[i].area_before(frame) for i in ids}
    vanished: set[int] = set()
    for i in by_area[:0:-1]:
        others = sum(before[j] for j in ids - vanished - {i})
        gain = float(np.median(joint[:N_AREA_FRAMES])) - others if joint else 0.0
        if not brings_area(tracks[i], frame, gain, AREA_NOISE_SHARE * others):
            vanished.add(i)
    return Verdict(ids - vanished, frozenset(vanished))


def _is_joint(record: FrameRecord, ids: frozenset[int]) -> bool:
    return any(ids <= fused for fused in record.fused)

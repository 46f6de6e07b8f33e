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
    found = []
    for ids in window[0].fused:
        lasting = [
            (a, b)
            for a, b in combinations(sorted(ids), 2)
            if is_lasting((b in r.fused_with(a) for r in window if r.is_informative), config)
        ]
        found += connected(lasting)
    return found


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
    by_area = sorted(ids, key=lambda i: -tracks[i].area_before(frame))
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

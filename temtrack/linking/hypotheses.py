"""Merge hypotheses tested on the look-ahead: tracks that share a detection have merged, or have not.

A *window* is the list of undecided frames, the one in question first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from temtrack.lineage import MIN_CHILD_FRAMES
from temtrack.linking.config import LinkingConfig
from temtrack.linking.evidence import (
    LOG_ODDS_AT_BORDER,
    LOG_ODDS_DISSOLVING,
    LOG_ODDS_SEEN_SHORTLY,
    LOG_ODDS_STEADY,
    SURE_NATS,
    Vanishing,
    n_area_frames,
    nats_for_merge,
)
from temtrack.linking.noise import SHARED_AGAIN, MovieNoise
from temtrack.linking.records import FrameRecord, TrackState
from temtrack.linking.welding import find_welded, is_welded

#: Before anything is measured, tracks that go on in one detection have merged so much likelier, in nats, than
#: that one has vanished beside the other.
LOG_ODDS_SHARED = 1.0

#: A track is shrinking where its area has fallen by so much, as a logarithm, between the halves of its last
#: frames, and by so many standard deviations of what outlines jitter; halves of a frame prove nothing.
N_SHRINKING_FRAMES, MIN_SHRINKING_LOG, SHRINKING_SIGMAS, N_HALF_MIN = 8, 0.2, 3.0, 2

#: A parent was seen alone in so many frames, of which it may have missed one,
MIN_PARENT_FRAMES, MIN_SEEN_FRAMES = 3, 2

#: and one of less than this share of the other's area in so many before it is taken for a particle,
SPECK_AREA, MIN_SPECK_FRAMES = 0.2, 10

#: if its areas do not change, from one time to the next, by more than so many standard deviations of the
#: movie's: specks that come and go make a track of all sizes.
ERRATIC_SIGMAS = 2.0

#: and not longer ago than so many frames: what was only carried along since merges with nobody.
MAX_UNSEEN_FRAMES = 8

#: One so near the border that so many standard deviations of motion bring it there may have left the field.
LEAVING_SIGMAS = 2.0

#: Two in contact whose centres are nearer than this share of the sum of their radii are rather one particle:
#: halves of one are about 0.6 of it apart, particles that touch 1.
ONE_BODY_FRACTION = 0.8

#: A merge begins in a later frame only where that is likelier by so much, in nats: ties go to the earlier.
MIN_LATER_NATS = 0.1

#: A track is dissolving where it is below this share of its peak area ...
SHRUNK_FRACTION = 0.5

#: ... and below this share of the largest area in its recent frames.
SHRINKING_FRACTION = 0.85


@dataclass(frozen=True)
class MergeDecision:
    """A lasting merge: ``parents`` bring their area into the child, ``vanished`` bring none.

    ``fading`` bring none either and do not stay in the child's detection: each ends when it is gone from it.
    ``gone`` are the parents that are not seen any more.
    ``newborn`` is the child's own track where it begins with the merge, as no parent. ``sure`` is what was
    seen of it where that leaves no doubt.
    """

    parents: frozenset[int]
    vanished: frozenset[int]
    fading: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()
    newborn: frozenset[int] = frozenset()
    sure: tuple[Vanishing, ...] = ()


def decide_merges(
    window: list[FrameRecord], tracks: Mapping[int, TrackState], noise: MovieNoise, config: LinkingConfig
) -> list[MergeDecision]:
    """Return a decision on each merge hypothesis of the window's first frame.

    A merge that takes in more parents within `MIN_CHILD_FRAMES` is left for the frame in which it has grown.
    """
    lasting = find_merge_hypotheses(window, tracks, noise, config)
    if len(window) < config.look_ahead_frames:  # the movie ends: these may yet part
        lasting = [ids for ids in lasting if noise.log_odds_lasting(_n_joint(window, ids)) >= 0]
    decisions = [_test_areas(ids, window, tracks, noise, config) for ids in lasting]
    grown = [
        _test_areas(ids, window[later:], tracks, noise, config).parents
        for later in range(1, min(MIN_CHILD_FRAMES, len(window)))
        for ids in find_merge_hypotheses(window[later:], tracks, noise, config)
    ]
    here = window[0].area_px.keys()
    return [v for v in decisions if not any(v.parents & g and (g - v.parents) & here for g in grown)]


def find_merge_hypotheses(
    window: list[FrameRecord], tracks: Mapping[int, TrackState], noise: MovieNoise, config: LinkingConfig
) -> list[frozenset[int]]:
    """Return the sets of ids that share a detection from the first frame on, and through most frames.

    In the first frames they may be missed, or, if necks count, be drawn apart though a neck joins them.
    """
    informative = [r for r in window if r.is_informative]
    found = []
    welded = connected(find_welded(window)) if config.necks_join else []
    for ids in [*window[0].under_segmented, *_missed_at_first(window), *welded]:
        lasting = [
            (a, b)
            for a, b in combinations(sorted(ids), 2)
            if is_lasting(_shown_as_one(informative, a, b), config)
            and _begins_now(informative, tracks[a], tracks[b], noise, config)
        ]
        found += connected(lasting)
    return found


def _missed_at_first(window: list[FrameRecord]) -> Iterator[frozenset[int]]:
    """Yield the sets of ids that the window's first frame misses and that share a detection when seen again.

    That one child was missed is likelier than that all its parents were.
    """
    first = window[0]
    if not first.is_informative or first.is_low_recall:
        return
    unseen = set(first.gap_filled)
    for record in window[1 : 1 + MAX_UNSEEN_FRAMES]:
        yield from (ids for ids in record.under_segmented if ids <= unseen)
        unseen -= record.area_px.keys() - record.gap_filled


def broken_in_first_frame(window: list[FrameRecord], config: LinkingConfig) -> list[tuple[int, int]]:
    """Return the pairs (fragment, whole) that the first frame shows apart and all that follow as one.

    Unlike parents that are about to merge, they are joined by a thick neck already.
    """
    first, later = window[0], [r for r in window[1:] if r.is_informative]
    pairs = [
        (a, b)
        for ids in (later[0].under_segmented if later else [])
        for a, b in combinations(sorted(ids, key=lambda i: (first.area_px.get(i, 0), i)), 2)
        if _is_one_body(first, a, b) and is_lasting(_shown_as_one(later, a, b), config)
    ]
    return list({fragment: (fragment, whole) for fragment, whole in pairs}.values())


def _shown_as_one(informative: list[FrameRecord], a: int, b: int) -> Iterator[bool]:
    """Yield, for each frame that shows either of two, whether it does not show them apart."""
    return (not r.shows_apart(a, b) for r in informative if r.is_seen(a) or r.is_seen(b))


def _begins_now(
    informative: list[FrameRecord], a: TrackState, b: TrackState, noise: MovieNoise, config: LinkingConfig
) -> bool:
    """Tell whether no later frame is the likelier beginning of a pair's merge.

    Before a merge a pair in contact is often enough segmented as one, while after it the child is seldom
    taken for two. A frame in which the two halves are joined by a thick neck says nothing.
    """
    frame, balance = informative[0].frame, 0.0
    for record in informative:
        if record.shows_apart(a.id, b.id):
            is_neck = config.necks_join and is_welded(record, a.id, b.id)
            is_joined = is_neck or _is_one_body(record, a.id, b.id)
            balance += 0 if is_joined else noise.log_odds_apart()
        elif record.is_seen(a.id) or record.is_seen(b.id):
            balance += _log_odds_shown(frame, record, a, b, noise)
        if balance < -MIN_LATER_NATS:
            return False
    return True


def _log_odds_shown(
    frame: int, record: FrameRecord, a: TrackState, b: TrackState, noise: MovieNoise
) -> float:
    """Return how a detection in which two may be one, or be one and the other missed, speaks for a merge.

    ``frame`` is that of the merge. Where the detection is no larger than one of them, the other was missed.
    """
    pair = {a.id, b.id}
    own = [track.area_before(frame) for track in (a, b)]
    others = (record.sharing_with(a.id) | record.sharing_with(b.id)) - pair
    if others or not all(own) or pair & record.at_border:
        return -float(np.log(SHARED_AGAIN))
    return noise.log_odds_joint(sum(record.area_px[i] for i in pair if record.is_seen(i)), *own)


def _is_one_body(record: FrameRecord, a: int, b: int) -> bool:
    """Tell whether two in contact lie so deep in each other that they are rather halves of one."""
    if not record.in_contact(a, b):
        return False
    part_a, part_b = np.argwhere(record.mask_of(a)), np.argwhere(record.mask_of(b))
    distance = np.linalg.norm(part_a.mean(axis=0) - part_b.mean(axis=0))
    radii = np.sqrt(len(part_a) / np.pi) + np.sqrt(len(part_b) / np.pi)
    return bool(distance < ONE_BODY_FRACTION * radii)


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


def connected(pairs: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """Return the connected sets of ids that the pairs make."""
    sets: list[frozenset[int]] = []
    for a, b in pairs:
        touching = [s for s in sets if a in s or b in s]
        sets = [s for s in sets if s not in touching] + [frozenset({a, b}).union(*touching)]
    return sets


def _test_areas(
    ids: frozenset[int],
    window: list[FrameRecord],
    tracks: Mapping[int, TrackState],
    noise: MovieNoise,
    config: LinkingConfig,
) -> MergeDecision:
    """Tell the members that bring area along from those that vanish beside the largest, and from guests."""
    frame = window[0].frame
    shown = [r for r in window if r.is_informative and _is_joint(r, ids)]
    whole = [r for r in shown if not ids & r.at_border]
    joint = [sum(r.area_px.get(i, 0) for i in ids) for r in whole or shown]
    n_frames = n_area_frames(noise)
    before = {i: tracks[i].area_before(frame, n_frames) for i in ids}
    there = {i for i in ids if before[i] > 0 and was_there(tracks[i], frame)}
    by_area = sorted(ids, key=lambda i: (i not in there, -before[i], i))
    usual_radius = float(np.sqrt(np.median(list(before.values())) / np.pi)) or 1.0
    vanished, sure = set[int](), list[Vanishing]()
    for i in by_area[:0:-1]:
        others = sum(before[j] for j in ids - vanished - {i})
        if i not in there or not joint or others == 0:
            vanished.add(i)
            continue
        seen = Vanishing(
            other_px=others,
            gone_px=before[i],
            after_px=float(np.median(joint[:n_frames])),
            n_before=min(len(tracks[i].areas_before(frame)), n_frames),
            n_after=len(joint[:n_frames]),
            pull=None,
            gap_px=0.0,
            log_odds=LOG_ODDS_SHARED + log_odds_of(tracks[i], window[0], noise, others),
            n_cut=int(not whole) + int(any(tracks[j].is_cut_before(frame) for j in ids - vanished - {i})),
        )
        nats = nats_for_merge(seen, noise, usual_radius)
        if nats <= 0:
            vanished.add(i)
        elif nats >= SURE_NATS:
            sure.append(seen)
    hidden = frozenset(i for i in vanished if _shares_lastingly(i, ids, window, config))
    return MergeDecision(ids - vanished, hidden, frozenset(vanished) - hidden, sure=tuple(sure))


def is_shrinking(track: TrackState, frame: int, noise: MovieNoise) -> bool:
    """Tell whether a track has lost area in its last frames before ``frame``, beyond what outlines jitter."""
    areas = track.areas_before(frame)[-N_SHRINKING_FRAMES:]
    if len(areas) < 2 * N_HALF_MIN:
        return False
    half = len(areas) // 2
    lost = float(np.log(np.median(areas[:half]) / np.median(areas[-half:])))
    return lost > float(max(MIN_SHRINKING_LOG, SHRINKING_SIGMAS * noise.area_log() / np.sqrt(half)))


def was_there(track: TrackState, frame: int) -> bool:
    """Tell whether a track was seen alone, and not only once, shortly before a frame: so it is no guest."""
    if track.is_fading:
        return False
    own = [o.frame for o in track.observations if o.frame < frame]
    return len(own) >= min(MIN_SEEN_FRAMES, frame) and own[-1] >= frame - MAX_UNSEEN_FRAMES


def log_odds_of(track: TrackState, record: FrameRecord, noise: MovieNoise, other_px: float) -> float:
    """Return what is known beforehand, in nats, of a track that vanishes beside another in a frame.

    ``other_px`` is the area of that one: what is a speck beside it may well be one. One that was not seen for
    longer than particles are missed may have been gone before.
    """
    seen = (o.frame for o in reversed(track.observations) if o.frame < record.frame)
    n_unseen = record.frame - 1 - next(seen, record.frame - 1)
    return _log_odds_at_last(track, record, noise, other_px) + min(-noise.log_odds_gone(n_unseen), 0.0)


def _log_odds_at_last(track: TrackState, record: FrameRecord, noise: MovieNoise, other_px: float) -> float:
    """Return the same of one that was seen in the frame before."""
    areas = track.areas_before(record.frame)
    is_small = track.area_before(record.frame) < SPECK_AREA * other_px
    is_short = len(areas) < (MIN_SPECK_FRAMES if is_small else MIN_PARENT_FRAMES)
    if is_short or (is_small and _is_erratic(areas, noise)):
        return LOG_ODDS_SEEN_SHORTLY
    beforehand = noise.log_odds_no_speck() if is_small else 0.0
    if is_dissolving(track, record.frame) or is_shrinking(track, record.frame, noise):
        return beforehand + LOG_ODDS_DISSOLVING
    return beforehand + (LOG_ODDS_AT_BORDER if _may_have_left(track, record, noise) else LOG_ODDS_STEADY)


def _is_erratic(areas: list[float], noise: MovieNoise) -> bool:
    """Tell whether areas, oldest first, are rather those of specks that come and go than of one particle."""
    changes = np.abs(np.diff(np.log(areas[-MIN_SPECK_FRAMES:])))
    return float(np.median(changes)) > ERRATIC_SIGMAS * noise.area_log()


def _may_have_left(track: TrackState, record: FrameRecord, noise: MovieNoise) -> bool:
    """Tell whether a track was at the border when last seen before a frame, or one step from it."""
    before = [o for o in track.observations if o.frame < record.frame]
    if track.touches_border or not before:
        return track.touches_border
    at, radius = (before[-1].y_px, before[-1].x_px), float(np.sqrt(before[-1].area_px / np.pi))
    steps = ((0.0, 0.0), track.velocity_px, record.step_px)
    places = [(at[k] + step[k], record.drawn.shape[k] - 1) for step in steps for k in (0, 1)]
    way = min(min(place, end - place) for place, end in places)
    return bool(way < radius + LEAVING_SIGMAS * noise.motion_px(radius))


def _shares_lastingly(
    track_id: int, ids: frozenset[int], window: list[FrameRecord], config: LinkingConfig
) -> bool:
    """Tell whether a track stays in a detection with the others; else it ends when it is gone from it."""
    shown = (
        bool(ids & r.sharing_with(track_id)) for r in window if r.is_informative and ids & r.area_px.keys()
    )
    return is_lasting(shown, config)


def _n_joint(window: list[FrameRecord], ids: frozenset[int]) -> int:
    return sum(r.is_informative and _is_joint(r, ids) for r in window)


def _is_joint(record: FrameRecord, ids: frozenset[int]) -> bool:
    return any(ids <= sharing for sharing in record.under_segmented)

"""Merges whose contact nobody filmed: a particle is gone, and a neighbour has grown by it.

A *window* is the list of undecided frames, the one in question first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial import cKDTree

from temtrack.linking.config import LinkingConfig
from temtrack.linking.evidence import N_AREA_FRAMES, SURE_NATS, Vanishing, nats_for_merge, tree_gaps
from temtrack.linking.hypotheses import (
    MAX_UNSEEN_FRAMES,
    MIN_SEEN_FRAMES,
    MergeDecision,
    log_odds_of,
    was_there,
)
from temtrack.linking.noise import MovieNoise, log_t
from temtrack.linking.records import FrameRecord, Observation, TrackState

#: A merge over a gap is looked for among neighbours whose gap is at most so many usual radii, however little
#: they moved before: neighbours attract each other.
MAX_GAP_RADII = 2.0

#: Of the gone, at most so many are tried with one neighbour.
MAX_GONE = 4


@dataclass(frozen=True)
class _Gone:
    """A track that is not seen again, and its last observation before."""

    track: TrackState
    last: Observation


@dataclass(frozen=True)
class _Hypothesis:
    """Gone tracks merge with a child, now or in a later frame up to which they are only missed."""

    nats: float
    child: int
    gone: tuple[_Gone, ...]
    frame: int
    seen: Vanishing

    @property
    def parents(self) -> frozenset[int]:
        return frozenset(one.track.id for one in self.gone)


def decide_vanished(
    window: list[FrameRecord],
    tracks: Mapping[int, TrackState],
    last_frame: int,
    noise: MovieNoise,
    config: LinkingConfig,
) -> tuple[list[MergeDecision], dict[int, int]]:
    """Return the merges, in the window's first frame, of tracks that were seen before and are not any more.

    And of those that merge later, having been missed before, in which frame they do.

    Parameters
    ----------
    window, tracks
        The undecided frames, and the tracks in them or ended just before.
    last_frame
        The last informative frame before.
    noise, config
        What is known of the movie, and thresholds.
    """
    record = window[0]
    if record.frame == 0 or not record.is_informative or record.is_low_recall:
        return [], {}
    shown = [r for r in window if r.is_informative and not r.is_low_recall]
    gone = _find_gone(record, shown, tracks, last_frame, config)
    if not gone:
        return [], {}
    seen = _find_children(window, tracks, {one.track.id for one in gone})
    if not seen:
        return [], {}
    ids = list(seen)
    radii = np.sqrt(np.array([o.area_px for o in seen.values()]) / np.pi)
    usual = float(np.median(radii))
    widest = MAX_GAP_RADII * usual + 1.0
    tree = cKDTree([(o.y_px, o.x_px) for o in seen.values()])
    near: dict[int, list[_Gone]] = {}
    for one in gone:
        at = (one.last.y_px + record.step_px[0], one.last.x_px + record.step_px[1])
        reach = np.sqrt(one.last.area_px / np.pi) + float(radii.max()) + widest
        for row in tree.query_ball_point(at, reach):
            near.setdefault(ids[row], []).append(one)
    weighed = (
        _weigh(tracks[child], some, shown, widest, usual, noise)
        for child, candidates in near.items()
        for size in range(1, min(len(candidates), MAX_GONE) + 1)
        for some in combinations(candidates, size)
    )
    return _best_apart([one for one in weighed if one is not None and one.nats > 0], record.frame)


def _weigh(
    child: TrackState,
    gone: tuple[_Gone, ...],
    shown: list[FrameRecord],
    widest_gap: float,
    radius_px: float,
    noise: MovieNoise,
) -> _Hypothesis | None:
    """Return how likely some gone tracks merge with a child, in nats; ``None`` where they cannot."""
    n_missed = _n_missed(child, gone, shown, noise)
    seen = _look(child, gone, shown[n_missed], widest_gap, noise)
    if seen is None:
        return None
    nats = nats_for_merge(seen, noise, radius_px) + min(noise.log_odds_gone(len(shown)), 0.0)
    nats += len(gone) * noise.log_missed(n_missed)
    return _Hypothesis(nats, child.id, gone, shown[n_missed].frame, seen)


def _n_missed(child: TrackState, gone: tuple[_Gone, ...], shown: list[FrameRecord], noise: MovieNoise) -> int:
    """Return how many frames missed some gone tracks before they merged with a child.

    As long as its area is rather what it was than what theirs adds, they have not.
    """
    frame = shown[0].frame
    before = [o.area_px for o in child.observations if o.frame < frame][-N_AREA_FRAMES:]
    if not before or any(one.track.merges_in == frame for one in gone):
        return 0
    other, gone_px = float(np.median(before)), sum(one.track.area_before(frame) for one in gone)
    sigma = noise.area_log() * float(np.sqrt(1 + 1 / len(before)))
    balance, best, n_missed = 0.0, 0.0, 0
    for n, record in enumerate(shown[: min(MAX_UNSEEN_FRAMES, len(shown) - 1)], start=1):
        if (own := child.observed_in(record.frame)) is not None:
            alone = float(log_t(np.array(np.log(own.area_px / other) / sigma), 1)) - np.log(sigma)
            balance += alone - noise.log_density_after(other, gone_px, own.area_px, sigma)
        nats = balance + len(gone) * noise.log_missed(n)
        if nats > best:
            best, n_missed = nats, n
    return n_missed


def _find_gone(
    record: FrameRecord,
    shown: list[FrameRecord],
    tracks: Mapping[int, TrackState],
    last_frame: int,
    config: LinkingConfig,
) -> list[_Gone]:
    """Return the tracks that were alone in the last informative frame and hardly in any from now on.

    And those of which is known that they merge now.
    """
    frame = record.frame
    shared = frozenset[int]().union(*record.under_segmented)
    gone = []
    for i in sorted(tracks.keys() - record.alone() - shared):
        track = tracks[i]
        last = next((o for o in reversed(track.observations) if o.frame < frame), None)
        if (
            last is None
            or (last.frame < last_frame and track.merges_in != frame)
            or len(track.areas_before(frame)) < MIN_SEEN_FRAMES
        ):
            continue
        again = [track.observed_in(r.frame) is not None for r in shown]
        if np.mean(again) <= 1 - config.lasting_fraction and not any(again[-2:]):
            gone.append(_Gone(track, last))
    return gone


def _find_children(
    window: list[FrameRecord], tracks: Mapping[int, TrackState], gone: set[int]
) -> dict[int, Observation]:
    """Return what was seen of the tracks that are alone in the first frame, or missed there and alone next.

    They are where they would be in the first frame, had they moved with the field.
    """
    first, step = window[0], np.zeros(2)
    seen = {i: o for i in sorted(first.alone() & tracks.keys()) if (o := tracks[i].observed_in(first.frame))}
    missed = (first.gap_filled & tracks.keys()) - gone
    for record in window[1 : 1 + MAX_UNSEEN_FRAMES]:
        step += record.step_px
        for i in sorted(missed):
            if o := tracks[i].observed_in(record.frame):
                seen[i] = o._replace(y_px=o.y_px - step[0], x_px=o.x_px - step[1])
        missed -= record.area_px.keys() - record.gap_filled
    return seen


def _look(
    child: TrackState, gone: tuple[_Gone, ...], record: FrameRecord, widest_gap: float, noise: MovieNoise
) -> Vanishing | None:
    """Return what was seen of some gone tracks beside a child; ``None`` where they cannot be in it."""
    frame = record.frame
    before = [o for o in child.observations if o.frame < frame][-N_AREA_FRAMES:]
    after = [o for o in child.observations if o.frame >= frame][:N_AREA_FRAMES]
    if not after or (not was_there(child, frame) if before else len(gone) < 2):
        return None  # a guest is no parent
    last_frame = max(one.last.frame for one in gone)
    beside = [o for o in child.observations if o.frame <= last_frame][-1:] or before[-1:]
    members = [*(one.last for one in gone), *beside]
    at = np.array([(o.y_px, o.x_px) for o in members])
    gap = float(tree_gaps(at, np.sqrt(np.array([o.area_px for o in members]) / np.pi)).max(initial=-np.inf))
    if gap > widest_gap:
        return None
    other = float(np.median([o.area_px for o in before])) if before else 0.0
    whole = [o for o in after if not o.is_cut]
    areas = [one.track.area_before(frame) for one in gone]
    n_before = min(len(before) or N_AREA_FRAMES, *(len(one.track.areas_before(frame)) for one in gone))
    pull = _pull(before[-1], [one.last for one in gone], areas, after[0], record.step_px) if before else None
    if pull is not None and (min(last_frame, before[-1].frame) < frame - 2 or after[0].frame > frame):
        pull = None
    return Vanishing(
        other_px=other,
        gone_px=sum(areas),
        after_px=float(np.median([o.area_px for o in whole or after])),
        n_before=min(n_before, N_AREA_FRAMES),
        n_after=len(whole or after),
        pull=pull,
        gap_px=gap,
        log_odds=sum(log_odds_of(one.track, record, noise, other) for one in gone),
        n_cut=int(not whole) + int(bool(before) and before[-1].is_cut),
    )


def _pull(
    other: Observation,
    gone: list[Observation],
    areas: list[float],
    after: Observation,
    step_px: tuple[float, float],
) -> tuple[float, float] | None:
    """Return how far the other moved towards the common centre, and how far that is."""
    weights = np.array([other.area_px, *areas])
    at = np.array([(o.y_px, o.x_px) for o in (other, *gone)])
    way = weights @ at / weights.sum() - at[0]
    length = float(np.hypot(*way))
    if length == 0:
        return None
    moved = np.array([after.y_px - step_px[0], after.x_px - step_px[1]]) - at[0]
    return float(moved @ way / length), length


def _best_apart(weighed: list[_Hypothesis], frame: int) -> tuple[list[MergeDecision], dict[int, int]]:
    """Choose the best hypotheses, best first, that have no track in common: those of this frame and of later.

    Of later ones only the frame stands, for each of the gone.
    """
    chosen, later, used = [], dict[int, int](), set[int]()
    for one in sorted(weighed, key=lambda one: -one.nats):
        parents, host = one.parents, frozenset({one.child})
        if (parents | host) & used:
            continue
        used |= parents
        if one.frame > frame:
            later |= dict.fromkeys(parents, one.frame)
            continue
        used |= host
        if one.seen.other_px:
            sure = (one.seen,) if one.nats >= SURE_NATS else ()
            chosen.append(MergeDecision(parents | host, frozenset(), gone=parents, sure=sure))
        else:
            chosen.append(MergeDecision(parents, frozenset(), gone=parents, newborn=host))
    return chosen, later

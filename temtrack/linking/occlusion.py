"""Who is who after tracks that shared a segment part again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from temtrack.imaging.labels import Regions
from temtrack.linking.association import Association, Link
from temtrack.linking.records import FrameRecord, TrackState

#: Tracks change places only where that fits better by this much; the unit is one radius, or e^(1/2) in area.
MIN_ADVANTAGE = 0.75

#: Cost of a difference of one in the logarithm of the area, in radii of distance.
COST_OF_LOG_AREA = 2.0

#: Overlap tells well enough who is who after fewer fused frames than this.
MIN_FUSED_FRAMES = 2

#: A segment that nothing explains belongs to a parting only this near, in units of the sum of the radii.
REACH_RADII = 1.5


@dataclass(frozen=True)
class Parting:
    """Tracks that shared a segment and the segments in which they go on, at first guess one for one."""

    tracks: tuple[TrackState, ...]
    segments: tuple[int, ...]


def settle_partings(
    association: Association,
    recent: list[FrameRecord],
    tracks: Mapping[int, TrackState],
    segments: Regions,
) -> Association:
    """Give the segments of tracks that part in this frame to those whom motion and area fit best.

    While they shared a segment, overlap said little of who was where; so each is compared with its motion
    and area before they met.
    """
    recent = [r for r in recent if r.is_informative][-MIN_FUSED_FRAMES:]
    if len(recent) < MIN_FUSED_FRAMES or not recent[-1].fused:
        return association
    frame = recent[-1].frame + 1
    for ids in recent[-1].fused:
        if not any(ids <= earlier for earlier in recent[0].fused):
            continue
        association = _stay_together(association, ids)
        parting = (
            _parted(ids, association, tracks)
            or _left_behind(ids, association, tracks, segments)
            or _taken_over(ids, association, tracks)
        )
        if parting is not None:
            association = _assign(association, _best_fit(parting, segments, frame))
    return association


def _stay_together(association: Association, ids: frozenset[int]) -> Association:
    """Leave tracks without a segment of their own in that of those with whom they shared one.

    Where each was in there is a guess; so that it was predicted outside is no reason to miss it.
    """
    homeless = tuple(i for i in association.missing if i in ids)
    shared = [link for link in association.links if set(link.tracks) & ids and len(link.segments) == 1]
    if not homeless or len(shared) != 1:
        return association
    joint = Link((*shared[0].tracks, *homeless), shared[0].segments)
    return replace(
        association,
        links=tuple(joint if link is shared[0] else link for link in association.links),
        missing=tuple(i for i in association.missing if i not in homeless),
    )


def _parted(
    ids: frozenset[int], association: Association, tracks: Mapping[int, TrackState]
) -> Parting | None:
    """Return the tracks of a former fusion that now have segments of their own, where there are several."""
    own = {
        link.tracks[0]: link.segments[0]
        for link in association.links
        if len(link.tracks) == len(link.segments) == 1 and link.tracks[0] in ids
    }
    known = [i for i in sorted(own) if tracks[i].sightings]
    if len(known) < 2:
        return None
    return Parting(tuple(tracks[i] for i in known), tuple(own[i] for i in known))


def _left_behind(
    ids: frozenset[int], association: Association, tracks: Mapping[int, TrackState], segments: Regions
) -> Parting | None:
    """Return a pair still linked to one segment although the other's has turned up nearby.

    That is so where the two segments together close the area of the two tracks better than one alone.
    """
    joint = next(
        (link for link in association.links if len(link.tracks) == 2 and ids >= set(link.tracks)), None
    )
    if joint is None or not association.new or not all(tracks[i].sightings for i in joint.tracks):
        return None
    row = int(np.searchsorted(segments.ids, joint.segments[0]))
    new = np.searchsorted(segments.ids, association.new)
    distance = np.hypot(segments.y_px[new] - segments.y_px[row], segments.x_px[new] - segments.x_px[row])
    near = distance <= REACH_RADII * (segments.radius_px[new] + segments.radius_px[row])
    before = sum(tracks[i].sightings[-1].area_px for i in joint.tracks)
    lacking = before - segments.area_px[row]
    closes = np.abs(lacking - segments.area_px[new]) < 0.5 * segments.area_px[new]
    fitting = np.flatnonzero(near & closes)
    if fitting.size == 0:
        return None
    nearest = int(fitting[np.argmin(distance[fitting])])
    return Parting(tuple(tracks[i] for i in joint.tracks), (joint.segments[0], association.new[nearest]))


def _taken_over(
    ids: frozenset[int], association: Association, tracks: Mapping[int, TrackState]
) -> Parting | None:
    """Return the tracks of a former fusion of which one was carried into all the segments that now part."""
    whole = next(
        (link for link in association.links if len(link.segments) > 1 and ids >= set(link.tracks)), None
    )
    if whole is None:
        return None
    sharers = (*whole.tracks, *(i for i in association.missing if i in ids))
    if len(sharers) != len(whole.segments) or not all(tracks[i].sightings for i in sharers):
        return None
    return Parting(tuple(tracks[i] for i in sharers), whole.segments)


def _best_fit(parting: Parting, segments: Regions, frame: int) -> dict[int, int]:
    """Assign segments to tracks by motion and area before the fusion; else as guessed."""
    rows = np.searchsorted(segments.ids, parting.segments)
    found = np.stack([segments.y_px[rows], segments.x_px[rows]], axis=1)
    last = [track.sightings[-1] for track in parting.tracks]
    steps = np.array([frame - s.frame for s in last])
    expected = np.array([(s.y_px, s.x_px) for s in last])
    expected = expected + steps[:, None] * np.array([track.velocity_px for track in parting.tracks])
    # Drift since then moved all alike, so only places relative to each other count.
    gap = (expected - expected.mean(axis=0))[:, None] - (found - found.mean(axis=0))[None]
    area = np.array([s.area_px for s in last])
    distance = np.linalg.norm(gap, axis=2) / np.sqrt(area / np.pi)[:, None]
    cost = distance + COST_OF_LOG_AREA * np.abs(np.log(segments.area_px[rows][None] / area[:, None]))
    order = linear_sum_assignment(cost)[1]
    if np.trace(cost) - cost[np.arange(len(order)), order].sum() < MIN_ADVANTAGE:
        order = np.arange(len(order))
    return {track.id: parting.segments[j] for track, j in zip(parting.tracks, order, strict=True)}


def _assign(association: Association, segment_of: Mapping[int, int]) -> Association:
    """Return the association with some tracks linked one to one as stated."""
    links = [link for link in association.links if not set(link.tracks) & segment_of.keys()]
    links += [Link((track,), (segment,)) for track, segment in segment_of.items()]
    used = set(segment_of.values())
    return Association(
        links=tuple(links),
        missing=tuple(i for i in association.missing if i not in segment_of),
        new=tuple(s for s in association.new if s not in used),
    )

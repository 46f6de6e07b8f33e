"""Re-identification after occlusion: who is who when tracks that shared a detection separate again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from temtrack.imaging.labels import Regions
from temtrack.linking.association import Association, Link
from temtrack.linking.records import FrameRecord, TrackState

#: Tracks change places only where that fits better by this much; the unit is a radius of the largest, or
#: e^(1/2) in area.
MIN_ADVANTAGE = 0.75

#: Cost of a difference of one in the logarithm of the area, in radii of distance.
COST_OF_LOG_AREA = 2.0

#: Overlap tells well enough who is who after fewer shared frames than this.
MIN_SHARED_FRAMES = 2

#: A detection that nothing explains belongs to a separation only this near, in units of the sum of the radii.
REACH_RADII = 1.5


@dataclass(frozen=True)
class Separation:
    """Tracks that shared a detection and the detections in which they go on, at first guess one for one."""

    tracks: tuple[TrackState, ...]
    detections: tuple[int, ...]


def reidentify_after_occlusion(
    association: Association,
    recent: list[FrameRecord],
    tracks: Mapping[int, TrackState],
    detections: Regions,
) -> Association:
    """Give the detections of tracks that separate in this frame to those whom motion and area fit best.

    While they shared a detection, overlap said little of who was where; so each is compared with its motion
    and area before they met.
    """
    recent = [r for r in recent if r.is_informative][-MIN_SHARED_FRAMES:]
    if len(recent) < MIN_SHARED_FRAMES or not recent[-1].under_segmented:
        return association
    frame = recent[-1].frame + 1
    for ids in recent[-1].under_segmented:
        if not any(ids <= earlier for earlier in recent[0].under_segmented):
            continue
        association = _keep_sharing(association, ids)
        separation = (
            _in_own_detections(ids, association, tracks)
            or _beside_unmatched_detection(ids, association, tracks, detections)
            or _in_fragments_of_one(ids, association, tracks)
        )
        if separation is not None:
            association = _assign(association, _best_fit(separation, detections, frame))
    return association


def _keep_sharing(association: Association, ids: frozenset[int]) -> Association:
    """Leave tracks without a detection of their own in that of those with whom they shared one.

    Where each was in there is a guess; so that it was predicted outside is no reason to miss it.
    """
    unmatched = tuple(i for i in association.unmatched_tracks if i in ids)
    shared = [link for link in association.links if set(link.tracks) & ids and len(link.detections) == 1]
    if not unmatched or len(shared) != 1:
        return association
    joint = Link((*shared[0].tracks, *unmatched), shared[0].detections)
    return replace(
        association,
        links=tuple(joint if link is shared[0] else link for link in association.links),
        unmatched_tracks=tuple(i for i in association.unmatched_tracks if i not in unmatched),
    )


def _in_own_detections(
    ids: frozenset[int], association: Association, tracks: Mapping[int, TrackState]
) -> Separation | None:
    """Return the tracks that shared a detection and now have their own, where there are several."""
    own = {
        link.tracks[0]: link.detections[0]
        for link in association.links
        if len(link.tracks) == len(link.detections) == 1 and link.tracks[0] in ids
    }
    known = [i for i in sorted(own) if tracks[i].observations]
    if len(known) < 2:
        return None
    return Separation(tuple(tracks[i] for i in known), tuple(own[i] for i in known))


def _beside_unmatched_detection(
    ids: frozenset[int], association: Association, tracks: Mapping[int, TrackState], detections: Regions
) -> Separation | None:
    """Return a pair still linked to one detection although the other's has turned up nearby.

    That is so where the two detections together close the area of the two tracks better than one alone.
    """
    joint = next(
        (link for link in association.links if len(link.tracks) == 2 and ids >= set(link.tracks)), None
    )
    if (
        joint is None
        or not association.unmatched_detections
        or not all(tracks[i].observations for i in joint.tracks)
    ):
        return None
    row = int(np.searchsorted(detections.ids, joint.detections[0]))
    new = np.searchsorted(detections.ids, association.unmatched_detections)
    distance = np.hypot(
        detections.y_px[new] - detections.y_px[row], detections.x_px[new] - detections.x_px[row]
    )
    near = distance <= REACH_RADII * (detections.radius_px[new] + detections.radius_px[row])
    before = sum(tracks[i].observations[-1].area_px for i in joint.tracks)
    lacking = before - detections.area_px[row]
    closes = np.abs(lacking - detections.area_px[new]) < 0.5 * detections.area_px[new]
    fitting = np.flatnonzero(near & closes)
    if fitting.size == 0:
        return None
    nearest = int(fitting[np.argmin(distance[fitting])])
    return Separation(
        tuple(tracks[i] for i in joint.tracks),
        (joint.detections[0], association.unmatched_detections[nearest]),
    )


def _in_fragments_of_one(
    ids: frozenset[int], association: Association, tracks: Mapping[int, TrackState]
) -> Separation | None:
    """Return the tracks that shared a detection, of which one was propagated into all that now separate."""
    whole = next(
        (link for link in association.links if len(link.detections) > 1 and ids >= set(link.tracks)), None
    )
    if whole is None:
        return None
    sharers = (*whole.tracks, *(i for i in association.unmatched_tracks if i in ids))
    if len(sharers) != len(whole.detections) or not all(tracks[i].observations for i in sharers):
        return None
    return Separation(tuple(tracks[i] for i in sharers), whole.detections)


def _best_fit(separation: Separation, detections: Regions, frame: int) -> dict[int, int]:
    """Assign detections to tracks by motion and area before the occlusion; else as guessed."""
    rows = np.searchsorted(detections.ids, separation.detections)
    found = np.stack([detections.y_px[rows], detections.x_px[rows]], axis=1)
    last = [track.observations[-1] for track in separation.tracks]
    steps = np.array([frame - s.frame for s in last])
    expected = np.array([(s.y_px, s.x_px) for s in last])
    expected = expected + steps[:, None] * np.array([track.velocity_px for track in separation.tracks])
    # Drift since then moved all alike, so only places relative to each other count.
    gap = (expected - expected.mean(axis=0))[:, None] - (found - found.mean(axis=0))[None]
    area = np.array([s.area_px for s in last])
    distance = np.linalg.norm(gap, axis=2) / np.sqrt(area.max() / np.pi)
    cost = distance + COST_OF_LOG_AREA * np.abs(np.log(detections.area_px[rows][None] / area[:, None]))
    order = linear_sum_assignment(cost)[1]
    if np.trace(cost) - cost[np.arange(len(order)), order].sum() < MIN_ADVANTAGE:
        order = np.arange(len(order))
    return {track.id: separation.detections[j] for track, j in zip(separation.tracks, order, strict=True)}


def _assign(association: Association, detection_of: Mapping[int, int]) -> Association:
    """Return the association with some tracks linked one to one as stated."""
    links = [link for link in association.links if not set(link.tracks) & detection_of.keys()]
    links += [Link((track,), (detection,)) for track, detection in detection_of.items()]
    used = set(detection_of.values())
    return Association(
        links=tuple(links),
        unmatched_tracks=tuple(i for i in association.unmatched_tracks if i not in detection_of),
        unmatched_detections=tuple(s for s in association.unmatched_detections if s not in used),
    )

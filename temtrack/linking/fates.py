"""Where a track comes from and what becomes of it, where neither a merge nor a split explains it."""

from __future__ import annotations

from temtrack.lineage import Fate, Origin
from temtrack.linking.hypotheses import is_dissolving, is_shrinking
from temtrack.linking.noise import MovieNoise
from temtrack.linking.records import FrameRecord, TrackState

#: A new particle below this share of its own area at the end of the look-ahead is growing ...
GROWING_FRACTION = 0.7

#: ... and one below this share of the median area of the others is a nucleus.
NUCLEUS_FRACTION = 0.25

#: A last area below this many pixels is that of a particle about to vanish.
TINY_AREA_PX = 12


def classify_origin(track_id: int, window: list[FrameRecord], usual_area_px: float) -> Origin:
    """Return the origin of a track that begins, without whole or parents, in the window's first frame.

    ``usual_area_px`` is the median area there of those that were there before, NaN where there are none.
    """
    if window[0].frame == 0:
        return "present"
    if track_id in window[0].at_border:
        return "entered"
    area = window[0].area_px[track_id]
    latest = [r.area_px[track_id] for r in window if r.is_seen(track_id)][-1]
    is_small = area <= NUCLEUS_FRACTION * usual_area_px
    return "nucleated" if is_small or area <= GROWING_FRACTION * latest else "appeared"


def classify_fate(track: TrackState, shape: tuple[int, int], noise: MovieNoise) -> Fate:
    """Return the fate of a track that was not found again after its last observation."""
    if track.touches_border or _is_outside(track, shape):
        return "left"
    after = track.last_seen + 1
    areas = track.areas_before(after)
    is_tiny = bool(areas) and areas[-1] <= TINY_AREA_PX
    if is_tiny or is_dissolving(track, after) or is_shrinking(track, after, noise):
        return "dissolved"
    return "lost"


def _is_outside(track: TrackState, shape: tuple[int, int]) -> bool:
    """Tell whether a track's velocity has carried its centre out of the field since its last observation."""
    if not track.observations:
        return False
    last = track.observations[-1]
    steps = track.last_seen + 1 - last.frame
    y = last.y_px + track.velocity_px[0] * steps
    x = last.x_px + track.velocity_px[1] * steps
    return not (0 <= y < shape[0] and 0 <= x < shape[1])

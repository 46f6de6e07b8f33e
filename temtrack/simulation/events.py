"""Events: what happens to a small group of particles, inside a disc of its own.

Paths are in px about the middle of the disc; the specimen's drift comes on top. The events in which particles
merge are in `temtrack.simulation.merge_events`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError
from temtrack.lineage import NECK_RATIO
from temtrack.simulation.merging import joins
from temtrack.simulation.paths import confined_walk, ramp
from temtrack.simulation.projection import Floats
from temtrack.simulation.shapes import contour_at
from temtrack.simulation.specimen import GrainPaths, MergeEvent, ParticleGroup

#: Free space that an event keeps round its particles.
CLEARANCE_PX = 2.5
N_TRIES = 40


@dataclass(frozen=True)
class Event:
    """Paths of the grains of one group, and where it may lie.

    ``window`` is the span of frames in which all of it has to lie inside the field; ``merges`` tells which
    grains become one particle and when; ``edge`` is +1 for a particle that enters the field, -1 for one that
    leaves.
    """

    paths: GrainPaths
    window: tuple[int, int] | None = None
    merges: tuple[MergeEvent, ...] = ()
    edge: int = 0

    @property
    def reach_px(self) -> float:
        """Radius of the disc that holds the whole event, clearance included."""
        y_px, x_px = np.moveaxis(self.paths.place_px, 2, 0)
        return float((np.hypot(y_px, x_px) + self.paths.extent_px()).max()) + CLEARANCE_PX


def wander(rng: np.random.Generator, group: ParticleGroup) -> Event:
    """Let one particle move about its place for the whole movie."""
    return Event(moved(rng, group, np.zeros((1, 2))))


def nucleate(rng: np.random.Generator, group: ParticleGroup, frame: int) -> Event:
    """Let one particle appear at ``frame`` and grow, its volume or area at a falling rate, to its radius."""
    age = np.maximum(np.arange(group.n_frames) - frame + 0.3, 0) / rng.uniform(8, 20)
    radius = group.radius_px[0] * (1 - np.exp(-age)) ** (1 / group.power)
    paths = replace(moved(rng, group, np.zeros((1, 2))), radius_px=radius[:, None])
    return Event(paths, window=(frame, min(frame + 3, group.n_frames - 1)))


def dissolve(rng: np.random.Generator, group: ParticleGroup, end: int) -> Event:
    """Let the second of two neighbours shrink to nothing by ``end`` while the first takes what it loses."""
    big, small = group.radius_px
    start = max(0.0, end - rng.uniform(12, 40))
    left = 1 - np.clip((np.arange(group.n_frames) - start) / (end - start), 0, 1)
    p = group.power
    shrinking = small * left ** (1 / p)
    growing = (big**p + small**p - shrinking**p) ** (1 / p)
    reach = group.contours.max(axis=1)
    apart = growing.max() * reach[0] + small * reach[1] + rng.uniform(2.5, 5)
    offsets = np.array([-0.35 * apart, 0.65 * apart])[:, None] * direction(rng.uniform(0, 2 * np.pi))
    paths = replace(moved(rng, group, offsets), radius_px=np.column_stack([growing, shrinking]))
    return Event(paths, window=(max(0, end - 8), min(end + 1, group.n_frames - 1)))


def cross(rng: np.random.Generator, group: ParticleGroup, frame: int) -> Event:
    """Let two particles pass over each other, most covered at ``frame``, without being joined."""
    total = float(group.radius_px @ group.contours.max(axis=1))
    half_time = rng.uniform(6, 14)
    along = (total + 4) * (2 * ramp(group.n_frames, frame - half_time, frame + half_time) - 1)
    aside = total * rng.uniform(0.3, 0.7)
    angle = rng.uniform(0, 2 * np.pi)
    relative = along[:, None] * direction(angle) + aside * np.array([np.cos(angle), -np.sin(angle)])
    offsets = np.stack([-0.5 * relative, 0.5 * relative], axis=1)
    window = (max(0, int(frame - half_time)), min(int(frame + half_time) + 1, group.n_frames - 1))
    return Event(replace(moved(rng, group, offsets), layer=np.array([0, 1])), window)


def touch(rng: np.random.Generator, group: ParticleGroup, frame: int, hold_frames: int) -> Event:
    """Let two particles touch from ``frame`` on for ``hold_frames`` and part again; no neck grows."""
    n_frames = group.n_frames
    turn, relative = _narrow_contact(rng, group)
    parting = frame + hold_frames
    apart = approach(rng, n_frames, frame) + ramp(n_frames, parting, parting + 10)
    separation = 1 + rng.uniform(4, 10) * apart / np.linalg.norm(relative)
    offsets = separation[:, None, None] * np.stack([-0.5 * relative, 0.5 * relative])
    return Event(moved(rng, group, offsets, turn), window=(max(0, frame - 8), min(parting + 8, n_frames - 1)))


def _narrow_contact(rng: np.random.Generator, group: ParticleGroup) -> tuple[Floats, Floats]:
    """Draw turns (2,) and the way (2,) from the first to the second, in contact far below a merge's neck."""
    for _ in range(N_TRIES):
        turn, angle = rng.uniform(0, 2 * np.pi, 2), float(rng.uniform(-np.pi, np.pi))
        way = contact_distance(group, turn, 0, 1, angle, neck_ratio=0.12) * direction(angle)
        body = GrainPaths.of_group(group, np.stack([0 * way, way])[None], turn).grains(0)
        if not joins(body, group.radius_px, ratio=0.8 * NECK_RATIO)[0, 1]:
            return turn, way
    raise UsageError("particles of this shape cannot touch without a wide contact; use rounder ones")


def pass_edge(rng: np.random.Generator, group: ParticleGroup, frame: int, edge: int) -> Event:
    """Let one particle cross the field's edge, which runs through y = 0, at ``frame``.

    ``edge`` +1 enters (towards +y), -1 leaves; the field lies at y > 0.
    """
    far = float(group.radius_px[0] * group.contours.max()) + 2
    half_time = rng.uniform(5, 15)
    y_px = far * (2 * ramp(group.n_frames, frame - half_time, frame + half_time) - 1) * edge
    offsets = np.stack([y_px, np.zeros_like(y_px)], axis=1)[:, None, :]
    return Event(moved(rng, group, offsets), edge=edge)


def turned(event: Event, side: int) -> Event:
    """Turn an edge crossing so that the field lies at y > 0, x > 0, y < 0 or x < 0 (``side`` 0 to 3)."""
    place_px = event.paths.place_px * (-1.0 if side >= 2 else 1.0)
    place_px = place_px[..., ::-1] if side % 2 else place_px
    return replace(event, paths=replace(event.paths, place_px=place_px))


def moved(
    rng: np.random.Generator, group: ParticleGroup, offsets: Floats, turn: Floats | None = None
) -> GrainPaths:
    """Put a common Brownian motion on offsets (n, 2) or (T, n, 2), and slow turns where none are given."""
    n_frames, n = group.n_frames, group.radius_px.size
    place_px = offsets + confined_walk(rng, n_frames, 1, group.motion_px)
    if turn is None:
        turn = rng.uniform(0, 2 * np.pi, n) + 0.3 * confined_walk(rng, n_frames, n, 1.0)[:, :, 0]
    return GrainPaths.of_group(group, place_px, turn)


def approach(rng: np.random.Generator, n_frames: int, arrival: float, earliest: float = 0.0) -> Floats:
    """Return the fraction (n_frames,) of the way still to go: 1 until ``earliest``, 0 from ``arrival``."""
    duration = min(rng.uniform(8, 25), arrival - earliest)
    return 1 - ramp(n_frames, arrival - duration, arrival)


def direction(angle: float) -> NDArray[np.float64]:
    """Return the unit vector (y, x) at an angle (rad, from +x to +y)."""
    return np.array([np.sin(angle), np.cos(angle)])


def contact_distance(
    group: ParticleGroup, turn: Floats, host: int, new: int, angle: float, neck_ratio: float = 0.0
) -> float:
    """Return the distance at which ``new`` touches ``host`` in direction ``angle``, overlapping by a neck."""
    a = group.radius_px[host] * contour_at(group.contours[host], angle - turn[host])
    b = group.radius_px[new] * contour_at(group.contours[new], angle + np.pi - turn[new])
    neck = neck_ratio * min(group.radius_px[host], group.radius_px[new])
    return float(np.sqrt(a**2 - neck**2) + np.sqrt(b**2 - neck**2))

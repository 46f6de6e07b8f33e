"""Episodes: small groups of particles, each playing one event inside a disc of its own.

Paths are in px about the middle of the disc, arrays (T, n) for n grains; the specimen's drift comes on top.
The episodes in which particles merge are in `temtrack.simulation.merging`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError
from temtrack.lineage import NECK_RATIO
from temtrack.simulation.coalescence import Cast, grains_of, joins
from temtrack.simulation.paths import confined_walk, ramp
from temtrack.simulation.projection import Floats
from temtrack.simulation.shapes import outline_at

#: Free space that an episode keeps round its particles.
CLEARANCE_PX = 2.5
N_TRIES = 40


@dataclass(frozen=True)
class Union:
    """From ``frame`` on these ``grains`` (indices) are one particle."""

    frame: int
    grains: tuple[int, ...]


@dataclass(frozen=True)
class Episode:
    """Paths (T, n) of the grains of one group, and where it may lie.

    ``window`` is the span of frames in which all of it has to lie inside the field; ``unions`` tells which
    grains become one particle and when; ``edge`` is +1 for a particle that enters the field, -1 for one that
    leaves.
    """

    y_px: Floats
    x_px: Floats
    radius_px: Floats
    turn: Floats
    blend: Floats
    roundness: Floats
    outlines: NDArray[np.float32]
    layer: NDArray[np.int64]
    window: tuple[int, int] | None = None
    unions: tuple[Union, ...] = ()
    edge: int = 0

    @property
    def reach_px(self) -> float:
        """Radius of the disc that holds the whole episode, clearance included."""
        extent = self.radius_px * self.outlines.max(axis=1) + 1.2 * np.sqrt(self.blend)
        return float((np.hypot(self.y_px, self.x_px) + extent).max()) + CLEARANCE_PX

    def way_px(self, axis: int) -> Floats:
        """Return the first grain's path (T,) along one axis, 0 for y and 1 for x."""
        return (self.y_px, self.x_px)[axis][:, 0]


def wander(rng: np.random.Generator, cast: Cast) -> Episode:
    """Let one particle move about its place for the whole movie."""
    return episode_of(rng, cast, np.zeros((cast.n_frames, 1, 2)), np.tile(cast.radius_px, (cast.n_frames, 1)))


def nucleate(rng: np.random.Generator, cast: Cast, frame: int) -> Episode:
    """Let one particle appear at ``frame`` and grow, its volume at a falling rate, to its radius."""
    age = np.maximum(np.arange(cast.n_frames) - frame + 0.3, 0) / rng.uniform(8, 20)
    radius = cast.radius_px[0] * (1 - np.exp(-age)) ** (1 / 3)
    return episode_of(
        rng,
        cast,
        np.zeros((cast.n_frames, 1, 2)),
        radius[:, None],
        window=(frame, min(frame + 3, cast.n_frames - 1)),
    )


def dissolve(rng: np.random.Generator, cast: Cast, end: int) -> Episode:
    """Let the second of two neighbours shrink to nothing by ``end`` while the first takes its volume."""
    big, small = cast.radius_px
    start = max(0.0, end - rng.uniform(12, 40))
    left = 1 - np.clip((np.arange(cast.n_frames) - start) / (end - start), 0, 1)
    shrinking = small * left ** (1 / 3)
    growing = (big**3 + small**3 - shrinking**3) ** (1 / 3)
    reach = cast.outlines.max(axis=1)
    apart = growing.max() * reach[0] + small * reach[1] + rng.uniform(2.5, 5)
    places = _along(rng, np.array([-0.35 * apart, 0.65 * apart]))
    offsets = np.tile(places, (cast.n_frames, 1, 1))
    radius = np.column_stack([growing, shrinking])
    return episode_of(rng, cast, offsets, radius, window=(max(0, end - 8), min(end + 1, cast.n_frames - 1)))


def cross(rng: np.random.Generator, cast: Cast, frame: int) -> Episode:
    """Let two particles pass over each other, most covered at ``frame``, without being joined."""
    total = float(cast.radius_px @ cast.outlines.max(axis=1))
    half_time = rng.uniform(6, 14)
    way = (total + 4) * (2 * ramp(cast.n_frames, frame - half_time, frame + half_time) - 1)
    aside = total * rng.uniform(0.3, 0.7)
    angle = rng.uniform(0, 2 * np.pi)
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    relative = way[:, None] * along + aside * across
    offsets = np.stack([-0.5 * relative, 0.5 * relative], axis=1)
    window = (max(0, int(frame - half_time)), min(int(frame + half_time) + 1, cast.n_frames - 1))
    radius = np.tile(cast.radius_px, (cast.n_frames, 1))
    return episode_of(rng, cast, offsets, radius, layer=np.array([0, 1]), window=window)


def touch(rng: np.random.Generator, cast: Cast, frame: int, hold_frames: int) -> Episode:
    """Let two particles touch from ``frame`` on for ``hold_frames`` and part again; no neck grows."""
    n_frames = cast.n_frames
    turn, relative = _shy_touch(rng, cast)
    parting = frame + hold_frames
    apart = approach(rng, n_frames, frame) + ramp(n_frames, parting, parting + 10)
    separation = 1 + rng.uniform(4, 10) * apart / np.linalg.norm(relative)
    offsets = separation[:, None, None] * np.stack([-0.5 * relative, 0.5 * relative])
    return episode_of(
        rng,
        cast,
        offsets,
        np.tile(cast.radius_px, (n_frames, 1)),
        turn=np.tile(turn, (n_frames, 1)),
        window=(max(0, frame - 8), min(parting + 8, n_frames - 1)),
    )


def _shy_touch(rng: np.random.Generator, cast: Cast) -> tuple[Floats, Floats]:
    """Draw turns (2,) and the way (2,) from the first to the second, in contact far below a merge's neck."""
    for _ in range(N_TRIES):
        turn, angle = rng.uniform(0, 2 * np.pi, 2), float(rng.uniform(-np.pi, np.pi))
        distance = contact_distance(cast, turn, 0, 1, angle, neck_ratio=0.12)
        way = distance * np.array([np.sin(angle), np.cos(angle)])
        body = grains_of(cast, np.stack([0 * way, way]), turn, 1.0, 0.0, 0.0)
        if not joins(body, cast.radius_px, ratio=0.8 * NECK_RATIO)[0, 1]:
            return turn, way
    raise UsageError("particles of this shape cannot touch without a wide contact; use rounder ones")


def pass_edge(rng: np.random.Generator, cast: Cast, frame: int, edge: int) -> Episode:
    """Let one particle cross the field's edge, which runs through y = 0, at ``frame``.

    ``edge`` +1 enters (towards +y), -1 leaves; the field lies at y > 0.
    """
    far = float(cast.radius_px[0] * cast.outlines.max()) + 2
    half_time = rng.uniform(5, 15)
    way = far * (2 * ramp(cast.n_frames, frame - half_time, frame + half_time) - 1) * edge
    offsets = np.stack([way, np.zeros_like(way)], axis=1)[:, None, :]
    radius = np.tile(cast.radius_px, (cast.n_frames, 1))
    return episode_of(rng, cast, offsets, radius, edge=edge)


def turned(episode: Episode, side: int) -> Episode:
    """Turn an edge crossing so that the field lies at y > 0, x > 0, y < 0 or x < 0 (``side`` 0 to 3)."""
    sign = -1.0 if side >= 2 else 1.0
    y, x = sign * episode.y_px, sign * episode.x_px
    return replace(episode, y_px=x, x_px=y) if side % 2 else replace(episode, y_px=y, x_px=x)


def episode_of(
    rng: np.random.Generator,
    cast: Cast,
    offsets: Floats,
    radius_px: Floats,
    *,
    turn: Floats | None = None,
    layer: NDArray[np.int64] | None = None,
    window: tuple[int, int] | None = None,
    edge: int = 0,
) -> Episode:
    """Put the common Brownian motion on an episode's offsets (T, n, 2)."""
    n_frames, n = radius_px.shape
    moved = offsets + confined_walk(rng, n_frames, 1, cast.motion_px)
    if turn is None:
        turn = rng.uniform(0, 2 * np.pi, n) + 0.3 * confined_walk(rng, n_frames, n, 1.0)[:, :, 0]
    return Episode(
        y_px=moved[:, :, 0],
        x_px=moved[:, :, 1],
        radius_px=radius_px,
        turn=turn,
        blend=np.zeros((n_frames, n)),
        roundness=np.zeros((n_frames, n)),
        outlines=cast.outlines,
        layer=np.zeros(n, dtype=np.int64) if layer is None else layer,
        window=window,
        edge=edge,
    )


def approach(rng: np.random.Generator, n_frames: int, arrival: float, earliest: float = 0.0) -> Floats:
    """Return the share (n_frames,) of the way that is left: 1 until ``earliest``, 0 from ``arrival`` on."""
    duration = min(rng.uniform(8, 25), arrival - earliest)
    return 1 - ramp(n_frames, arrival - duration, arrival)


def _along(rng: np.random.Generator, distances: Floats) -> Floats:
    """Return places (n, 2) at signed ``distances`` (n,) on a line through the origin at a random angle."""
    angle = rng.uniform(0, 2 * np.pi)
    return np.asarray(distances[:, None] * np.array([np.sin(angle), np.cos(angle)]))


def contact_distance(
    cast: Cast, turn: Floats, host: int, new: int, angle: float, neck_ratio: float = 0.0
) -> float:
    """Return the distance at which ``new`` touches ``host`` in direction ``angle``, overlapping by a neck."""
    a = cast.radius_px[host] * outline_at(cast.outlines[host], angle - turn[host])
    b = cast.radius_px[new] * outline_at(cast.outlines[new], angle + np.pi - turn[new])
    neck = neck_ratio * min(cast.radius_px[host], cast.radius_px[new])
    return float(np.sqrt(a**2 - neck**2) + np.sqrt(b**2 - neck**2))

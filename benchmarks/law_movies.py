"""Simulated movies whose particles obey known laws of sintering, with their true masks.

The laws are those of ``tests/kinetic_laws.py``; images are formed as `temtrack.simulation` forms them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from kinetic_laws import NM_PER_PX, World, wander
from numpy.typing import NDArray

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.events import Event, approach, direction, moved
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie
from temtrack.simulation.packing import pack
from temtrack.simulation.schedule import assemble
from temtrack.simulation.shapes import N_ANGLES, rounded, rounded_polygon, unit_area
from temtrack.simulation.specimen import MergeEvent, ParticleGroup

Reals = NDArray[np.float64]
Rng = np.random.Generator

#: Room for particles that grow to twice their size, small and short enough for many movies.
FIELD = World(n_particles=36, n_frames=24, field_nm=160.0, diameter_nm=6.0, spread=0.2, flicker=0.02)

#: Brownian motion of all particles in nm2/s, where nothing else is said.
DIFFUSION = 0.01

#: Long over short axis of a child in its first frame: that of two spheres that touch is 2.2.
FIRST_ASPECT = 2.0

_CIRCLE = np.ones(N_ANGLES, dtype=np.float32)
_ELLIPSE = unit_area(
    rounded_polygon(np.array([[0, 0.5, 1, 1.5]]) * np.pi, np.array([[2.4, 1.0, 2.4, 1.0]]), np.array([2.0]))
)[0]
_ROUNDNESS = np.linspace(0, 1, 201)


def simulate_sizes(world: World, diameters_nm: Reals, rng: Rng, seed: int) -> SimulatedMovie:
    """Simulate particles of given diameters (N, T), NaN where they are gone, that wander."""
    radii = np.nan_to_num(diameters_nm) / 2 / NM_PER_PX
    ways = wander(world, rng, DIFFUSION) / NM_PER_PX
    events = [_lone(world, rng, radius, way) for radius, way in zip(radii, ways, strict=True)]
    return _movie(world, events, rng, seed)


def simulate_coalescence(world: World, n_merges: int, relax_s: float, rng: Rng, seed: int) -> SimulatedMovie:
    """Simulate pairs that merge, each child a spheroid whose aspect ratio falls as exp(-t / tau)."""
    sizes = world.diameter_nm * world.relative_sizes(rng) / 2 / NM_PER_PX
    ways = wander(world, rng, DIFFUSION) / NM_PER_PX
    frames = rng.integers(6, world.n_frames // 2, n_merges)
    events = [
        _pair(world, rng, sizes[2 * one : 2 * one + 2], ways[one], int(frame), relax_s)
        for one, frame in enumerate(frames)
    ]
    for one in range(2 * n_merges, world.n_particles):
        events.append(_lone(world, rng, np.full(world.n_frames, sizes[one]), ways[one]))
    return _movie(world, events, rng, seed)


def _lone(world: World, rng: Rng, radius_px: Reals, way_px: Reals) -> Event:
    group = ParticleGroup(radius_px[:1], _CIRCLE[None], world.n_frames, 0.0)
    return Event(replace(moved(rng, group, way_px[:, None]), radius_px=radius_px[:, None]))


def _pair(world: World, rng: Rng, radii_px: Reals, way_px: Reals, frame: int, relax_s: float) -> Event:
    """Let two spheres come near, touch, and be a spheroid of their volume from ``frame`` on."""
    n = world.n_frames
    angle = float(rng.uniform(0, 2 * np.pi))
    apart = radii_px.sum() + 6 * approach(rng, n, frame - 1)
    volumes = radii_px**3
    shares = np.array([-volumes[1], volumes[0], 0.0]) / volumes.sum()
    offsets = way_px[:, None] + apart[:, None, None] * shares[None, :, None] * direction(angle)
    since = (np.arange(n) - frame) * world.frame_time_s
    aspect = 1 + (FIRST_ASPECT - 1) * np.exp(-np.maximum(since, 0) / relax_s)
    child = np.cbrt(volumes.sum()) * aspect ** (1 / 6)  # the projection of a spheroid of that volume
    is_one = since >= 0
    radius = np.column_stack([np.where(is_one[:, None], 0, radii_px), np.where(is_one, child, 0)])
    group = ParticleGroup(radius.max(axis=0), np.stack([_CIRCLE, _CIRCLE, _ELLIPSE]), n, 0.0)
    window = (max(0, frame - 3), min(frame + 10, n - 1))
    paths = replace(
        moved(rng, group, offsets, np.full(3, angle)),
        radius_px=radius,
        roundness=np.column_stack([np.zeros((n, 2)), _roundness_at(aspect)]),
    )
    return Event(paths, window, (MergeEvent(frame, (0, 1, 2)),))


def _roundness_at(aspect: Reals) -> Reals:
    """Return how far the ellipse must be drawn to a circle for second moments of that aspect ratio."""
    contours = rounded(np.tile(_ELLIPSE, (_ROUNDNESS.size, 1)), _ROUNDNESS).astype(np.float64)
    theta = np.arange(N_ANGLES) * (2 * np.pi / N_ANGLES)
    along, across = (contours**4 @ part**2 for part in (np.cos(theta), np.sin(theta)))
    ratios = np.sqrt(along / across)
    return np.asarray(np.interp(aspect, ratios[::-1], _ROUNDNESS[::-1]))


def _movie(world: World, events: list[Event], rng: Rng, seed: int) -> SimulatedMovie:
    """Find room for all, also on the border for those that nothing happens to, and take the film."""
    side = int(world.field_nm / NM_PER_PX)
    reach = np.array([event.reach_px for event in events])
    inside = np.where([event.window is not None for event in events], reach, -1.0)[:, None]
    centres = pack(rng, reach, np.tile(inside, 2), side - np.tile(inside, 2))
    specimen = assemble(events, centres, np.zeros((world.n_frames, 2)))
    radius_px = world.diameter_nm / 2 / NM_PER_PX
    config = MovieConfig(
        world.n_frames,
        side,
        side,
        n_particles=0,
        radius_px=radius_px,
        contrast=1.0,
        unevenness=0.05,
        detector=Detector(dose_e_px=200.0),
    )
    return SimulatedMovie(config, specimen, seed)

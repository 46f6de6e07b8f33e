"""The schedule of a movie: which events happen when and where, and the specimen that comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from temtrack.simulation import events, merge_events
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.events import Event
from temtrack.simulation.layout import lattice_sites
from temtrack.simulation.packing import pack
from temtrack.simulation.projection import Floats
from temtrack.simulation.shapes import N_ANGLES, ShapeMix, draw_contours
from temtrack.simulation.specimen import LEAST_RADIUS_PX, GrainPaths, MergeEvent, ParticleGroup, Specimen

#: The stage settles within about this share of the movie.
_SETTLING_SHARE = 0.15
#: Disorder of a dense film, in pitches, and the least slit between its particles.
_FILM_DISORDER, _FILM_SLIT_PX = 0.08, 0.7


def prepare_specimen(rng: np.random.Generator, config: MovieConfig) -> Specimen:
    """Draw all events of a movie, find room for them, and set them in motion.

    Raises
    ------
    UsageError
        Where the events do not fit into the field or the time.
    """
    drift, zoom = _drift(rng, config), np.repeat(config.magnification, config.stride)[: config.n_moments]
    size = np.array([config.height, config.width])
    swept = float(np.prod((size / zoom.min() + np.ptp(drift, axis=0)) / size))
    n_lone = config.n_particles - config.n_in_events + round(config.n_particles * (swept - 1))
    planned = list(_planned(rng, config))
    if not config.lattice:
        planned += (events.wander(rng, _draw_group(rng, config, 1)) for _ in range(n_lone))
    boxes = [_box(rng, config, event, drift, zoom) for event in planned]
    placed = [event for event, _, _ in boxes]
    low, high = (np.array([box[k] for box in boxes]).reshape(-1, 2) for k in (1, 2))
    centres = pack(rng, np.array([event.reach_px for event in placed]), low, high) if placed else low
    if config.lattice:
        placed, centres = _fill_with_lattice(rng, config, placed, centres, drift, zoom)
    specimen = assemble(placed, centres, drift).filmed(config.stride)
    if config.outline_jitter:
        noise = specimen.paths.alike(rng.standard_normal(specimen.paths.radius_px.shape))
        radius_px = specimen.paths.radius_px * np.maximum(1 + config.outline_jitter / 2 * noise, 0.5)
        specimen = replace(specimen, paths=replace(specimen.paths, radius_px=radius_px))
    zooms = bool(np.any(zoom != 1))
    return specimen.magnified(zoom[:: config.stride], (size - 1) / 2) if zooms else specimen


def assemble(placed: list[Event], centres: Floats, drift: Floats) -> Specimen:
    """Put the grains of events at ``centres`` (E, 2) side by side; the field moves by ``drift`` (T, 2)."""
    if not placed:
        nobody = ParticleGroup(np.zeros(0), np.ones((0, N_ANGLES), dtype=np.float32), len(drift), 0.0)
        return Specimen(GrainPaths.of_group(nobody, np.zeros((len(drift), 0, 2)), np.zeros(0)), (), drift)
    counts = [event.paths.layer.size for event in placed]
    group = np.repeat(np.arange(len(placed)), counts)
    first = np.cumsum(counts) - counts
    merges = tuple(
        MergeEvent(merge.frame, tuple(int(start) + i for i in merge.grains))
        for event, start in zip(placed, first, strict=True)
        for merge in event.merges
    )

    def joined(name: str, axis: int) -> Floats:
        return np.concatenate([getattr(event.paths, name) for event in placed], axis=axis)

    paths = GrainPaths(
        place_px=joined("place_px", 1) + centres[group] - drift[:, None],
        **{name: joined(name, 1) for name in ("radius_px", "turn", "blend", "roundness")},
        contours=np.concatenate([event.paths.contours for event in placed]),
        layer=np.concatenate([event.paths.layer for event in placed]),
        group=group,
    )
    return Specimen(paths, merges, drift)


def _draw_group(
    rng: np.random.Generator, config: MovieConfig, n: int, *, soft: bool = False, spread: float = 1.0
) -> ParticleGroup:
    """Draw n particles; ``soft`` ones have no facets, ``spread`` narrows the size distribution."""
    sigma = config.log_sigma * spread
    radius = config.radius_px * np.exp(rng.normal(-(sigma**2) / 2, sigma, n).clip(-0.5, 0.5))
    mix = ShapeMix(roughness=min(config.shapes.roughness, 0.03)) if soft else config.shapes
    contours = draw_contours(rng, n, mix)
    power = 2 if config.flat else 3
    return ParticleGroup(np.maximum(radius, 2.0), contours, config.n_moments, config.motion_px, power)


def _draw_unequal(rng: np.random.Generator, config: MovieConfig) -> ParticleGroup:
    """Draw a large particle and one of about half its radius, for ripening."""
    pair = _draw_group(rng, config, 2)
    small = max(LEAST_RADIUS_PX + 1.0, pair.radius_px[0] * rng.uniform(0.4, 0.7))
    return replace(pair, radius_px=np.array([pair.radius_px[0], small]))


def _planned(rng: np.random.Generator, config: MovieConfig) -> Iterator[Event]:
    """Make the planned events, the times of each kind spread over the movie."""
    parents = [k for k, n in sorted(config.merges.items()) for _ in range(n)]
    for k, t in zip(parents, _times(rng, config, len(parents), 6, 22), strict=True):
        group = _draw_group(rng, config, k, soft=True, spread=1.0 if k == 2 else 0.4)
        yield merge_events.merge_together(rng, group, t)
    for t in _times(rng, config, config.n_cascades, 6, merge_events.CASCADE_FRAMES):
        yield merge_events.cascade(rng, _draw_group(rng, config, 3, soft=True), t)
    for t in _times(rng, config, config.n_dissolutions, 12, 4):
        yield events.dissolve(rng, _draw_unequal(rng, config), t)
    for t in _times(rng, config, config.n_crossings, 12, 12):
        yield events.cross(rng, _draw_group(rng, config, 2), t)
    for t in _times(rng, config, config.n_touches, 6, 18):
        yield events.touch(rng, _draw_group(rng, config, 2, soft=True), t, int(rng.integers(3, 10)))
    for t in _times(rng, config, config.n_nucleations, 5, 8):
        yield events.nucleate(rng, _draw_group(rng, config, 1), t)
    for edge, n in ((1, config.n_entering), (-1, config.n_leaving)):
        for t in _times(rng, config, n, 8, 8):
            yield events.pass_edge(rng, _draw_group(rng, config, 1), t, edge)


def _times(rng: np.random.Generator, config: MovieConfig, n: int, after: int, before_end: int) -> list[int]:
    """Draw n frames, one in each of n equal spans between ``after`` and ``before_end`` frames off the end."""
    span = config.n_moments - after - before_end
    return [int(after + span * (i + u) / n) for i, u in enumerate(rng.random(n))]


def _drift(rng: np.random.Generator, config: MovieConfig) -> Floats:
    """Draw where the field's corner lies on the specimen, (moments, 2) px; it rests between two frames."""
    t = np.arange(config.n_frames)[:, None]
    drift = -t * np.array(config.drift_px_per_frame)
    drift = drift + rng.normal(0, 1, drift.shape) * config.wobble_px
    for frame, fault in sorted(config.faults.items()):
        if fault == "jolted" and 0 <= frame < config.n_frames:
            drift[frame] += draw_jolt(rng)
    settled = 1 - np.exp(-t / (_SETTLING_SHARE * config.n_frames))
    drift = drift - settled * np.array(config.settling_px)
    for frame, way in config.jumps.items():
        drift[frame:] -= way
    return np.repeat(drift, config.stride, axis=0)[: config.n_moments]


def draw_jolt(rng: np.random.Generator) -> Floats:
    """Draw the way (y, x) px of a jolt."""
    angle = rng.uniform(0, 2 * np.pi)
    return rng.uniform(5, 15) * events.direction(angle)


def _fill_with_lattice(
    rng: np.random.Generator,
    config: MovieConfig,
    placed: list[Event],
    centres: Floats,
    drift: Floats,
    zoom: Floats,
) -> tuple[list[Event], Floats]:
    """Set lone particles on the sites of a lattice as dense as the config asks for, beside what is placed."""
    pitch = float(np.sqrt(config.height * config.width / max(config.n_particles, 1) / np.sqrt(0.75)))
    lone = events.wander(rng, _draw_group(rng, config, 1))
    low, high = _box(rng, config, lone, drift, zoom)[1:]
    height, width = (high - low).tolist()
    sites = low + np.column_stack(lattice_sites(rng, pitch, height, width, _FILM_DISORDER))
    for event, centre in zip(placed, centres, strict=True):
        sites = sites[np.linalg.norm(sites - centre, axis=1) > event.reach_px + config.radius_px]
    free_px = cKDTree(sites).query(sites, 2)[0][:, 1] / 2 - config.motion_px / 2 - _FILM_SLIT_PX
    for room in free_px:
        group = _draw_group(rng, config, 1)
        group = replace(group, radius_px=np.minimum(group.radius_px, max(room, LEAST_RADIUS_PX)))
        placed = [*placed, events.wander(rng, group)]
    return placed, np.concatenate([centres, sites])


def _box(
    rng: np.random.Generator, config: MovieConfig, event: Event, drift: Floats, zoom: Floats
) -> tuple[Event, Floats, Floats]:
    """Say where an event may lie, y and x: in the field, on its edge where it crosses that, else anywhere."""
    size = np.array([config.height, config.width], dtype=np.float64)
    if event.edge:
        return _on_an_edge(rng, event, size, drift)
    if event.window is not None:
        window = slice(event.window[0], event.window[1] + 1)
        seen, rim = drift[window], event.reach_px + (1 - 1 / zoom[window].max()) * size / 2
        return event, seen.max(axis=0) + rim, seen.min(axis=0) + size - rim
    outside = 0.3 * float(event.paths.radius_px.min()) + (1 / zoom.min() - 1) * size / 2
    return event, drift.min(axis=0) - outside, drift.max(axis=0) + size + outside


def _on_an_edge(
    rng: np.random.Generator, event: Event, size: Floats, drift: Floats
) -> tuple[Event, Floats, Floats]:
    """Turn an edge crossing to an edge; its box is that edge, corners left out.

    Only edges count where the drift does not work against it: it would bring an entering particle into the
    field before its time, or a leaving one back.
    """
    across = event.edge * (drift[0] - drift[-1])  # what the drift adds to the way over the edges y = 0, x = 0
    side = int(rng.choice(np.flatnonzero(np.concatenate([across, -across]) >= 0)))
    event = events.turned(event, side)
    axis, far = side % 2, side >= 2
    crossing = drift[int(np.abs(event.paths.place_px[:, 0, axis]).argmin())]
    low, high = crossing + event.reach_px, crossing + size - event.reach_px
    low[axis] = high[axis] = crossing[axis] + (size[axis] if far else 0)
    return event, low, high

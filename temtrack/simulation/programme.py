"""The programme of a movie: which episodes play when and where, and the specimen that comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from temtrack.simulation import episodes, merging
from temtrack.simulation.coalescence import Cast
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.episodes import Episode
from temtrack.simulation.packing import Rooms, pack
from temtrack.simulation.projection import Floats
from temtrack.simulation.shapes import ShapeMix, draw_outlines
from temtrack.simulation.specimen import LEAST_RADIUS_PX, Specimen, assemble


def prepare_specimen(rng: np.random.Generator, config: MovieConfig) -> Specimen:
    """Draw all episodes of a movie, find room for them, and set them in motion.

    Raises
    ------
    UsageError
        Where the events do not fit into the field or the time.
    """
    drift = _drift(rng, config)
    cast = _Casting(rng, config)
    size = np.array([config.height, config.width])
    swept = float(np.prod((size + np.ptp(drift, axis=0)) / size))
    n_lone = config.n_particles - config.n_cast + round(config.n_particles * (swept - 1))
    plays = [*_planned(rng, config), *(episodes.wander(rng, cast.draw(1)) for _ in range(n_lone))]
    plays, rooms = _rooms(rng, config, plays, drift)
    centres = pack(rng, rooms) if plays else np.zeros((0, 2))
    return assemble(plays, centres, drift)


@dataclass(frozen=True)
class _Casting:
    """Draws the particles that an episode needs, in the movie's size distribution."""

    rng: np.random.Generator
    config: MovieConfig

    def draw(self, n: int, *, soft: bool = False, spread: float = 1.0) -> Cast:
        """Draw n particles; ``soft`` ones have no facets, ``spread`` narrows the size distribution."""
        config, sigma = self.config, self.config.log_sigma * spread
        radius = config.radius_px * np.exp(self.rng.normal(-(sigma**2) / 2, sigma, n).clip(-0.5, 0.5))
        mix = ShapeMix(roughness=min(config.shapes.roughness, 0.03)) if soft else config.shapes
        outlines = draw_outlines(self.rng, n, mix)
        return Cast(np.maximum(radius, 2.0), outlines, config.n_frames, config.motion_px)

    def draw_unequal(self) -> Cast:
        """Draw a large particle and one of about half its radius, for ripening."""
        cast = self.draw(2)
        small = max(LEAST_RADIUS_PX + 1.0, cast.radius_px[0] * self.rng.uniform(0.4, 0.7))
        return Cast(np.array([cast.radius_px[0], small]), cast.outlines, cast.n_frames, cast.motion_px)


def _planned(rng: np.random.Generator, config: MovieConfig) -> Iterator[Episode]:
    """Play the planned episodes, the times of each kind spread over the movie."""
    cast = _Casting(rng, config)
    parents = [k for k, n in sorted(config.merges.items()) for _ in range(n)]
    for k, t in zip(parents, _times(rng, config, len(parents), 6, 22), strict=True):
        yield merging.coalesce(rng, cast.draw(k, soft=True, spread=1.0 if k == 2 else 0.4), t)
    for t in _times(rng, config, config.n_cascades, 6, merging.CASCADE_FRAMES):
        yield merging.cascade(rng, cast.draw(3, soft=True), t)
    for t in _times(rng, config, config.n_dissolutions, 12, 4):
        yield episodes.dissolve(rng, cast.draw_unequal(), t)
    for t in _times(rng, config, config.n_crossings, 12, 12):
        yield episodes.cross(rng, cast.draw(2), t)
    for t in _times(rng, config, config.n_touches, 6, 18):
        yield episodes.touch(rng, cast.draw(2, soft=True), t, int(rng.integers(3, 10)))
    for t in _times(rng, config, config.n_nucleations, 5, 8):
        yield episodes.nucleate(rng, cast.draw(1), t)
    for t in _times(rng, config, config.n_entering, 8, 8):
        yield episodes.pass_edge(rng, cast.draw(1), t, 1)
    for t in _times(rng, config, config.n_leaving, 8, 8):
        yield episodes.pass_edge(rng, cast.draw(1), t, -1)


def _times(rng: np.random.Generator, config: MovieConfig, n: int, after: int, before_end: int) -> list[int]:
    """Draw n frames, one in each of n equal spans between ``after`` and ``before_end`` frames off the end."""
    span = config.n_frames - after - before_end
    return [int(after + span * (i + u) / n) for i, u in enumerate(rng.random(n))]


def _drift(rng: np.random.Generator, config: MovieConfig) -> Floats:
    """Draw where the field's corner lies on the specimen, (T, 2) px: drift, wobble and jolts."""
    drift = -np.arange(config.n_frames)[:, None] * np.array(config.drift_px_per_frame)
    drift = drift + rng.normal(0, 1, drift.shape) * config.wobble_px
    for t in config.jump_frames:
        if 0 <= t < config.n_frames:
            angle = rng.uniform(0, 2 * np.pi)
            drift[t] += rng.uniform(5, 15) * np.array([np.sin(angle), np.cos(angle)])
    return np.asarray(drift)


def _rooms(
    rng: np.random.Generator, config: MovieConfig, plays: list[Episode], drift: Floats
) -> tuple[list[Episode], Rooms]:
    """Say where each episode may lie: events in the field, crossings of its edge on it, others anywhere."""
    size = np.array([config.height, config.width], dtype=np.float64)
    turned, low, high = [], np.zeros((len(plays), 2)), np.zeros((len(plays), 2))
    for i, play in enumerate(plays):
        if play.edge:
            play, low[i], high[i] = _on_an_edge(rng, play, size, drift)
        elif play.window is not None:
            seen = drift[play.window[0] : play.window[1] + 1]
            low[i], high[i] = seen.max(axis=0) + play.reach_px, seen.min(axis=0) + size - play.reach_px
        else:
            outside = 0.3 * float(play.radius_px.min())
            low[i], high[i] = drift.min(axis=0) - outside, drift.max(axis=0) + size + outside
        turned.append(play)
    return turned, Rooms(np.array([play.reach_px for play in plays]), low, high)


def _on_an_edge(
    rng: np.random.Generator, play: Episode, size: Floats, drift: Floats
) -> tuple[Episode, Floats, Floats]:
    """Turn an edge crossing to an edge; its box is that edge, corners left out.

    Only edges count where the drift does not work against it: it would bring an entering particle into the
    field before its time, or a leaving one back.
    """
    across = play.edge * (drift[0] - drift[-1])  # what the drift adds to the way over the edges y = 0, x = 0
    sides = np.flatnonzero(np.concatenate([across, -across]) >= 0)
    side = int(rng.choice(sides))
    play = episodes.turned(play, side)
    axis, far = side % 2, side >= 2
    crossing = drift[int(np.abs(play.way_px(axis)).argmin())]
    low, high = crossing + play.reach_px, crossing + size - play.reach_px
    low[axis] = high[axis] = crossing[axis] + (size[axis] if far else 0)
    return play, low, high

"""What clips are cut from: labelled moving pictures, simulated here, and a buffer that keeps the newest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError
from temtrack.lineage import Merge
from temtrack.simulation.chance import log_uniform
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector, Optics
from temtrack.simulation.movie import SimulatedMovie, simulate_movie
from temtrack.simulation.shapes import ShapeMix
from temtrack.training.config import TrainConfig
from temtrack.training.data.samples import Draw

#: Side of a source compared with what a clip sees of it.
MARGIN = 1.3
#: Fraction of the sources whose particles are at most twice as wide as the narrowest.
SMALL_FRACTION = 0.5
MIN_RADIUS_PX, MAX_PARTICLES = 3.5, 220


@dataclass(frozen=True)
class ClipSource:
    """Labelled moving pictures of ``n_frames``; ``scale`` is pixels of the network a pixel of theirs.

    ``read`` returns frame ``t`` (Y, X) float32 in [0, 1], and its ids (Y, X) int32. ``parents`` are those of
    each child of a merge, the largest first; clips look at ``merges`` now and then.
    """

    n_frames: int
    read: Callable[[int], tuple[NDArray[np.float32], NDArray[np.int32]]]
    scale: float
    parents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    merges: Sequence[Merge] = ()


class ReplayBuffer:
    """The newest clip sources: a new one every few steps, so that what is simulated serves several clips.

    What is in it at a step depends on the seed and the step alone.
    """

    def __init__(self, draw: Draw[ClipSource], config: TrainConfig, part: int) -> None:
        self._config = config
        self._source = lru_cache(maxsize=config.buffer_size)(
            lambda number: draw(np.random.default_rng([config.seed, part, number]))
        )

    def sample(self, step: int, rng: np.random.Generator) -> ClipSource:
        """Return one of the sources that are in the buffer at ``step``."""
        newest = step // self._config.steps_per_source + self._config.buffer_size
        return self._source(newest - int(rng.integers(self._config.buffer_size)))


def synthetic_clips(config: TrainConfig) -> Draw[ClipSource]:
    """Simulate movies whose particles have the diameters that the network shall know."""

    def draw(rng: np.random.Generator) -> ClipSource:
        diameter = draw_diameter(rng, config)
        scale = 1.0 if rng.random() < 0.5 else log_uniform(rng, 0.7, 2.5)
        radius = max(diameter / scale / 2, MIN_RADIUS_PX)
        side = math.ceil(max(MARGIN * config.crop_px * 2 * radius / diameter, 6 * radius))
        movie = simulate(rng, draw_movie_config(rng, side, radius, config.source_frames))
        return ClipSource(
            n_frames=len(movie),
            read=cache(lambda t: (movie.frame(t).astype(np.float32) / np.float32(255), movie.labels(t))),
            scale=diameter / (2 * radius),
            parents={track.id: track.parents for track in movie.lineage.tracks if track.parents},
            merges=movie.lineage.merges,
        )

    return draw


def simulate(rng: np.random.Generator, config: MovieConfig) -> SimulatedMovie:
    """Simulate a movie, with fewer particles and without events where it gets too crowded."""
    seed = int(rng.integers(2**31))
    while True:
        try:
            return simulate_movie(seed, config)
        except UsageError:
            if config.n_particles <= 1:
                raise
            n = max(1, int(0.7 * config.n_particles))
            config = replace(without_events(config), n_particles=n)


def without_events(config: MovieConfig) -> MovieConfig:
    """Return a movie in which particles only move."""
    return replace(config, merges={}, n_dissolutions=0, n_crossings=0, n_touches=0, n_entering=0, n_leaving=0)


def draw_movie_config(rng: np.random.Generator, side_px: int, radius_px: float, n_frames: int) -> MovieConfig:
    """Draw a movie: look-alikes or a wide mixture, calm or drifting, bright or starved of electrons."""
    coverage = rng.uniform(0.04, 0.4)
    n = int(np.clip(coverage * side_px**2 / (math.pi * radius_px**2), 2, MAX_PARTICLES))
    dose = log_uniform(rng, 8, 400)
    movie = MovieConfig(
        n_frames=n_frames,
        height=side_px,
        width=side_px,
        n_particles=n,
        radius_px=radius_px,
        log_sigma=float(rng.uniform(0.02, 0.35)),
        shapes=_draw_shapes(rng),
        motion_px=float(radius_px * rng.uniform(0.05, 0.5)),
        drift_px_per_frame=_draw_drift(rng, radius_px),
        wobble_px=float(rng.exponential(0.08 * radius_px)) if rng.random() < 0.5 else 0.0,
        contrast=_draw_contrast(rng, dose, radius_px),
        flicker=float(rng.uniform(0, 0.3)),
        unevenness=float(rng.uniform(0, 0.4)),
        mottle=float(rng.beta(1, 3) * 0.15),
        holes=bool(rng.random() < 0.1),
        scale_bar=bool(rng.random() < 0.1),
        optics=_draw_optics(rng, radius_px),
        detector=Detector(dose, readout_e=float(rng.uniform(0, 0.05) * dose**0.5)),
        faults=dict.fromkeys(np.flatnonzero(rng.random(n_frames) < 0.03).tolist(), "blurred"),
    )
    return _with_events(rng, movie)


def _with_events(rng: np.random.Generator, movie: MovieConfig) -> MovieConfig:
    """Plan events for at most half of the particles, in most movies."""
    if rng.random() < 0.25:
        return movie
    n = min(movie.n_particles // 4, 12)
    kinds = rng.multinomial(n, [0.4, 0.25, 0.15, 0.2])
    return replace(
        movie,
        merges={2: int(kinds[0])} if kinds[0] else {},
        n_crossings=int(kinds[1]),
        n_dissolutions=int(kinds[2]),
        n_touches=int(kinds[3]),
        n_entering=int(rng.integers(0, 3)),
        n_leaving=int(rng.integers(0, 3)) if movie.n_particles >= 6 else 0,
    )


def _draw_shapes(rng: np.random.Generator) -> ShapeMix:
    roughness = float(rng.choice([0.0, 0.02, 0.05]))
    if rng.random() < 0.6:
        return ShapeMix(roughness=roughness)
    kinds = rng.dirichlet((0.5, 0.5, 0.5, 0.3))
    return ShapeMix(float(kinds[0]), float(kinds[1]), float(kinds[2]), float(kinds[3]), roughness)


def _draw_drift(rng: np.random.Generator, radius_px: float) -> tuple[float, float]:
    """Draw the drift a frame, (y, x): often none or little, at most half a radius."""
    length = 0.0 if rng.random() < 0.3 else 0.5 * radius_px * rng.random() ** 2
    angle = rng.uniform(0, 2 * np.pi)
    return float(length * np.sin(angle)), float(length * np.cos(angle))


def _draw_contrast(rng: np.random.Generator, dose_e_px: float, radius_px: float) -> float:
    """Draw the optical depth, at least what the eye needs at this dose to see a particle of this radius."""
    seen_px = math.sqrt(dose_e_px * math.pi) * min(radius_px, 7.0)
    return log_uniform(rng, min(max(0.12, 6 / seen_px), 1.0), 1.4)


def _draw_optics(rng: np.random.Generator, radius_px: float) -> Optics:
    return Optics(
        dark_field=bool(rng.random() < 0.15),
        defocus_px2=float(rng.choice([-1, 1])) * log_uniform(rng, 4, 150),
        coherence_px=float(rng.uniform(1, 3)),
        fringe=float(rng.choice([0.0, 1.0]) * rng.uniform(0.05, 0.3)),
        grain=float(rng.beta(1, 3) * 0.12),
        mtf_px=0.35 + min(float(rng.gamma(1.5, 0.5)), 0.3 * radius_px),
    )


def draw_diameter(rng: np.random.Generator, config: TrainConfig) -> float:
    """Draw a typical particle's diameter for the network: small ones, the hard case, often."""
    low, high = config.min_diameter_px, config.max_diameter_px
    return log_uniform(rng, low, 2 * low if rng.random() < SMALL_FRACTION else high)

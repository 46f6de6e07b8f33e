"""Grains over time: where each one is, how large and how round, in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.simulation.projection import Floats, Grains
from temtrack.simulation.shapes import rounded

#: Smaller than this a particle is none any more: 8 px of area.
LEAST_RADIUS_PX = 1.6


@dataclass(frozen=True)
class ParticleGroup:
    """The n particles of one event: radii (n,) px, contours (n, N_ANGLES), and how far they may wander."""

    radius_px: Floats
    contours: NDArray[np.float32]
    n_frames: int
    motion_px: float


@dataclass(frozen=True)
class MergeEvent:
    """From ``frame`` on these ``grains`` (indices) are one particle."""

    frame: int
    grains: tuple[int, ...]


@dataclass(frozen=True)
class GrainPaths:
    """N grains over T frames: places (T, N, 2), y and x in px, and other arrays (T, N).

    ``contours`` (N, N_ANGLES), ``layer`` (N,) and ``group`` (N,), the event that a grain takes part in, are
    for all time.
    """

    place_px: Floats
    radius_px: Floats
    turn: Floats
    blend: Floats
    roundness: Floats
    contours: NDArray[np.float32]
    layer: NDArray[np.int64]
    group: NDArray[np.int64]

    @classmethod
    def of_group(cls, group: ParticleGroup, place_px: Floats, turn: Floats) -> GrainPaths:
        """Return a group's grains at places (T, n, 2), turned by (n,) or (T, n), each by itself."""
        shape, none = place_px.shape[:2], np.zeros(group.radius_px.size, dtype=np.int64)
        radius_px, turn = (np.broadcast_to(values, shape) for values in (group.radius_px, turn))
        flat = np.zeros(shape)
        return cls(place_px, radius_px, turn, flat, flat, group.contours, layer=none, group=none)

    def grains(self, t: int, which: NDArray[np.integer] | None = None) -> Grains:
        """Return the grains of frame ``t``, all or ``which`` (indices)."""
        pick = np.arange(self.group.size) if which is None else which
        return Grains(
            y_px=self.place_px[t, pick, 0],
            x_px=self.place_px[t, pick, 1],
            radius_px=self.radius_px[t, pick],
            contour=np.arange(pick.size),
            contours=rounded(self.contours[pick], self.roundness[t, pick]),
            turn=self.turn[t, pick],
            height=np.ones(pick.size),
            profile=np.full(pick.size, 0.5),
            cluster=self.group[pick],
            blend=self.blend[t, pick],
            layer=self.layer[pick],
        )

    def extent_px(self) -> Floats:
        """Return how far each grain reaches from its centre at most, (T, N) px."""
        return np.asarray(self.radius_px * self.contours.max(axis=1) + 1.2 * np.sqrt(self.blend))


@dataclass(frozen=True)
class Specimen:
    """All grains of a movie in px of the field, and which become one particle when.

    ``drift_px`` (T, 2) is where the field's corner lies on the specimen; it is in the paths already.
    """

    paths: GrainPaths
    merges: tuple[MergeEvent, ...]
    drift_px: Floats

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.drift_px)

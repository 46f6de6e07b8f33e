"""Grains over time: where each one is, how large and how round, in every frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.simulation.projection import Floats, Grains
from temtrack.simulation.shapes import rounded

#: Smaller than this a particle is none any more: 8 px of area.
LEAST_RADIUS_PX = 1.6


@dataclass(frozen=True)
class ParticleGroup:
    """The n particles of one event: radii (n,) px, contours (n, N_ANGLES), and how far they may wander.

    Whatever becomes of them, the sum of radii to the ``power`` stays: 3 is the volume of spheres, 2 the area
    of flat ones.
    """

    radius_px: Floats
    contours: NDArray[np.float32]
    n_frames: int
    motion_px: float
    power: int = 3


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

    def alike(self, own: Floats) -> Floats:
        """Return values (T, N) of the grains, the more alike the more they are one particle."""
        unity = np.clip(2 * self.roundness, 0, 1)
        leader = np.searchsorted(self.group, self.group)
        return np.asarray(own * (1 - unity) + own[:, leader] * unity)

    def extent_px(self) -> Floats:
        """Return how far each grain reaches from its centre at most, (T, N) px."""
        return np.asarray(self.radius_px * self.contours.max(axis=1) + 1.2 * np.sqrt(self.blend))


@dataclass(frozen=True)
class Specimen:
    """All grains of a movie in px of the field, and which become one particle when.

    ``drift_px`` (T, 2) is where the field's corner lies on the specimen, ``magnification`` (T,) how much
    larger than on the specimen everything is, 1 where it is empty; both are in the paths already.
    """

    paths: GrainPaths
    merges: tuple[MergeEvent, ...]
    drift_px: Floats
    magnification: Floats = field(default_factory=lambda: np.ones(0))

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.drift_px)

    def zoom_at(self, t: int) -> float:
        """Return the magnification of frame ``t`` relative to that of the specimen."""
        return float(self.magnification[t]) if self.magnification.size else 1.0

    def filmed(self, stride: int) -> Specimen:
        """Return what is left of it when only every so many-th moment is filmed."""
        names = ("place_px", "radius_px", "turn", "blend", "roundness")
        paths = replace(self.paths, **{name: getattr(self.paths, name)[::stride] for name in names})
        merges = tuple(replace(one, frame=-(-one.frame // stride)) for one in self.merges)
        return replace(self, paths=paths, merges=merges, drift_px=self.drift_px[::stride])

    def magnified(self, factor: Floats, middle_px: Floats) -> Specimen:
        """Magnify each frame by ``factor`` (T,) about ``middle_px`` (2,)."""
        paths, m = self.paths, factor[:, None]
        grown = replace(
            paths,
            place_px=middle_px + (paths.place_px - middle_px) * m[:, :, None],
            radius_px=paths.radius_px * m,
            blend=paths.blend * m**2,
        )
        return replace(self, paths=grown, magnification=factor)

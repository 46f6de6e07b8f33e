"""The specimen: every particle's grains in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.simulation.episodes import Episode, Union
from temtrack.simulation.projection import Floats, Grains
from temtrack.simulation.shapes import N_ANGLES, rounded

#: Smaller than this a particle is none any more: 8 px of area.
LEAST_RADIUS_PX = 1.6


@dataclass(frozen=True)
class Specimen:
    """N grains over T frames, arrays (T, N), positions in px of the field (drift included).

    ``group`` (N,) tells which episode a grain belongs to; ``unions`` which grains become one particle when.
    """

    y_px: Floats
    x_px: Floats
    radius_px: Floats
    turn: Floats
    blend: Floats
    roundness: Floats
    outlines: NDArray[np.float32]
    layer: NDArray[np.int64]
    group: NDArray[np.int64]
    unions: tuple[Union, ...]
    drift_px: Floats

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.radius_px.shape[0])

    def grains(self, t: int, which: NDArray[np.integer] | None = None) -> Grains:
        """Return the grains of frame ``t``, all or ``which`` (indices)."""
        pick = np.arange(self.group.size) if which is None else which
        return Grains(
            y_px=self.y_px[t, pick],
            x_px=self.x_px[t, pick],
            radius_px=self.radius_px[t, pick],
            outline=np.arange(pick.size),
            outlines=rounded(self.outlines[pick], self.roundness[t, pick]),
            turn=self.turn[t, pick],
            height=np.ones(pick.size),
            profile=np.full(pick.size, 0.5),
            cluster=self.group[pick],
            blend=self.blend[t, pick],
            layer=self.layer[pick],
        )

    def extent_px(self) -> Floats:
        """Return how far each grain reaches from its centre at most, (T, N) px."""
        return np.asarray(self.radius_px * self.outlines.max(axis=1) + 1.2 * np.sqrt(self.blend))


def assemble(plays: list[Episode], centres: Floats, drift: Floats) -> Specimen:
    """Put the grains of episodes at ``centres`` (E, 2) side by side; the field moves by ``drift`` (T, 2)."""

    def joined(name: str) -> Floats:
        parts = [getattr(play, name) for play in plays]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(drift), 0))

    counts = [play.layer.size for play in plays]
    group = np.repeat(np.arange(len(plays)), counts)
    first = np.cumsum(counts) - counts
    unions = tuple(
        Union(union.frame, tuple(int(start) + i for i in union.grains))
        for play, start in zip(plays, first, strict=True)
        for union in play.unions
    )
    return Specimen(
        y_px=joined("y_px") + centres[group, 0] - drift[:, :1],
        x_px=joined("x_px") + centres[group, 1] - drift[:, 1:],
        radius_px=joined("radius_px"),
        turn=joined("turn"),
        blend=joined("blend"),
        roundness=joined("roundness"),
        outlines=np.concatenate([p.outlines for p in plays])
        if plays
        else np.ones((0, N_ANGLES), dtype=np.float32),
        layer=np.concatenate([p.layer for p in plays]) if plays else np.zeros(0, dtype=np.int64),
        group=group,
        unions=unions,
        drift_px=drift,
    )

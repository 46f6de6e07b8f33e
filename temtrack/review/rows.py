"""Where the particles of a run are, by particle and frame, and what jumps from a frame to the next."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.particles import ParticleHistory

#: A long run is looked through so many rows at a time.
_BLOCK = 1_000_000

#: Steps beyond so many times the usual are looked at.
MIN_JUMP = 8.0

#: What counts as usual is at least so much: px off the field's step, and logarithm of areas' ratios.
_LEAST_OFF_PX, _LEAST_GROWN = 0.2, 0.02


@dataclass(frozen=True)
class Jumps:
    """What jumps more than is usual, the furthest first.

    Parameters
    ----------
    rows, sizes
        Rows (J,) after the jump, and how many times the usual each is.
    before
        For each row of the run that of the same particle in the frame before; -1 where there is none.
    """

    rows: NDArray[np.integer]
    sizes: NDArray[np.floating]
    before: NDArray[np.integer]


class ParticleRows:
    """The rows of a run's particles, by their numbers: centre, area, and whether the border cuts them.

    Parameters
    ----------
    history
        With ``y_px``, ``x_px``, ``area_px`` and ``touches_border``; nothing is copied of it.
    """

    def __init__(self, history: ParticleHistory) -> None:
        self.history = history
        columns = history.columns
        self.frame, self.particle_id = columns["frame"], columns["particle_id"]
        self.y, self.x, self.area = columns["y_px"], columns["x_px"], columns["area_px"]
        self._is_cut = columns["touches_border"]

    def frames_of(self, one: int) -> NDArray[np.integer]:
        """Return the frames in which a particle is, in order."""
        return np.asarray(self.frame[self.history.rows_of(one)])

    def at(self, one: int, t: int) -> int | None:
        """Return the row of a particle in a frame; ``None`` where it is not there."""
        rows = self.history.rows_of(one)
        place = int(np.searchsorted(self.frame[rows], t))
        return int(rows[place]) if place < rows.size and self.frame[rows[place]] == t else None

    def first(self, one: int, t: int) -> int:
        """Return the row of a particle where it is first seen from a frame on."""
        rows = self.history.rows_of(one)
        return int(rows[np.searchsorted(self.frame[rows], t)])

    def last(self, one: int, t: int) -> int:
        """Return the row of a particle where it was last seen before a frame."""
        rows = self.history.rows_of(one)
        return int(rows[np.searchsorted(self.frame[rows], t) - 1])

    def unlike(self, a: int, b: int) -> float:
        """Return how unlike two rows are: way in radii, and logarithm of the areas' ratio."""
        way = np.hypot(float(self.y[a]) - float(self.y[b]), float(self.x[a]) - float(self.x[b]))
        larger = max(self.area[a], self.area[b])
        return float(way / np.sqrt(larger / np.pi)) + abs(float(np.log(self.area[a] / self.area[b])))

    def jumps(self, bad_frames: Set[int]) -> Jumps:
        """Return how far each particle leaves what is usual from a good frame to the next good one."""
        before = self._rows_before()
        off, grown = (np.full(before.size, np.nan, np.float32) for _ in range(2))
        for t in np.unique(self.frame[before >= 0]).tolist():
            if {t - 1, t} & bad_frames:
                continue
            now = self.history.in_frame(t)
            now = now[before[now] >= 0]
            was = before[now]
            steps = np.stack([at[now].astype(float) - at[was] for at in (self.y, self.x)])
            off[now] = np.hypot(*(steps - np.median(steps, axis=1, keepdims=True)))
            is_whole = ~(self._is_cut[now].astype(bool) | self._is_cut[was].astype(bool))
            grown[now] = np.abs(np.log(self.area[now] / self.area[was])) * is_whole
        if np.isnan(off).all():
            return Jumps(np.zeros(0, int), np.zeros(0), before)
        size = off / max(_median(off), _LEAST_OFF_PX) + grown / max(_median(grown), _LEAST_GROWN)
        rows = np.flatnonzero(size > MIN_JUMP)
        order = np.lexsort((self.frame[rows], self.particle_id[rows], -size[rows]))
        return Jumps(rows[order], size[rows[order]], before)

    def _rows_before(self) -> NDArray[np.integer]:
        """Return for each row (N,) that of the same particle in the frame before, -1 where there is none."""
        rows = self.history.by_particle
        before = np.full(rows.size, -1, rows.dtype)
        for start in range(1, rows.size, _BLOCK):
            now, was = rows[start : start + _BLOCK], rows[start - 1 : start - 1 + _BLOCK][: rows.size - start]
            is_same = self.particle_id[now] == self.particle_id[was]
            follows = is_same & (self.frame[now] == self.frame[was] + 1)
            before[now[follows]] = was[follows]
        return before


def _median(values: NDArray[np.floating]) -> float:
    return float(np.nanmedian(values))

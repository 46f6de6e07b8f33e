"""Whose pixels are whose while a run is corrected; the masks are never touched.

A *region* is what the masks hold under one id in one frame. To cut, link or delete a particle gives its
regions to another, and only a new outline paints pixels. So a run of millions of masks is corrected without
reading more than the frames in which a person drew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temtrack.analysis.particles import ParticleHistory
from temtrack.imaging.labels import map_ids, measure_regions
from temtrack.masks import Labels, Masks

#: Frame, counted within the run, and id in the masks.
Region = tuple[int, int]


@dataclass(frozen=True)
class _Paint:
    """Pixels of a frame that belong to a region, 0 for none."""

    box: tuple[slice, slice]
    mask: NDArray[np.bool_]
    region: int


class Regions:
    """The regions of a run, and by frame the particle that each is of."""

    def __init__(self, masks: Masks, history: ParticleHistory) -> None:
        self.masks, self._history = masks, history
        self._ids: dict[int, dict[int, int]] = {}  # by frame and region, the particle where it is another
        self._paints: dict[int, tuple[_Paint, ...]] = {}
        self._measured: dict[int, tuple[NDArray[Any], ...]] = {}  # of the frames that were painted

    def copy(self) -> Regions:
        """Return a copy, which may be changed on its own."""
        other = copy(self)
        for name in ("_ids", "_paints", "_measured"):
            setattr(other, name, copy(getattr(self, name)))  # what these hold is replaced, never changed
        return other

    def state(self, t: int) -> tuple[object, object]:
        """Return what is another object as soon as the frame has changed."""
        return self._ids.get(t), self._paints.get(t)

    def frames_unlike(self, other: Regions) -> list[int]:
        """Return the frames whose state is another object."""
        touched = {t for one in (self, other) for t in (*one._ids, *one._paints)}
        return sorted(
            t for t in touched if any(a is not b for a, b in zip(self.state(t), other.state(t), strict=True))
        )

    def particles(self, t: int) -> dict[int, tuple[float, float, float]]:
        """Return centre (y, x) and area of each particle of a frame."""
        now = self._ids.get(t, {})
        found: dict[int, tuple[float, float, float]] = {}
        for region, *one in zip(*(column.tolist() for column in self._of(t)), strict=True):
            particle = now.get(int(region), int(region))
            if particle in found:
                (y0, x0, a0), (y1, x1, a1) = found[particle], one
                one = [(y0 * a0 + y1 * a1) / (a0 + a1), (x0 * a0 + x1 * a1) / (a0 + a1), a0 + a1]
            if particle:
                found[particle] = (one[0], one[1], one[2])
        return found

    def labels(self, t: int) -> Labels:
        """Return the ids (Y, X) of a frame."""
        return map_ids(self._painted(t), self._ids.get(t, {}))

    def life(self, one: int) -> list[Region]:
        """Return the regions that the masks hold under an id, in the order of frames."""
        return [(t, one) for t in self._history.since(one, 0, "frame").tolist()]

    def id_of(self, t: int, region: int) -> int:
        """Return the particle that a region is of, 0 where it was deleted."""
        return self._ids.get(t, {}).get(region, region)

    def name(self, t: int, region: int, one: int) -> None:
        """Say which particle a region is of."""
        self._ids[t] = {**self._ids.get(t, {}), region: one}

    def gap_filled(self) -> dict[int, set[int]] | None:
        """Return by frame the particles that the tracker drew where it expected them; ``None`` if unknown."""
        columns = self._history.columns
        if columns["gap_filled"][:1].tolist() == [None]:
            return None
        is_filled = self._is_filled()
        found: dict[int, set[int]] = {}
        for t, region in zip(columns["frame"][is_filled], columns["particle_id"][is_filled], strict=True):
            if (one := self.id_of(int(t), int(region))) and region in self._of(int(t))[0]:
                found.setdefault(int(t), set()).add(one)
        return found

    def rows(self) -> dict[str, NDArray[Any]]:
        """Return the rows of all particles as corrected, one for each region, in no order.

        ``frame``, ``particle_id``, ``area_px``, ``touches_border`` and ``gap_filled`` (N,); the last is
        ``False`` where nobody knows.
        """
        known = self._history.columns
        columns = {name: known[name] for name in ("frame", "particle_id", "area_px", "touches_border")}
        columns["gap_filled"] = self._is_filled()
        drawn = np.isin(columns["frame"], sorted(self._paints))
        parts = [{name: column[~drawn] for name, column in columns.items()}]
        parts[0]["particle_id"] = parts[0]["particle_id"].astype(np.int64)
        parts += [self._drawn_rows(t) for t in sorted(self._paints)]
        rows = {name: np.concatenate([part[name] for part in parts]) for name in columns}
        renamed = np.flatnonzero(np.isin(rows["frame"], sorted(self._ids)))
        frames, regions = (rows[name][renamed].tolist() for name in ("frame", "particle_id"))
        rows["particle_id"][renamed] = [self.id_of(*one) for one in zip(frames, regions, strict=True)]
        return {name: column[rows["particle_id"] != 0] for name, column in rows.items()}

    def _drawn_rows(self, t: int) -> dict[str, NDArray[Any]]:
        """Return the rows of a frame's regions, measured on what was drawn."""
        found, before = measure_regions(self._painted(t)), self._history.in_frame(t)
        guests = self._history.columns["particle_id"][before[self._is_filled(before)]]
        return {
            "frame": np.full(found.ids.size, t),
            "particle_id": found.ids,
            "area_px": found.area_px,
            "touches_border": found.touches_border,
            "gap_filled": np.isin(found.ids, guests),
        }

    def _is_filled(self, rows: slice | NDArray[np.integer] = slice(None)) -> NDArray[np.bool_]:
        told = self._history.columns["gap_filled"][rows]
        filled: NDArray[np.bool_] = told == True  # noqa: E712  null is not filled
        return filled

    def paint(self, t: int, mask: NDArray[np.bool_], region: int) -> list[int]:
        """Give pixels (Y, X) to a region; return the regions that have none left."""
        if not mask.any():
            return []
        box = tuple(
            slice(int(hit[0]), int(hit[-1]) + 1) for hit in map(np.flatnonzero, (mask.any(1), mask.any(0)))
        )
        before = self._of(t)[0]
        self._paints[t] = (*self._paints.get(t, ()), _Paint((box[0], box[1]), mask[box].copy(), region))
        found = measure_regions(self._painted(t))
        self._measured[t] = (found.ids, found.y_px, found.x_px, found.area_px)
        return [int(gone) for gone in np.setdiff1d(before, found.ids)]

    def _of(self, t: int) -> tuple[NDArray[Any], ...]:
        """Return ids, y, x and area of the regions of a frame."""
        if t in self._measured:
            return self._measured[t]
        rows, columns = self._history.in_frame(t), self._history.columns
        return tuple(columns[name][rows] for name in ("particle_id", "y_px", "x_px", "area_px"))

    def _painted(self, t: int) -> Labels:
        """Return the regions (Y, X) of a frame."""
        labels = self.masks[t]
        if t in self._paints:
            labels = labels.astype(np.int32)
            for paint in self._paints[t]:
                labels[paint.box][paint.mask] = paint.region
        return labels


def divide(mask: NDArray[np.bool_], seeds: NDArray[np.integer], is_moved: bool = False) -> NDArray[np.int64]:
    """Divide a particle (Y, X) among ids (Y, X): each pixel to the nearest of theirs.

    Where the particle ``is_moved`` since the ids stood there they are first shifted by the way between both
    centres.
    """
    own, known = np.argwhere(mask), np.argwhere(seeds)
    shift = own.mean(axis=0) - known.mean(axis=0) if is_moved else 0.0
    nearest = cKDTree(known + shift).query(own)[1]
    divided = np.zeros(mask.shape, np.int64)
    divided[mask] = seeds[tuple(known[nearest].T)]
    return divided


def divide_in_time(
    masks: Iterable[tuple[int, NDArray[np.bool_]]], before: NDArray[np.integer]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Divide a particle frame by frame, from the ids (Y, X) before its first one on."""
    for t, mask in masks:
        before = divide(mask, before, is_moved=True)
        yield t, before

"""Corrections of outlines: what pixels of a frame a particle covers.

They change pixels of one frame, so the particle is looked for in that very frame.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from temtrack.report.page.contours import STEPS, trace_contours
from temtrack.review.corrections import Correction
from temtrack.review.edited import EditedRun
from temtrack.review.places import AROUND, HERE, Place, Stale
from temtrack.review.regions import divide

#: Points (y, x) in px; whole numbers are corners of pixels: the first pixel reaches from 0 to 1.
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ParticleSplit(Correction):
    """In this frame the particle is two, on both sides of a line; the smaller one is new."""

    at: Place
    line: tuple[tuple[float, float], tuple[float, float]]

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        one, t = run.find(self.at)
        mask = run.labels(t) == one
        (y0, x0), (y1, x1) = self.line
        y, x = np.indices(mask.shape) + 0.5
        side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0
        smaller, larger = sorted((mask & side, mask & ~side), key=np.count_nonzero)
        if not smaller.any():
            raise Stale("the line does not divide the particle")
        run.outline(one, t, larger)
        run.outline(None, t, smaller)


@dataclass(frozen=True)
class ParticleDivided(Correction):
    """In this frame the particle is several, each with its rings; all but the largest are new.

    Where a run outlines it otherwise, each pixel is of the nearest part.
    """

    at: Place
    parts: tuple[tuple[Ring, ...], ...]

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        one, t = run.find(self.at)
        mask = run.labels(t) == one
        before = np.zeros(mask.shape, np.int64)
        for number, rings in enumerate(self.parts, start=1):
            before[fill(rings, mask.shape)] = number
        if not before.any():
            raise Stale("the parts hold no pixel")
        divided = divide(mask, before, is_moved=True)
        parts = [divided == number for number in np.unique(divided[mask]).tolist()]
        if len(parts) < 2:
            raise Stale("less than two parts lie in the particle")
        largest, *others = sorted(parts, key=np.count_nonzero, reverse=True)
        run.outline(one, t, largest)
        for part in others:
            run.outline(None, t, part)


@dataclass(frozen=True)
class ParticleOutlined(Correction):
    """In a frame the particle, or a new one, covers what these rings enclose; a ring in a ring is a hole."""

    frame: int
    rings: tuple[Ring, ...]
    at: Place | None = None

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        t = run.frame_of(self.frame)
        mask = fill(self.rings, run.labels(t).shape)
        run.outline(None if self.at is None else self._whose(run, t, mask), t, mask)

    def _whose(self, run: EditedRun, t: int, mask: NDArray[np.bool_]) -> int | None:
        """Return whose outline it is: of what is at its place, or where it was drawn; ``None`` if new."""
        assert self.at is not None
        y, x = np.argwhere(mask).mean(axis=0).tolist() if mask.any() else (self.at.y_px, self.at.x_px)
        drawn = Place(self.frame, y, x, float(np.count_nonzero(mask)) or None)
        others = set(run.particles(t))
        for place, steps in ((self.at, HERE), (drawn, HERE), (drawn, AROUND)):
            with suppress(Stale):
                one = run.find(place, steps)[0]
                if steps == HERE or one not in others:
                    return one
        return None


def fill(rings: tuple[Ring, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) whose centres lie within an odd number of rings."""
    mask = np.zeros(shape, bool)
    for ring in rings:
        if len(ring) > 2:
            mask ^= polygon2mask(shape, np.asarray(ring) - 0.5)
    return mask


@dataclass(frozen=True)
class ParticleCopied(Correction):
    """In another frame, where it lacks or is badly outlined, the particle looks as at this place."""

    at: Place
    frame: int

    def apply(self, run: EditedRun) -> None:  # noqa: D102
        (one, source), t = run.find(self.at, AROUND), run.frame_of(self.frame)
        if source == t:
            raise Stale("it cannot be copied from the frame itself")
        around = [run.particles(n).get(one) for n in (t - 1, t + 1) if 0 <= n < len(run.frames)]
        centres = [known[:2] for known in around if known is not None]
        mask = run.labels(source) == one
        pixels = np.argwhere(mask)
        moved = np.rint(
            pixels + (np.mean(centres, axis=0) if centres else pixels.mean(axis=0)) - pixels.mean(axis=0)
        )
        moved = moved[((moved >= 0) & (moved < mask.shape)).all(axis=1)].astype(np.intp)
        copied = np.zeros(mask.shape, bool)
        copied[tuple(moved.T)] = True
        others = run.labels(t)
        run.outline(one, t, copied & np.isin(others, (0, one)))


def rings_of(mask: NDArray[np.bool_]) -> tuple[Ring, ...]:
    """Return the rings along the edges of pixels that enclose a mask (Y, X), holes too: `fill` undoes it."""
    contours, rings, start = trace_contours(mask.astype(np.int32)), [], 0
    for _, _, y, x, n_steps in contours.polylines.tolist():
        directions = contours.directions[start : start + n_steps]
        corners = np.array([y, x]) + np.cumsum(STEPS[directions], axis=0)
        is_turn = directions != np.roll(directions, -1)
        rings.append(tuple((float(b), float(a)) for b, a in corners[is_turn].tolist()))
        start += n_steps
    return tuple(rings)

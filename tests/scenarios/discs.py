"""How generator A draws: discs and rods, as many pixels as their area; detections jitter at the rim."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scenarios import observing
from scenarios.observing import Detections
from scenarios.regime import Fault, Floats, Labels, Regime
from scenarios.truth import Body


@dataclass
class Grown:
    """A body as it is drawn: area when new, the discs it is made of, and how its area goes on."""

    body: Body
    area_px: float
    angle: float = 0.0
    lobes: Floats = field(default_factory=lambda: np.zeros((1, 2)))
    lobe_radius: Floats = field(default_factory=lambda: np.ones(1))
    final_px: float | None = None
    end: float | None = None
    span: float = 1.0
    birth: float | None = None


class Camera:
    """Sees bodies where the field and its magnification show them."""

    def __init__(
        self,
        regime: Regime,
        rng: np.random.Generator,
        grown: list[Grown],
        positions: Floats,
        magnification: Floats,
    ) -> None:
        self.regime, self.rng, self.grown = regime, rng, grown
        self.positions, self.magnification = positions, magnification

    def seen(self, places: Floats, t: int) -> Floats:
        """Return where places on the specimen lie in the field in frame t."""
        middle = (self.regime.side - 1) / 2
        return middle + (places + self.positions[t] - middle) * self.magnification[t]

    def draw(
        self, t: int, places: Floats, areas: Floats, noise_px: float = 0.0, skip: Labels | None = None
    ) -> Labels:
        """Paint every body, number plus one; each takes the pixels nearest to it, as many as its area."""
        side, zoom = self.regime.side, self.magnification[t]
        index = np.flatnonzero(areas > 0)
        if skip is not None:
            index = index[~skip[index]]
        canvas = np.zeros((side, side), dtype=np.int32)
        if not index.size:
            return canvas
        centre, area = self.seen(places[index], t), areas[index] * zoom**2
        extent = np.array([self._extent(self.grown[k], areas[k]) for k in index]) * zoom
        for low, high in ((0, 1.6), (1.6, np.inf)):  # the few large ones apart from the many small
            typical = np.median(extent)
            group = np.flatnonzero((extent > low * typical) & (extent <= high * typical))
            if group.size:
                self._paint(canvas, t, index[group], centre[group], area[group], extent[group], noise_px)
        return canvas

    def _extent(self, grown: Grown, area: float) -> float:
        radius = disc_radius(max(area, grown.area_px if grown.final_px else 0.0))
        if grown.final_px:
            return 1.1 * radius + float(np.hypot(*grown.lobes.T).max())
        return radius * self.regime.rod_aspect**0.5 * 1.15

    def _paint(
        self,
        canvas: Labels,
        t: int,
        index: Labels,
        centre: Floats,
        area: Floats,
        extent: Floats,
        noise_px: float,
    ) -> None:
        half = int(np.ceil(extent.max() + 2 + 2 * noise_px))
        corner = np.rint(centre).astype(int) - half
        grid = np.arange(2 * half + 1)
        y = (corner[:, :1] + grid - centre[:, :1])[:, :, None]
        x = (corner[:, 1:] + grid - centre[:, 1:])[:, None, :]
        depth = self._depth(t, index, y, x)
        if noise_px:
            rough = self.rng.standard_normal(depth.shape)
            depth = depth + noise_px * 0.5 * (rough + np.roll(rough, 1, 1) + np.roll(rough, 1, 2))
        flat = depth.reshape(len(index), -1)
        n_px = np.maximum(np.rint(area), 1).astype(int)
        ranked = -np.sort(-flat, axis=1)
        level = ranked[np.arange(len(index)), np.minimum(n_px, flat.shape[1]) - 1]
        who, row, column = np.nonzero(depth >= level[:, None, None])
        py, px = corner[who, 0] + row, corner[who, 1] + column
        inside = (py >= 0) & (py < canvas.shape[0]) & (px >= 0) & (px < canvas.shape[1])
        order = np.argsort(depth[who, row, column][inside], kind="stable")
        py, px, who = py[inside][order], px[inside][order], who[inside][order]
        canvas[py, px] = index[who] + 1

    def _depth(self, t: int, index: Labels, y: Floats, x: Floats) -> Floats:
        """Return how deep (n, Y, X) pixels lie in each body (px): discs, rods, or unions of discs."""
        depth = -np.hypot(y, x)
        for row, k in enumerate(index):
            grown = self.grown[k]
            if grown.final_px is not None:
                apart = np.exp(-(t - grown.body.first) / max(self.regime.relax_frames, 1e-9))
                lobes = zip(grown.lobes * apart * self.magnification[t], grown.lobe_radius, strict=False)
                each = np.array([r - np.hypot(y[row] - ly, x[row] - lx) for (ly, lx), r in lobes])
                soft = 0.25 * grown.lobe_radius.min() + 0.3
                depth[row] = soft * np.log(np.exp(each / soft).sum(axis=0))
            elif self.regime.rod_aspect > 1:
                half = disc_radius(grown.area_px) * (self.regime.rod_aspect - 1) / self.regime.rod_aspect**0.5
                along = y[row] * np.sin(grown.angle) + x[row] * np.cos(grown.angle)
                across = y[row] * np.cos(grown.angle) - x[row] * np.sin(grown.angle)
                depth[row] = -np.hypot(np.maximum(np.abs(along) - half, 0), across)
        return depth

    def detect(
        self,
        t: int,
        places: Floats,
        areas: Floats,
        drawn: Labels,
        mask: Labels,
        fault: Fault | None,
        last: Labels | None,
    ) -> Detections:
        """Return what is found in a frame, under true ids as far as there are."""
        regime, rng = self.regime, self.rng
        if fault == "blank":
            return Detections(np.zeros_like(mask))
        true_id = np.zeros(len(self.grown) + 1, dtype=np.int32)
        true_id[drawn[drawn > 0]] = mask[drawn > 0]
        found = Detections.of(self._jittered(t, places, areas, true_id))
        if fault == "double":
            shift = rng.uniform(0.3, 1.5) * regime.diameter_px * unit(rng.uniform(0, 2 * np.pi))
            observing.overlay(found, self._jittered(t, places + shift, areas, true_id), fused_share=0.25)
        elif fault is not None:
            row = int(regime.side * rng.uniform(0.25, 0.75))
            observing.cut(found, last if fault == "torn" else None, row)
        n_specks = rng.poisson(regime.specks)
        observing.add_specks(rng, found, rng.uniform(0, regime.side, (n_specks, 2)), regime.diameter_px / 2)
        observing.fuse_touching(rng, found, regime.fuse_rate)
        observing.split_some(rng, found, regime.split_rate)
        return found

    def _jittered(self, t: int, places: Floats, areas: Floats, true_id: Labels) -> Labels:
        regime, rng = self.regime, self.rng
        noisy = areas * np.maximum(1 + regime.area_noise * rng.standard_normal(areas.size), 0.3)
        missed = rng.random(areas.size) < regime.miss_rate
        return true_id[self.draw(t, places, noisy, regime.outline_px, missed)]


def disc_radius(area_px: float) -> float:
    """Return the radius of a disc of that area."""
    return float((area_px / np.pi) ** 0.5)


def unit(angle: float) -> Floats:
    """Return the unit vector (y, x) at an angle."""
    return np.array([np.sin(angle), np.cos(angle)])

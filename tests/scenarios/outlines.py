"""How generator B draws: star-shaped outlines of random Fourier modes; what is seen errs with a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scenarios import observing
from scenarios.observing import Detections
from scenarios.regime import Fault, Floats, Labels, Scenario
from scenarios.truth import tell_truth

if TYPE_CHECKING:
    from scenarios.judging import World

_N_ANGLES = 180
_THETA = np.arange(_N_ANGLES) * (2 * np.pi / _N_ANGLES)


def film(world: World) -> Scenario:
    """Draw every frame of a world that has run, tell its truth, and look at it as a segmenter does."""
    regime, rng = world.regime, world.rng
    n = len(world.bodies)
    plain = [_outlines(world, t) for t in range(regime.n_frames)]
    drawn, areas = [], np.zeros((regime.n_frames, n))
    for t, (place, area, _, _) in enumerate(world.history):
        areas[t, : area.size] = area
        drawn.append(_paint(world, t, place, area, plain[t]))
    masks, lineage = tell_truth(world.bodies, areas, drawn)
    bad = observing.draw_bad_frames(rng, regime)
    dirt = rng.uniform(0, regime.side, (max(1, round(3 * regime.specks)), 2))
    error, gone = np.zeros(n), np.zeros(n, dtype=bool)
    observed, sources = [], []
    before: Labels | None = None
    for t, mask in enumerate(masks):
        error = 0.5 * error + 0.75**0.5 * rng.standard_t(5, n) / (5 / 3) ** 0.5
        gone = _bursts(rng, gone, regime.miss_rate, areas[t])
        true_id = np.zeros(n + 1, dtype=np.int32)
        true_id[drawn[t][drawn[t] > 0]] = mask[drawn[t] > 0]
        found = _look(world, t, plain[t], true_id, error, gone, bad.get(t))
        if bad.get(t) in ("torn", "half"):
            row = int(regime.side * rng.uniform(0.2, 0.8))
            observing.cut(found, before if bad[t] == "torn" else None, row)
        if bad.get(t) != "blank":
            _add_dirt(world, t, found, dirt)
            observing.fuse_touching(rng, found, regime.fuse_rate)
            observing.split_some(rng, found, regime.split_rate)
        before = found.labels.copy()
        labels, source = observing.renumber(rng, found)
        observed.append(labels)
        sources.append(source)
    return Scenario(masks, observed, sources, lineage, world.shift, world.zoom, bad)


def _bursts(rng: np.random.Generator, gone: Labels, rate: float, area: Floats) -> Labels:
    """Draw who is missed: one who is stays so with probability a half; small ones are missed more."""
    mean = float(area[area > 0].mean()) if (area > 0).any() else 1.0
    hard = np.clip((mean / np.maximum(area, 1)) ** 0.5, 0.5, 2.0)
    into = np.minimum(hard * rate / (2 * (1 - min(rate, 0.9))), 0.9)
    return rng.random(gone.size) < np.where(gone, 0.5, into)


def _look(
    world: World, t: int, plain: Floats, true_id: Labels, error: Floats, gone: Labels, fault: Fault | None
) -> Detections:
    regime, rng = world.regime, world.rng
    side = regime.side
    if fault == "blank":
        return Detections(np.zeros((side, side), dtype=np.int32))
    place, area, _, _ = world.history[t]
    n = area.size
    noisy = area * np.clip(1 + regime.area_noise * error[:n], 0.3, 2.0) * ~gone[:n]
    rough = regime.outline_px / np.maximum((area / np.pi) ** 0.5, 1.0)
    jitter = draw_modes(rng, n, 1.0) * rough[:, None]
    place = place + rng.normal(0, 0.15, place.shape)
    labels = true_id[_paint(world, t, place, noisy, plain * np.clip(1 + jitter, 0.5, 1.5))]
    found = Detections.of(labels)
    if fault == "double":
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.2) * regime.diameter_px
        moved = place + length * np.array([np.sin(angle), np.cos(angle)])
        observing.overlay(found, true_id[_paint(world, t, moved, noisy, plain)], fused_share=0.1)
    return found


def _add_dirt(world: World, t: int, found: Detections, dirt: Floats) -> None:
    """Find the same dirt again and again, and slivers beside particles."""
    regime, rng = world.regime, world.rng
    n = rng.poisson(regime.specks)
    again = dirt[rng.integers(0, len(dirt), n // 2)]
    place, area, _, _ = world.history[t]
    index = np.flatnonzero(area > 0)
    places = [again]
    if index.size:
        beside = rng.choice(index, n - n // 2)
        angle = rng.uniform(0, 2 * np.pi, beside.size)
        far = (area[beside] / np.pi) ** 0.5 + rng.uniform(1, 3, beside.size)
        spots = place[beside] + far[:, None] * np.column_stack([np.sin(angle), np.cos(angle)])
        places.append(world.seen(spots, t))
    observing.add_specks(rng, found, np.concatenate(places), 0.4 * regime.diameter_px)


def draw_modes(rng: np.random.Generator, n: int, amplitude: float) -> Floats:
    """Draw n random outlines' deviations (n, angles): modes 2 to 6, falling as one over the mode."""
    modes = np.arange(2, 7)
    waves = np.cos(modes[None, :, None] * _THETA + rng.uniform(0, 2 * np.pi, (n, modes.size, 1)))
    return np.einsum("nm,nma->na", amplitude * rng.standard_normal((n, modes.size)) / modes, waves)


def _outlines(world: World, t: int) -> Floats:
    """Return every body's outline, relative radius (K, angles), before its area scales it."""
    _, area, angle, stretch = world.history[t]
    n = area.size
    outline = 1 + world.modes[:n]
    turned = _THETA - angle[:, None]
    if world.regime.rod_aspect > 1:
        a = world.regime.rod_aspect
        return (np.abs(np.cos(turned) / a) ** 6 + np.abs(np.sin(turned)) ** 6) ** (-1 / 6)
    return outline * (1 + stretch[:, None] * np.cos(2 * turned))


def _paint(world: World, t: int, place: Floats, area: Floats, outlines: Floats) -> Labels:
    """Paint bodies, number plus one, each with its area; (Y, X)."""
    side, zoom = world.regime.side, world.zoom[t]
    canvas = np.zeros((side, side), dtype=np.int32)
    centres = world.seen(place, t)
    unit = outlines / np.sqrt((outlines**2).mean(axis=1, keepdims=True))
    for k in np.flatnonzero(area > 0):
        border = unit[k] * (area[k] / np.pi) ** 0.5 * zoom
        far = border.max()
        y0, x0 = np.maximum(np.floor(centres[k] - far), 0).astype(int)
        y1, x1 = np.minimum(np.ceil(centres[k] + far) + 1, side).astype(int)
        if y1 <= y0 or x1 <= x0:
            continue
        dy = np.arange(y0, y1)[:, None] - centres[k, 0]
        dx = np.arange(x0, x1)[None, :] - centres[k, 1]
        bins = (np.arctan2(dy, dx) * (_N_ANGLES / (2 * np.pi))).astype(int) % _N_ANGLES
        inside = dy * dy + dx * dx <= border[bins] ** 2
        canvas[y0:y1, x0:x1][inside] = k + 1
    return canvas

"""How the stage moves and the magnification changes: one way for each generator, none shared."""

from __future__ import annotations

import numpy as np

from scenarios.discs import unit
from scenarios.regime import Floats, Labels, Regime


def move_stage_by_decay(rng: np.random.Generator, regime: Regime, tilt: float) -> tuple[Floats, Floats]:
    """Return shift (T, 2) px and magnification (T,): drift, settling that decays, shaking, jumps, zoom."""
    t = np.arange(regime.n_frames)
    settled = regime.settle_px * (1 - np.exp(-t / (0.15 * regime.n_frames)))
    shift = t[:, None] * np.array(regime.drift_px) + settled[:, None] * unit(rng.uniform(0, 2 * np.pi))
    if regime.wobble_px:
        shift = shift + rng.normal(0, regime.wobble_px, shift.shape)
    for frame in spread(rng, regime.n_jumps, 3, regime.n_frames - 3):
        length = regime.jump_px or (regime.lattice_px or regime.diameter_px) * rng.uniform(0.9, 1.1)
        row = tilt + rng.integers(0, 6) * np.pi / 3
        shift[frame:] += length * unit(row if regime.lattice_px else rng.uniform(0, 2 * np.pi))
    zoom = (1 + regime.magnification_per_frame) ** t
    zoom = zoom * np.where(t >= regime.n_frames // 2, 1 + regime.magnification_step, 1.0)
    return shift - shift[0], zoom


def move_stage_by_power_law(rng: np.random.Generator, regime: Regime, tilt: float) -> tuple[Floats, Floats]:
    """Return shift (T, 2) and magnification (T,): a drift that wavers, power-law settling, jolts, zoom."""
    t = np.arange(regime.n_frames)
    waver = np.cumsum(rng.normal(0, 0.15, (t.size, 2)), axis=0) * np.abs(regime.drift_px)
    shift = t[:, None] * np.array(regime.drift_px) + waver
    angle = rng.uniform(0, 2 * np.pi)
    settled = regime.settle_px * (1 - 1 / (1 + t / (0.06 * t.size)))
    shift = shift + settled[:, None] * np.array([np.sin(angle), np.cos(angle)])
    shift = shift + regime.wobble_px * rng.standard_t(4, shift.shape) / 2**0.5
    for frame in rng.permutation(np.arange(3, max(4, t.size - 3)))[: regime.n_jumps]:
        length = regime.jump_px or (regime.lattice_px or regime.diameter_px) * rng.uniform(0.9, 1.1)
        row = rng.integers(0, 4) * np.pi / 2 + tilt + rng.normal(0, 0.1)
        way = row if regime.lattice_px else rng.uniform(0, 2 * np.pi)
        shift[frame:] += length * np.array([np.cos(way), np.sin(way)])
    steps = np.where(t >= t.size // 2, 1 + regime.magnification_step, 1.0)
    return shift - shift[0], (1 + regime.magnification_per_frame * t) * steps


def spread(rng: np.random.Generator, n: int, first: int, last: int) -> Labels:
    """Draw n frames, one in each of n equal parts of [first, last)."""
    return (first + (last - first) * (np.arange(n) + rng.random(n)) / max(n, 1)).astype(int)

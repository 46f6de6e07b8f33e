"""Paths in time from which events are made: confined Brownian motion and smooth ramps."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from temtrack.simulation.projection import Floats

#: Frames after which a particle has forgotten where it was.
_MEMORY_FRAMES = 12.0


def confined_walk(rng: np.random.Generator, n_frames: int, n: int, reach_px: float) -> Floats:
    """Draw n Brownian paths (n_frames, n, 2) in px that never go farther than ``reach_px`` from home.

    An Ornstein-Uhlenbeck process of standard deviation ``reach_px / 2.5`` per axis, folded back at its reach.
    """
    keep = float(np.exp(-1 / _MEMORY_FRAMES))
    kicks = rng.standard_normal((n_frames, n, 2)) * np.sqrt(1 - keep**2)
    kicks[0] /= np.sqrt(1 - keep**2)
    walk = lfilter([1.0], [1.0, -keep], kicks, axis=0) * (reach_px / 2.5)
    distance = np.linalg.norm(walk, axis=2, keepdims=True)
    return np.asarray(walk * np.minimum(1.0, reach_px / np.maximum(distance, 1e-9)))


def ramp(n_frames: int, start: float, end: float) -> Floats:
    """Return a smooth step (n_frames,) from 0 at frame ``start`` to 1 at frame ``end``."""
    u = np.clip((np.arange(n_frames) - start) / max(end - start, 1e-9), 0, 1)
    return np.asarray(u * u * (3 - 2 * u))

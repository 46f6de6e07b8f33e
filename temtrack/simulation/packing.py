"""Room for every event: discs that do not overlap, so that nothing happens that was not planned."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from temtrack.errors import UsageError
from temtrack.simulation.projection import Floats

_N_PUSHES = 600
_TOLERANCE_PX = 0.05


def pack(rng: np.random.Generator, reach_px: Floats, low: Floats, high: Floats) -> Floats:
    """Place discs without overlap and return their centres (N, 2), y and x.

    Starts from random places and pushes overlapping discs apart until none overlap.

    Parameters
    ----------
    reach_px
        Radii (N,).
    low, high
        Corners (N, 2) of the boxes that the centres must stay in.

    Raises
    ------
    UsageError
        Where they do not fit.
    """
    if np.any(low > high):
        raise UsageError(_too_crowded("a group of particles that meet is larger than the field"))
    centres = rng.uniform(low, high)
    for step in range(_N_PUSHES):
        tree = cKDTree(centres)
        pairs = tree.query_pairs(2 * float(reach_px.max(initial=0)), output_type="ndarray")
        i, j = pairs[:, 0], pairs[:, 1]
        apart = centres[j] - centres[i]
        distance = np.maximum(np.linalg.norm(apart, axis=1), 1e-6)
        overlap = reach_px[i] + reach_px[j] - distance
        if not np.any(overlap > _TOLERANCE_PX):
            return np.asarray(centres)
        hit = overlap > 0
        push = (0.52 * overlap / distance)[hit, None] * apart[hit]
        np.add.at(centres, i[hit], -push)
        np.add.at(centres, j[hit], push)
        if step < _N_PUSHES // 2:
            centres += rng.normal(0, 0.2, centres.shape)
        centres = np.clip(centres, low, high)
    fraction = float((np.pi * reach_px**2).sum() / np.ptp(np.vstack([low, high]), axis=0).prod())
    raise UsageError(_too_crowded(f"the particles and the room they move in take {fraction:.0%} of it"))


def _too_crowded(why: str) -> str:
    return (
        f"the simulated field is too crowded: {why}; "
        "use fewer particles or events, a smaller radius or a larger field"
    )

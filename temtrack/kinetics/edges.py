"""Which diameters of a run are steadier: those of its masks, or those of its particles' own edges."""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Fewer of the particles' edges say too little of the image.
MIN_KNOWN_FRACTION = 0.9

#: Edges are taken where they wander less than this part of what the masks do: clearly less.
MAX_UNREST = 0.85

#: What wanders is told by second differences of means of so many frames: even growth has none.
FRAMES_OF_MEAN = 4

_MASK, _EDGE = "equivalent_diameter_px", "edge_diameter_px"


def find_steadier_diameters(particles: pd.DataFrame) -> pd.DataFrame:
    """Return particles with a column ``diameter_px`` where their own edges wander less than their masks.

    What draws outlines follows contrast, which wanders by diffraction for many frames alike, as growth does;
    ``edge_diameter_px`` does not follow it. It may be noisier, and outlines of a person, or true ones, better
    than either, so the masks are believed unless the edges wander clearly less. A row whose edge is unknown
    has the diameter of its mask, times the median ratio of all.
    """
    if _EDGE not in particles:
        return particles
    rows = particles.loc[~particles["touches_border"].astype(bool), ["particle_id", "frame", _EDGE, _MASK]]
    is_known = rows[_EDGE].notna()
    if rows.empty or is_known.mean() < MIN_KNOWN_FRACTION:
        return particles
    ratio = float((rows[_EDGE] / rows[_MASK]).median())
    edge = particles[_EDGE].fillna(particles[_MASK] * ratio)
    rows = rows.assign(**{_EDGE: edge}).sort_values(["particle_id", "frame"])
    unrest = {name: _measure_unrest(rows, name) for name in (_EDGE, _MASK)}
    is_steadier = unrest[_EDGE] < MAX_UNREST * unrest[_MASK]
    return particles.assign(diameter_px=edge) if is_steadier else particles


def _measure_unrest(rows: pd.DataFrame, name: str) -> float:
    """Return the median second difference, rows in the order of particles and frames; NaN of short tracks."""
    steps = np.repeat([1, -2, 1], FRAMES_OF_MEAN) / FRAMES_OF_MEAN
    last = steps.size - 1
    if len(rows) <= last:
        return float("nan")
    ids, frames = (rows[one].to_numpy() for one in ("particle_id", "frame"))
    is_one = (ids[last:] == ids[:-last]) & (frames[last:] == frames[:-last] + last)
    size = np.abs(np.convolve(rows[name].to_numpy(np.float64), steps, "valid"))[is_one]
    return float(np.median(size)) if size.size else float("nan")

"""From merge events and the particles' areas to the rows of ``merges.parquet``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.particles import Columns
from temtrack.lineage import Lineage, Merge

#: Frames on each side of a merge whose median area counts: one odd outline then changes nothing.
N_AREA_FRAMES = 3

#: Deviation of the area ratio from what conserved volume allows at which the score has fallen to 1/e.
_CLOSURE_WIDTH = 0.2

#: Length (frames) of a child or parent at which its score has risen to 1 - 1/e.
_LASTING_FRAMES = 2.0


class AreaHistory:
    """The area of each particle in each of its frames, found by id."""

    def __init__(self, particles: Columns) -> None:
        order = np.lexsort((particles["frame"], particles["particle_id"]))
        self._ids = particles["particle_id"][order]
        self._frames = particles["frame"][order]
        self._areas = particles["area_px"][order]

    def before(self, particle_id: int, frame: int) -> NDArray[np.int64]:
        """Return the areas (px) in the frames before ``frame``, oldest first."""
        frames, areas = self._of(particle_id)
        return areas[frames < frame]

    def since(self, particle_id: int, frame: int) -> NDArray[np.int64]:
        """Return the areas (px) from ``frame`` on."""
        frames, areas = self._of(particle_id)
        return areas[frames >= frame]

    def _of(self, particle_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        start, stop = np.searchsorted(self._ids, [particle_id, particle_id + 1])
        return self._frames[start:stop], self._areas[start:stop]


def measure_merges(particles: Columns, lineage: Lineage) -> dict[str, object]:
    """Measure each merge, in pixels.

    Parameters
    ----------
    particles
        The measured columns of all frames, as `measure_particles` gives them, one after another.
    lineage
        The merges, in the ids of the particles.

    Returns
    -------
    The measured columns of `temtrack.tables.MERGES`, one row per merge in the order of frames.
    """
    merges = sorted(lineage.merges, key=lambda merge: (merge.frame, merge.child))
    history = AreaHistory(particles)
    return {
        "event_id": np.arange(1, len(merges) + 1),
        "frame": [merge.frame for merge in merges],
        "child_id": [merge.child for merge in merges],
        "parent_ids": [list(merge.parents) for merge in merges],
        "n_parents": [len(merge.parents) for merge in merges],
        "contact_frame": [merge.contact_frame for merge in merges],
        "y_px": [merge.y_px for merge in merges],
        "x_px": [merge.x_px for merge in merges],
        "area_ratio": [measure_area_ratio(merge, history) for merge in merges],
        "confidence": [score_merge(merge, history) for merge in merges],
    }


def measure_area_ratio(merge: Merge, history: AreaHistory) -> float:
    """Divide the child's area just after the merge by the sum of its parents' just before.

    Medians over up to `N_AREA_FRAMES` frames. NaN where the masks lack the child or a parent.
    """
    child = history.since(merge.child, merge.frame)[:N_AREA_FRAMES]
    parents = _parent_areas(merge, history)
    if not len(child) or np.isnan(parents).any():
        return float("nan")
    return float(np.median(child) / sum(parents))


def score_merge(merge: Merge, history: AreaHistory) -> float:
    """Score from 0 to 1 how well the areas bear a merge out.

    The product of three: the area ratio lies between its values at contact (1) and after relaxation at
    conserved volume, ``(sum r^3)^(2/3) / sum r^2`` over the parents' radii r, or how far outside; the
    child lasts; the shortest-lived parent had lasted. It orders events by trust and is **not calibrated**:
    0.8 does not mean that eight in ten are right.
    """
    ratio = measure_area_ratio(merge, history)
    if np.isnan(ratio):
        return 0.0
    radii = np.sqrt(_parent_areas(merge, history))
    relaxed = (radii**3).sum() ** (2 / 3) / (radii**2).sum()
    outside = max(relaxed - ratio, ratio - 1, 0)
    closure = np.exp(-((outside / _CLOSURE_WIDTH) ** 2))
    n_child = len(history.since(merge.child, merge.frame))
    n_parent = min(len(history.before(parent, merge.frame)) for parent in merge.parents)
    return float(closure * _lasting(n_child) * _lasting(n_parent))


def _lasting(n_frames: int) -> float:
    return float(1 - np.exp(-n_frames / _LASTING_FRAMES))


def _parent_areas(merge: Merge, history: AreaHistory) -> NDArray[np.float64]:
    areas = [history.before(one, merge.frame)[-N_AREA_FRAMES:] for one in merge.parents]
    return np.array([np.median(area) if len(area) else np.nan for area in areas])

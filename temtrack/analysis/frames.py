"""From all rows of the particles to the rows of ``frames.parquet``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.analysis.particles import Columns
from temtrack.analysis.survival import LIVES, count_lives
from temtrack.lineage import Lineage


def measure_frames(
    particles: Columns,
    shape: tuple[int, int, int],
    lineage: Lineage | None,
    quality: Sequence[str] | None = None,
) -> dict[str, object]:
    """Summarise each frame, in pixels.

    Parameters
    ----------
    particles
        The measured columns of all frames, as `measure_particles` gives them, one after another.
    shape
        (T, Y, X) of the masks.
    lineage
        Where merges, fates and origins are counted from; ``None`` leaves their numbers null.
    quality
        A word on each frame, (T,); ``None`` where nobody knows.

    Returns
    -------
    The measured columns of `temtrack.tables.FRAMES`, one row per frame.
    """
    n_frames, height, width = shape
    n_particles = np.bincount(particles["frame"], minlength=n_frames)
    total_area = np.bincount(particles["frame"], particles["area_px"], minlength=n_frames)
    diameters = pd.Series(particles["equivalent_diameter_px"]).groupby(particles["frame"])
    every, unknown = range(n_frames), [None] * n_frames
    return {
        "frame": np.arange(n_frames),
        "n_particles": n_particles,
        "total_area_px": total_area.astype(np.int64),
        "coverage": total_area / (height * width),
        "mean_diameter_px": diameters.mean().reindex(every).to_numpy(),
        "median_diameter_px": diameters.median().reindex(every).to_numpy(),
        "number_density_per_px2": n_particles / (height * width),
        **_count_changes(particles, n_frames),
        **(dict.fromkeys(LIVES, unknown) if lineage is None else count_lives(lineage)),
        "quality": unknown if quality is None else list(quality),
    }


def _count_changes(particles: Columns, n_frames: int) -> dict[str, NDArray[np.intp]]:
    """Count the ids that begin in each frame and those that ended in the frame before."""
    frames = pd.Series(particles["frame"]).groupby(particles["particle_id"])
    begins = np.bincount(frames.min().to_numpy(dtype=np.intp), minlength=n_frames)
    ends = np.bincount(frames.max().to_numpy(dtype=np.intp) + 1, minlength=n_frames)[:n_frames]
    begins[:1] = 0  # nobody saw those of the first frame begin
    return {"n_new": begins, "n_ended": ends}

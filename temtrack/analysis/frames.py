"""From all rows of the particles, and the family tree, to the rows of ``frames.parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.analysis.particles import Columns
from temtrack.lineage import Fate, Lineage, Origin

#: Ends and beginnings that are counted in ``frames.parquet``.
COUNTED_FATES: tuple[Fate, ...] = ("merged", "dissolved", "left", "lost")
COUNTED_ORIGINS: tuple[Origin, ...] = ("nucleated", "entered")

#: Fates that a particle does not survive.
_DEATHS: tuple[Fate, ...] = ("merged", "dissolved")


#: The columns of `count_lives`.
LIVES = (
    "n_merges",
    *(f"n_{origin}" for origin in COUNTED_ORIGINS),
    *(f"n_{fate}" for fate in COUNTED_FATES),
    "survival",
)


def measure_frames(
    particles: Columns,
    shape: tuple[int, int, int],
    lineage: Lineage | None,
    quality: Sequence[str | None] | None = None,
    seen_fraction: Sequence[float | None] | None = None,
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
    seen_fraction
        The share of each frame that a model saw, (T,); ``None`` where nobody knows.

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
        "seen_fraction": unknown if seen_fraction is None else list(seen_fraction),
    }


def _count_changes(particles: Columns, n_frames: int) -> dict[str, NDArray[np.intp]]:
    """Count the ids that begin in each frame and those that ended in the frame before."""
    frames = pd.Series(particles["frame"]).groupby(particles["particle_id"])
    begins = np.bincount(frames.min().to_numpy(dtype=np.intp), minlength=n_frames)
    ends = np.bincount(frames.max().to_numpy(dtype=np.intp) + 1, minlength=n_frames)[:n_frames]
    begins[:1] = 0  # nobody saw those of the first frame begin
    return {"n_new": begins, "n_ended": ends}


def count_lives(lineage: Lineage) -> dict[str, NDArray[Any]]:
    """Count merges, beginnings and ends by kind and frame, and follow the fraction that survives.

    Returns
    -------
    Columns (T,): ``n_merged`` and so on, for the first frame in which a particle is gone; ``n_merges``,
    ``n_nucleated`` and so on, for the first in which it is there; ``survival``.
    """
    n_frames, tracks = lineage.n_frames, lineage.tracks
    begins = [[track.start for track in tracks if track.origin == origin] for origin in COUNTED_ORIGINS]
    ends = [[track.end + 1 for track in tracks if track.fate == fate] for fate in COUNTED_FATES]
    frames = [[merge.frame for merge in lineage.merges], *begins, *ends]
    counts = [_count(one, n_frames) for one in frames]
    return dict(zip(LIVES, [*counts, measure_survival(lineage)], strict=True))


def measure_survival(lineage: Lineage) -> NDArray[np.float64]:
    """Estimate the fraction (T,) of particles that have neither merged nor dissolved since the first frame.

    ``S(t) = prod (1 - d / n)`` over the frames up to t: of the n particles of the frame before, d have merged
    or dissolved. One that leaves, is lost or splits counts until then, a new one from its first frame on.

    Source: Kaplan & Meier 1958, J. Am. Stat. Assoc. 53, 457, doi:10.1080/01621459.1958.10501452.
    """
    n_frames, tracks = lineage.n_frames, lineage.tracks
    starts = _count([track.start for track in tracks], n_frames)
    stops = _count([track.end + 1 for track in tracks], n_frames)
    deaths = _count([track.end + 1 for track in tracks if track.fate in _DEATHS], n_frames)
    at_risk = np.concatenate([[0], np.cumsum(starts - stops)[:-1]])[:n_frames]
    return np.asarray(np.cumprod(1 - np.divide(deaths, np.maximum(at_risk, 1))))


def _count(frames: list[int], n_frames: int) -> NDArray[np.int64]:
    return np.bincount(np.array(frames, dtype=np.intp), minlength=n_frames)[:n_frames].astype(np.int64)

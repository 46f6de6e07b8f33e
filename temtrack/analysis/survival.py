"""How many particles begin and end in which way in each frame, and which fraction survives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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

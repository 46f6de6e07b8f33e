"""How many particles begin and end in which way in each frame, and which share survives."""

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


def count_lives(lineage: Lineage) -> dict[str, NDArray[Any]]:
    """Count beginnings and ends by kind and frame, and follow the share that survives.

    Returns
    -------
    Columns (T,): ``n_merged`` and so on, for the first frame in which a particle is gone; ``n_nucleated``
    and so on, for the first in which it is there; ``survival``.
    """
    ends = {f"n_{fate}": _ends(lineage, fate) for fate in COUNTED_FATES}
    begins = {f"n_{origin}": _beginnings(lineage, origin) for origin in COUNTED_ORIGINS}
    return {**begins, **ends, "survival": measure_survival(lineage)}


def measure_survival(lineage: Lineage) -> NDArray[np.float64]:
    """Estimate the share (T,) of particles that have neither merged nor dissolved since the first frame.

    ``S(t) = prod (1 - d / n)`` over the frames up to t: of the n particles of the frame before, d have merged
    or dissolved. One that leaves, is lost or splits counts until then, a new one from its first frame on.

    Source: Kaplan & Meier 1958, J. Am. Stat. Assoc. 53, 457, doi:10.1080/01621459.1958.10501452.
    """
    n_frames = lineage.n_frames
    starts = np.bincount([track.start for track in lineage.tracks], minlength=n_frames)[:n_frames]
    stops = np.bincount([track.end + 1 for track in lineage.tracks], minlength=n_frames)[:n_frames]
    present = np.cumsum(starts - stops)
    deaths = np.sum([_ends(lineage, fate) for fate in _DEATHS], axis=0)
    at_risk = np.concatenate([[0], present[:-1]])[:n_frames]
    return np.asarray(np.cumprod(1 - np.divide(deaths, np.maximum(at_risk, 1))))


def _ends(lineage: Lineage, fate: Fate) -> NDArray[np.int64]:
    frames = [track.end + 1 for track in lineage.tracks if track.fate == fate]
    return _count(frames, lineage.n_frames)


def _beginnings(lineage: Lineage, origin: Origin) -> NDArray[np.int64]:
    frames = [track.start for track in lineage.tracks if track.origin == origin]
    return _count(frames, lineage.n_frames)


def _count(frames: list[int], n_frames: int) -> NDArray[np.int64]:
    return np.bincount(np.array(frames, dtype=np.intp), minlength=n_frames)[:n_frames].astype(np.int64)

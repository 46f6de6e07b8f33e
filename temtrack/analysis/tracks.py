"""From all rows of the particles and the family tree to the rows of ``tracks.parquet``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.analysis.confidence import MergeJudge, predict_fate_confidence, predict_origin_confidence
from temtrack.analysis.particles import ParticleHistory
from temtrack.lineage import Lineage


def measure_tracks(history: ParticleHistory, lineage: Lineage | None, judge: MergeJudge) -> dict[str, object]:
    """Summarise each particle over its frames, in pixels.

    Parameters
    ----------
    history
        The particles of all frames.
    lineage
        Fates, origins and merges in the same ids; ``None`` where nobody knows, which leaves them null.
    judge
        Tells how sure merges are.

    Returns
    -------
    The measured columns of `temtrack.tables.TRACKS`, one row per id in ascending order.
    """
    names = ["frame", "particle_id", "area_px", "equivalent_diameter_px", "y_px", "x_px"]
    rows = pd.DataFrame({name: history.columns[name] for name in names}).sort_values(["particle_id", "frame"])
    diameter = "equivalent_diameter_px"
    summary = rows.groupby("particle_id", sort=True).agg(
        start_frame=("frame", "first"),
        end_frame=("frame", "last"),
        n_frames=("frame", "size"),
        mean_area_px=("area_px", "mean"),
        initial_area_px=("area_px", "first"),
        final_area_px=("area_px", "last"),
        mean_diameter_px=(diameter, "mean"),
        initial_diameter_px=(diameter, "first"),
        final_diameter_px=(diameter, "last"),
    )
    ids = summary.index.to_numpy()
    return {
        "particle_id": ids,
        **{str(name): column.to_numpy() for name, column in summary.items()},
        **_family_columns(ids.tolist(), lineage or Lineage(0, (), ()), judge),
        "path_length_px": _path_lengths(rows),
    }


def _path_lengths(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Sum the steps between a particle's frames; a gap counts as one straight step."""
    ids = rows["particle_id"].to_numpy()
    step = np.hypot(np.diff(rows["y_px"].to_numpy()), np.diff(rows["x_px"].to_numpy()))
    same = ids[1:] == ids[:-1]
    unique, track = np.unique(ids, return_inverse=True)
    return np.bincount(track[1:][same], weights=step[same], minlength=len(unique)).astype(np.float64)


def _family_columns(ids: list[int], lineage: Lineage, judge: MergeJudge) -> dict[str, list[object]]:
    """Return origin, fate, how sure they are, parents and child of each id; null where nobody knows."""
    tracks = {track.id: track for track in lineage.tracks}
    children = {parent: merge.child for merge in lineage.merges for parent in merge.parents}
    origins, fates = predict_origin_confidence(lineage, judge), predict_fate_confidence(lineage, judge)
    known = [tracks.get(one) for one in ids]
    return {
        "origin": [track.origin if track else None for track in known],
        "fate": [track.fate if track else None for track in known],
        "origin_confidence": [origins.get(one) for one in ids],
        "fate_confidence": [fates.get(one) for one in ids],
        "parent_ids": [list(track.parents) if track else None for track in known],
        "child_id": [children.get(track.id) if track and track.fate == "merged" else None for track in known],
    }

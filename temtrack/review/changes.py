"""What is observed in a corrected run, from the tables of the run as tracked and what was corrected since.

Only frames in which something was drawn are measured, so that it takes seconds where to analyze the run anew
takes minutes. A merge that nobody reviewed is as sure as it was.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from temtrack.analysis.confidence import predict_fate_confidence
from temtrack.analysis.merge_features import measure_area_ratio
from temtrack.analysis.particles import ParticleHistory
from temtrack.calibration import Calibration
from temtrack.kinetics.observed import ObservedRun
from temtrack.lineage import Merge
from temtrack.review.edited import EditedRun
from temtrack.tables import BAD_FRAMES, Tables

_MERGE_COLUMNS = ("frame", "child_id", "parent_ids", "n_parents", "contact_frame")


class _AsTracked:
    """Tells how sure the merges of a corrected run are: those reviewed surely, the others as before."""

    def __init__(self, edited: EditedRun, tables: Tables) -> None:
        self._edited = edited
        self._reviewed = {(m.frame, m.child) for m in edited.reviewed}
        names = ("frame", "child_id", "confidence")
        rows = [] if tables.merges is None else tables.merges.select(names).to_pylist()
        self._known = {(row["frame"], row["child_id"]): row["confidence"] for row in rows}

    def judge(self, merge: Merge) -> tuple[float, str | None]:
        if (merge.frame, merge.child) in self._reviewed:
            return 1.0, None
        region = next((one for one in self._edited.life(merge.child) if one[0] >= merge.frame), None)
        known = None if region is None else self._known.get((merge.frame, region[1]))
        return (np.nan, "unknown") if known is None else (known, None)


def observe_edited(edited: EditedRun, tables: Tables, calibration: Calibration) -> ObservedRun:
    """Return what mechanisms and their rates are measured on, of a corrected run.

    Parameters
    ----------
    edited
        The run with its corrections.
    tables
        Those of the run as tracked.
    calibration
        Scale and time.
    """
    rows, lineage, judge = edited.rows(), edited.lineage(), _AsTracked(edited, tables)
    history = ParticleHistory(rows)
    fates = predict_fate_confidence(lineage, judge)
    tracks = {
        "particle_id": [t.id for t in lineage.tracks],
        "start_frame": [t.start for t in lineage.tracks],
        "end_frame": [t.end for t in lineage.tracks],
        "fate": [t.fate for t in lineage.tracks],
        "fate_confidence": [fates.get(t.id, np.nan) for t in lineage.tracks],
    }
    told = [m.as_row() for m in lineage.merges]
    merges = {name: [row[name] for row in told] for name in _MERGE_COLUMNS}
    merges["confidence"] = [judge.judge(m)[0] for m in lineage.merges]
    merges["area_ratio"] = [measure_area_ratio(m, history) for m in lineage.merges]
    return ObservedRun(
        particles=pd.DataFrame(rows, copy=False),
        tracks=pd.DataFrame(tracks),
        merges=pd.DataFrame(merges),
        field_px=tables.field_px,
        n_frames=tables.frames.num_rows,
        pixel_size_nm=calibration.pixel_size_nm,
        seconds=calibration.frame_seconds,
        bad_frames=frozenset(t for t, word in enumerate(edited.quality) if word in BAD_FRAMES),
    )

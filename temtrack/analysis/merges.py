"""From merge events and the particles' history to the rows of ``merges.parquet``."""

from __future__ import annotations

import numpy as np

from temtrack.analysis.confidence import measure_area_ratio, measure_ratio, tell_confidence
from temtrack.analysis.history import ParticleHistory
from temtrack.analysis.necks import NeckWatch
from temtrack.lineage import Lineage


def measure_merges(history: ParticleHistory, lineage: Lineage, necks: NeckWatch) -> dict[str, object]:
    """Measure each merge, in pixels.

    Parameters
    ----------
    history
        The particles of all frames.
    lineage
        The merges, in the ids of the particles.
    necks
        What was seen of the merges' necks.

    Returns
    -------
    The measured columns of `temtrack.tables.MERGES`, one row per merge in the order of frames.
    """
    merges = sorted(lineage.merges, key=lambda merge: (merge.frame, merge.child))
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
        "confidence": [tell_confidence(merge, history) for merge in merges],
        "mass_ratio": [measure_ratio(merge, history, "optical_mass") for merge in merges],
        "neck_ratios": [necks.ratios(merge) for merge in merges],
    }

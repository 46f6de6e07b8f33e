"""From merge events and the particles' history to the rows of ``merges.parquet``."""

from __future__ import annotations

from temtrack.analysis.confidence import measure_area_ratio, measure_ratio, predict_confidence
from temtrack.analysis.history import ParticleHistory
from temtrack.analysis.necks import NeckWatch
from temtrack.lineage import Lineage
from temtrack.tables import MERGES


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
    rows = [
        {
            "event_id": number,
            **merge.as_row(),
            "area_ratio": measure_area_ratio(merge, history),
            "confidence": predict_confidence(merge, history),
            "mass_ratio": measure_ratio(merge, history, "optical_mass"),
            "neck_ratios": necks.ratios(merge),
        }
        for number, merge in enumerate(sorted(lineage.merges, key=lambda m: (m.frame, m.child)), start=1)
    ]
    measured = (column.name for column in MERGES.columns if column.is_measured)
    return {name: [row[name] for row in rows] for name in measured}

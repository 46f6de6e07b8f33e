"""How sure it is what became of a particle, and where it came from.

A merged parent and its child are as sure as their merge. The others are as sure as such tracks were on
simulated movies with poor masks, where ``benchmarks/confidence.py`` counted the fractions below.
"""

from __future__ import annotations

from collections.abc import Mapping

from temtrack.analysis.confidence import predict_confidence
from temtrack.analysis.history import ParticleHistory
from temtrack.lineage import Lineage, Track

#: Tracks of at most so many frames are often faults of the segmentation.
SHORT_FRAMES = 5

#: Fraction of tracks told a fate that truly have it: of the short ones, of the longer ones. ``lost`` says
#: that nobody knows, and no simulated particle splits, so these have none.
FATE_FRACTIONS: Mapping[str, tuple[float, float]] = {
    "present": (0.872, 0.999),
    "left": (0.889, 0.967),
    "dissolved": (0.714, 0.960),
}

#: The same of origins; ``appeared`` says that nobody knows.
ORIGIN_FRACTIONS: Mapping[str, tuple[float, float]] = {
    "present": (0.786, 0.999),
    "entered": (0.500, 0.992),
    "nucleated": (0.100, 0.953),
}


def predict_fate_confidence(lineage: Lineage, history: ParticleHistory) -> dict[int, float]:
    """Return for each track how likely its fate is right; one whose fate is unknown is left out."""
    merged = {i: predict_confidence(m, history) for m in lineage.merges for i in m.parents}
    told = {
        t.id: merged.get(t.id) if t.fate == "merged" else _fraction(t, FATE_FRACTIONS.get(t.fate))
        for t in lineage.tracks
    }
    return {i: confidence for i, confidence in told.items() if confidence is not None}


def predict_origin_confidence(lineage: Lineage, history: ParticleHistory) -> dict[int, float]:
    """Return for each track how likely its origin is right; one whose origin is unknown is left out."""
    born = {m.child: predict_confidence(m, history) for m in lineage.merges}
    told = {
        t.id: born.get(t.id) if t.origin == "merge" else _fraction(t, ORIGIN_FRACTIONS.get(t.origin))
        for t in lineage.tracks
    }
    return {i: confidence for i, confidence in told.items() if confidence is not None}


def _fraction(track: Track, fractions: tuple[float, float] | None) -> float | None:
    return None if fractions is None else fractions[track.end - track.start + 1 > SHORT_FRAMES]

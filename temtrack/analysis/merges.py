"""From merge events and the particles' history to the rows of ``merges.parquet``; the neck as it grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.approach import ApproachWatch, measure_speed
from temtrack.analysis.confidence import MergeJudge
from temtrack.analysis.merge_features import measure_area_ratio, measure_ratio
from temtrack.analysis.particles import ParticleHistory
from temtrack.imaging.labels import LabelImage
from temtrack.lineage import Lineage, Merge
from temtrack.tables import MERGES

#: A child is watched for so many frames, the merge frame included.
WATCHED_FRAMES = 20

#: Thickness of the slices, in pixels, in which the neck's width is counted.
_SLICE_PX = 2.0


def measure_merges(
    history: ParticleHistory,
    lineage: Lineage,
    necks: NeckWatch,
    approaches: ApproachWatch,
    judge: MergeJudge,
) -> dict[str, object]:
    """Measure each merge, in pixels.

    Parameters
    ----------
    history
        The particles of all frames.
    lineage
        The merges, in the ids of the particles.
    necks, approaches
        What was seen of the merges' necks, and of the gaps before.
    judge
        Tells how sure each is.

    Returns
    -------
    The measured columns of `temtrack.tables.MERGES`, one row per merge in the order of frames.
    """
    rows = [
        {
            "event_id": number,
            **merge.as_row(),
            "area_ratio": measure_area_ratio(merge, history),
            **dict(zip(("confidence", "confidence_reason"), judge.judge(merge), strict=True)),
            "model_confidence": judge.judge_unreviewed(merge)[0],
            "mass_ratio": measure_ratio(merge, history, "optical_mass"),
            "neck_ratios": necks.ratios(merge),
            "gap_px": next(reversed(approaches.gaps(merge)), None),
            "gaps_px": approaches.gaps(merge),
            "approach_speed": measure_speed(approaches.gaps(merge)),
            "reviewed": judge.is_reviewed(merge),
        }
        for number, merge in enumerate(sorted(lineage.merges, key=lambda m: (m.frame, m.child)), start=1)
    ]
    measured = (column.name for column in MERGES.columns if column.is_measured)
    return {name: [row[name] for row in rows] for name in measured}


class NeckWatch:
    """Measures the necks of all merges of two parents while the masks go by, frame after frame."""

    def __init__(self, lineage: Lineage) -> None:
        self._merges = [merge for merge in lineage.merges if len(merge.parents) == 2]
        self._end = {track.id: track.end for track in lineage.tracks}
        self._areas: dict[Merge, list[int]] = {}
        self._ratios: dict[Merge, list[float]] = {}

    def add(self, frame: int, labels: LabelImage) -> None:
        """Take the labels of the next frame."""
        for merge in self._merges:
            if frame == merge.frame - 1:
                self._areas[merge] = [len(labels.pixels_of([parent])) for parent in merge.parents]
            elif merge.frame <= frame < min(merge.frame + WATCHED_FRAMES, self._end[merge.child] + 1):
                child = labels.pixels_of([merge.child])
                ratio = measure_neck_ratio(child, self._areas.get(merge, ()))
                self._ratios.setdefault(merge, []).append(ratio)

    def ratios(self, merge: Merge) -> list[float] | None:
        """Return the neck ratio from the merge frame on; ``None`` for three and more parents."""
        return self._ratios.get(merge)


def measure_neck_ratio(child: NDArray[np.integer], parent_areas: Sequence[int]) -> float:
    """Measure the width of the neck in a child over the diameter of its smaller parent.

    The neck lies across the child's long axis, about where that divides its area as the parents' areas
    stood: at the narrowest place within the smaller parent's radius of there, yet no nearer to the tip than
    that radius. Of the two ends at which the smaller parent may be, the one with the narrower neck counts.

    Parameters
    ----------
    child
        (N, 2) row and column of its pixels.
    parent_areas
        Areas in px of the two parents before.

    Returns
    -------
    The ratio; NaN where child or a parent has no pixels.
    """
    if len(child) < 2 or len(parent_areas) != 2 or min(parent_areas) == 0:
        return float("nan")
    offsets = child - child.mean(axis=0)
    long_axis = np.linalg.eigh(offsets.T @ offsets)[1][:, 1]
    along = offsets @ long_axis
    fraction, radius = min(parent_areas) / sum(parent_areas), float(np.sqrt(min(parent_areas) / np.pi))
    widths = [_narrowest(end - end.min(), fraction, radius) for end in (along, -along)]
    return min(widths) / (2 * radius)


def _narrowest(along: NDArray[np.float64], fraction: float, radius: float) -> float:
    """Return the least width near with a fraction of the pixels below it, ``along`` counting from a tip."""
    n_px = np.bincount((along / _SLICE_PX).astype(np.intp))
    centres = (np.arange(n_px.size) + 0.5) * _SLICE_PX
    place = float(np.quantile(along, fraction))
    near = (np.abs(centres - place) <= radius) & (centres >= radius)
    near[np.argmin(np.abs(centres - place))] |= not near.any()
    return float(n_px[near].min() / _SLICE_PX)

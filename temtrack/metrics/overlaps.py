"""Who overlaps whom in each frame: the sparse table from which nearly all measures are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import Labels, Regions, measure_regions, overlap_counts
from temtrack.metrics.boundaries import BoundaryScore, score_boundaries
from temtrack.progress import Progress, silent

#: A found detection covers the true ones of which it holds more than this fraction: one at most covers each.
MIN_COVERED_FRACTION = 0.5


@dataclass(frozen=True)
class Detections:
    """One row per particle and frame, in the order of frames, then ids.

    Parameters
    ----------
    frame, id, area_px
        (N,) int64.
    y_px, x_px
        (N,) float64, the centroid.
    """

    frame: NDArray[np.int64]
    id: NDArray[np.int64]
    area_px: NDArray[np.int64]
    y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]

    def __len__(self) -> int:
        return self.id.size

    @classmethod
    def of(cls, regions: list[Regions]) -> Detections:
        """Gather the particles of all frames."""
        nobody = np.zeros(0, np.int64)
        frame = np.repeat(np.arange(len(regions)), [one.ids.size for one in regions])
        names = ("ids", "area_px", "y_px", "x_px")
        columns = [np.concatenate([nobody, *(getattr(one, name) for one in regions)]) for name in names]
        return cls(frame, *columns)


@dataclass(frozen=True)
class MovieOverlaps:
    """Found and true detections of a movie, and the pairs of them that share pixels.

    Parameters
    ----------
    n_frames
        Frames compared, those without particles too.
    found, true
        The detections.
    found_row, true_row
        (P,) int64 rows of ``found`` and ``true``; each pair lies in one frame.
    n_px
        (P,) int64 shared pixels, at least 1.
    boundaries
        The score of each frame's boundaries, where it was asked for.
    """

    n_frames: int
    found: Detections
    true: Detections
    found_row: NDArray[np.int64]
    true_row: NDArray[np.int64]
    n_px: NDArray[np.int64]
    boundaries: tuple[BoundaryScore, ...] = ()

    @property
    def frame(self) -> NDArray[np.int64]:
        """Frame of each pair, (P,)."""
        return self.true.frame[self.true_row]

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair, (P,) in (0, 1]."""
        areas = self.found.area_px[self.found_row] + self.true.area_px[self.true_row]
        return np.asarray(self.n_px / (areas - self.n_px))

    @property
    def fraction_of_found(self) -> NDArray[np.float64]:
        """Shared part of the found particle's area, (P,) in (0, 1]."""
        return np.asarray(self.n_px / self.found.area_px[self.found_row])

    @property
    def fraction_of_true(self) -> NDArray[np.float64]:
        """Shared part of the true particle's area, (P,) in (0, 1]."""
        return np.asarray(self.n_px / self.true.area_px[self.true_row])

    @property
    def is_covered(self) -> NDArray[np.bool_]:
        """Mark the pairs in which the found detection covers the true one, as the CTC matches them, (P,)."""
        return np.asarray(self.fraction_of_true > MIN_COVERED_FRACTION)


def measure_overlaps(
    found: Iterable[Labels],
    true: Iterable[Labels],
    progress: Progress = silent,
    *,
    with_boundaries: bool = False,
) -> MovieOverlaps:
    """Compare found and true labels (Y, X) of each frame, read one frame at a time.

    Of each frame only ids, areas, centres and shared pixels are kept.

    Raises
    ------
    ValueError
        Where there are more frames of one than of the other.
    """
    regions: tuple[list[Regions], list[Regions]] = [], []
    pairs, boundaries = [np.zeros((3, 0), np.int64)], []
    n_rows = np.zeros((2, 1), np.int64)
    for labels in progress(zip(found, true, strict=True), "comparing"):
        ids = []
        for side, one in zip(regions, labels, strict=True):
            side.append(measure_regions(one))
            ids.append(side[-1].ids)
        shared = overlap_counts(*labels)
        rows = [np.searchsorted(*both) for both in zip(ids, (shared.a, shared.b), strict=True)]
        pairs.append(np.stack([*(n_rows + rows), shared.n_px]))
        n_rows += [[one.size] for one in ids]
        if with_boundaries:
            boundaries.append(score_boundaries(*labels))
    found_row, true_row, n_px = np.concatenate(pairs, axis=1)
    sides = Detections.of(regions[0]), Detections.of(regions[1])
    return MovieOverlaps(len(regions[0]), *sides, found_row, true_row, n_px, tuple(boundaries))

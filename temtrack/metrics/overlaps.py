"""Who overlaps whom in each frame: the sparse table from which all measures but the outlines' are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_regions, overlap_counts

Labels = NDArray[np.integer]


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
    """

    n_frames: int
    found: Detections
    true: Detections
    found_row: NDArray[np.int64]
    true_row: NDArray[np.int64]
    n_px: NDArray[np.int64]

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
    def share_of_found(self) -> NDArray[np.float64]:
        """Shared part of the found particle's area, (P,) in (0, 1]."""
        return np.asarray(self.n_px / self.found.area_px[self.found_row])

    @property
    def share_of_true(self) -> NDArray[np.float64]:
        """Shared part of the true particle's area, (P,) in (0, 1]."""
        return np.asarray(self.n_px / self.true.area_px[self.true_row])


class OverlapCollector:
    """Takes frame after frame and keeps, of each, only ids, areas, centres and shared pixels."""

    def __init__(self) -> None:
        self._found = _DetectionCollector()
        self._true = _DetectionCollector()
        self._pairs: list[NDArray[np.int64]] = []
        self._n_frames = 0

    def add(self, found: Labels, true: Labels) -> None:
        """Take the next frame: labels (Y, X) of one size."""
        found_start, found_ids = self._found.add(found, self._n_frames)
        true_start, true_ids = self._true.add(true, self._n_frames)
        shared = overlap_counts(found, true)
        found_row = found_start + np.searchsorted(found_ids, shared.a)
        true_row = true_start + np.searchsorted(true_ids, shared.b)
        self._pairs.append(np.stack([found_row, true_row, shared.n_px]).astype(np.int64))
        self._n_frames += 1

    def collect(self) -> MovieOverlaps:
        """Return the table of the frames taken so far."""
        pairs = np.concatenate([np.zeros((3, 0), np.int64), *self._pairs], axis=1)
        return MovieOverlaps(self._n_frames, self._found.collect(), self._true.collect(), *pairs)


class _DetectionCollector:
    def __init__(self) -> None:
        self._whole = [np.zeros((3, 0), np.int64)]
        self._places = [np.zeros((2, 0))]
        self._n_rows = 0

    def add(self, labels: Labels, frame: int) -> tuple[int, NDArray[np.int64]]:
        """Return the row of the frame's first detection, and the ids in the order of rows."""
        regions = measure_regions(labels)
        start, self._n_rows = self._n_rows, self._n_rows + regions.ids.size
        self._whole.append(np.stack([np.full_like(regions.ids, frame), regions.ids, regions.area_px]))
        self._places.append(np.stack([regions.y_px, regions.x_px]))
        return start, regions.ids

    def collect(self) -> Detections:
        return Detections(*np.concatenate(self._whole, axis=1), *np.concatenate(self._places, axis=1))


def measure_overlaps(found: Iterable[Labels], true: Iterable[Labels]) -> MovieOverlaps:
    """Compare found and true labels (Y, X) of each frame; both are read one frame at a time.

    Raises
    ------
    ValueError
        Where there are more frames of one than of the other.
    """
    collector = OverlapCollector()
    for found_labels, true_labels in zip(found, true, strict=True):
        collector.add(found_labels, true_labels)
    return collector.collect()

"""Pure functions on label images: integer ids, 0 is background, one id one particle.

Everything is linear in pixels and returns new arrays; thousands of ids cost no more than ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

Labels = NDArray[np.integer]

#: Ids up to this are looked up in a table, higher ones are sorted.
MAX_TABLE = 1 << 22


@dataclass(frozen=True)
class Regions:
    """One row per id of a label image, ids ascending.

    Parameters
    ----------
    ids
        (N,) int64.
    area_px
        (N,) int64.
    y_px, x_px
        (N,) float64, the centroid.
    touches_border
        (N,) bool.
    """

    ids: NDArray[np.int64]
    area_px: NDArray[np.int64]
    y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]
    touches_border: NDArray[np.bool_]

    @property
    def radius_px(self) -> NDArray[np.float64]:
        """Radius of the disc of equal area, (N,)."""
        return np.sqrt(self.area_px / np.pi)

    def take(self, keep: NDArray[np.bool_]) -> Regions:
        """Return some of the rows."""
        return Regions(*(column[keep] for column in vars(self).values()))


@dataclass(frozen=True)
class LabelImage:
    """Labels (Y, X) with their runs and regions, which are measured once: when they are first asked for."""

    labels: Labels

    @cached_property
    def runs(self) -> RunLengths:
        """The labels run-length encoded."""
        return encode_run_lengths(self.labels)

    @cached_property
    def regions(self) -> Regions:
        """One row per id."""
        return _measure(self.runs, border_ids(self.labels))


@dataclass(frozen=True)
class Overlaps:
    """Pixels that two label images share, one row per pair of ids that share any, sorted by ``a``, ``b``."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    n_px: NDArray[np.int64]


@dataclass(frozen=True)
class RunLengths:
    """A label image run-length encoded: neighbours in a row of one id are a run; no background.

    Parameters
    ----------
    ids
        (N,) id of each run, in raster order.
    y_px, x_px
        (N,) int64, row and first column.
    n_px
        (N,) int64, length.
    """

    ids: NDArray[np.integer]
    y_px: NDArray[np.int64]
    x_px: NDArray[np.int64]
    n_px: NDArray[np.int64]


def encode_run_lengths(labels: Labels) -> RunLengths:
    """Encode ``labels`` (Y, X) as runs: a twentieth as many as pixels, so all else is cheap."""
    flat = labels.ravel()
    starts, n_px = _cut(_changes(labels))
    particle = flat[starts] != 0
    starts, n_px = starts[particle], n_px[particle]
    y = starts // labels.shape[1]
    return RunLengths(flat[starts], y, starts - y * labels.shape[1], n_px)


def compact(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the labels renumbered 1..N in ascending order, and the N old ids."""
    starts, n_px = _cut(_changes(labels))
    ids, place = _index_of(labels.ravel()[starts].astype(np.int64))
    numbers = (place + (0 not in ids)).astype(np.int32)
    return np.repeat(numbers, n_px).reshape(labels.shape), ids[ids != 0].astype(np.int64)


def measure_regions(labels: Labels) -> Regions:
    """Measure area, centroid and border contact of each id of ``labels`` (Y, X)."""
    return LabelImage(labels).regions


def _measure(runs: RunLengths, at_border: NDArray[np.int64]) -> Regions:
    ids, index = _index_of(runs.ids)
    area = np.bincount(index, weights=runs.n_px, minlength=ids.size)
    y, x = runs.y_px, runs.x_px + (runs.n_px - 1) / 2
    return Regions(
        ids=ids,
        area_px=area.astype(np.int64),
        y_px=np.bincount(index, weights=runs.n_px * y, minlength=ids.size) / area,
        x_px=np.bincount(index, weights=runs.n_px * x, minlength=ids.size) / area,
        touches_border=np.isin(ids, at_border),
    )


def mean_values(labels: Labels, values: NDArray[np.floating], n: int = 0) -> NDArray[np.float64]:
    """Return the mean of an image (Y, X) over each label, 0 to the highest or ``n``; NaN of no pixels."""
    n_px = np.bincount(labels.ravel(), minlength=n + 1)
    total = np.bincount(labels.ravel(), values.ravel(), minlength=n + 1)
    mean: NDArray[np.float64] = np.divide(total, n_px, out=np.full(len(n_px), np.nan), where=n_px > 0)
    return mean


def typical_diameter(labels: Labels) -> float | None:
    """Return the area-weighted mean equivalent diameter (px) of labels (Y, X); ``None`` without particles."""
    areas = np.bincount(labels.ravel())[1:]
    if not areas.any():
        return None
    return float(np.sum(areas**1.5) / areas.sum() * 2 / np.sqrt(np.pi))


def border_ids(labels: Labels) -> NDArray[np.int64]:
    """Return the ids, ascending, that have a pixel in the outermost rows or columns."""
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    ids = np.unique(np.concatenate(edges)).astype(np.int64)
    return np.asarray(ids[ids != 0])


def map_ids(labels: Labels, new_ids: Mapping[int, int]) -> NDArray[np.int32]:
    """Return the labels with each id that ``new_ids`` names replaced; 0 removes, two ids may become one."""
    if not new_ids:
        return labels.astype(np.int32)
    highest = int(labels.max(initial=0))
    if highest > MAX_TABLE:
        labels, ids = compact(labels)
        return np.array([0, *(new_ids.get(old, old) for old in ids.tolist())], dtype=np.int32)[labels]
    table = np.arange(highest + 1, dtype=np.int32)
    for old, new in new_ids.items():
        if old <= highest:
            table[old] = new
    return table[labels]


def overlap_counts(a: Labels, b: Labels) -> Overlaps:
    """Count the pixels that each id of ``a`` shares with each id of ``b``; background is left out."""
    if a.shape != b.shape:
        raise ValueError(f"overlap_counts needs labels of one shape, got {a.shape} and {b.shape}")
    return count_shared_pixels(encode_run_lengths(a), encode_run_lengths(b))


def count_shared_pixels(a: RunLengths, b: RunLengths) -> Overlaps:
    """Count the same of two label images of one shape that are encoded."""
    width = max(_width(a), _width(b))
    (start_a, stop_a), (start_b, stop_b) = _spans(a, width), _spans(b, width)
    i, j = _meeting(start_a, stop_a, start_b, stop_b)
    n_px = np.minimum(stop_a[i], stop_b[j]) - np.maximum(start_a[i], start_b[j])
    (ids_a, rows), (ids_b, columns) = _index_of(a.ids[i]), _index_of(b.ids[j])
    counts = sparse.coo_array((n_px, (rows, columns)), (ids_a.size, ids_b.size)).tocsr()
    counts.sum_duplicates()
    found = counts.tocoo()
    return Overlaps(ids_a[found.row], ids_b[found.col], found.data)


def measure_gaps(labels: Labels, max_gap_px: int) -> NDArray[np.int64]:
    """Return the pairs of ids, the lower first, and the background pixels between them: (N, 3), sorted.

    Pairs more than ``max_gap_px`` apart are left out; 0 pixels lie between 8-neighbours.
    """
    return measure_run_gaps(encode_run_lengths(labels), max_gap_px)


def measure_run_gaps(runs: RunLengths, max_gap_px: int) -> NDArray[np.int64]:
    """Measure the same of a label image that is encoded."""
    reach = max_gap_px + 1
    width = _width(runs) + reach  # so that no run is near one of the next row
    start, stop = _spans(runs, width)
    keys, gaps = [], []  # a key holds the lower id, then the other
    for dy in range(reach + 1):
        i, j = _meeting(start + dy * width - reach, stop + dy * width + reach, start, stop)
        differ = runs.ids[i] != runs.ids[j]
        i, j = i[differ], j[differ]
        dx = np.maximum(start[j] - stop[i] - dy * width, start[i] + dy * width - stop[j]) + 1
        a, b = runs.ids[i].astype(np.int64), runs.ids[j].astype(np.int64)
        keys.append(np.minimum(a, b) << 32 | np.maximum(a, b))
        gaps.append(np.maximum(dx, dy) - 1)
    key, gap = np.concatenate(keys), np.concatenate(gaps)
    order = np.lexsort((gap, key))
    key, gap = key[order], gap[order]
    is_first = np.diff(key, prepend=-1) != 0  # with the least gap
    return np.stack([key[is_first] >> 32, key[is_first] & 0xFFFFFFFF, gap[is_first]], axis=1)


def filter_fragments(labels: Labels, min_area_fraction: float, min_area_px: int = 1) -> NDArray[np.int32]:
    """Remove ids smaller than ``min_area_px`` or than a share of the area-weighted median area.

    The median is that of the pixels: half of the foreground belongs to particles of at least this area.
    """
    regions = measure_regions(labels)
    if regions.ids.size == 0:
        return labels.astype(np.int32)
    order = np.argsort(regions.area_px)
    pixels = np.cumsum(regions.area_px[order])
    median = regions.area_px[order][np.searchsorted(pixels, pixels[-1] / 2)]
    small = regions.area_px < max(min_area_px, min_area_fraction * median)
    return map_ids(labels, dict.fromkeys(regions.ids[small].tolist(), 0))


def nearest_pixels(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """Sample labels (Y', X') at the centres of the pixels of ``shape`` (Y, X), over the same field."""
    if labels.shape == shape:
        return labels
    y, x = (((np.arange(n) + 0.5) * m / n).astype(np.int64) for n, m in zip(shape, labels.shape, strict=True))
    return np.asarray(labels[np.ix_(y, x)])


def bounding_boxes(labels: Labels) -> dict[int, tuple[slice, slice]]:
    """Return the box (y slice, x slice) of each id."""
    small, ids = compact(labels)
    return dict(zip(ids.tolist(), ndimage.find_objects(small), strict=True))


def _changes(labels: Labels) -> NDArray[np.bool_]:
    """Tell for each pixel, flat, whether it begins a row or bears another id than the one before it."""
    changes = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=changes[:, 1:])
    return changes.ravel()


def _cut(changes: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the flat starts of the stretches between changes, and their lengths."""
    starts = np.flatnonzero(changes)
    return starts, np.diff(starts, append=changes.size)


def _index_of(values: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids in ``values`` ascending and the place of each value among them."""
    if values.max(initial=0) > MAX_TABLE:
        ids, place = np.unique(values, return_inverse=True)
        return ids.astype(np.int64), place
    counts = np.bincount(values)
    ids = np.flatnonzero(counts)
    place = np.zeros(counts.size, np.int64)
    place[ids] = np.arange(ids.size)
    return ids, place[values]


def _width(runs: RunLengths) -> int:
    """Return the number of columns up to the last labelled one."""
    return int((runs.x_px + runs.n_px).max(initial=1))


def _spans(runs: RunLengths, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the flat start and stop of each run, (N,), in rows of so many pixels."""
    start = runs.y_px * width + runs.x_px
    return start, start + runs.n_px


def _meeting(
    start_a: NDArray[np.int64],
    stop_a: NDArray[np.int64],
    start_b: NDArray[np.int64],
    stop_b: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of overlapping intervals of ``a`` and ``b``; those of ``b`` are disjoint and sorted."""
    first = np.searchsorted(stop_b, start_a, side="right")
    n = np.searchsorted(start_b, stop_a, side="left") - first
    i = np.repeat(np.arange(n.size), n)
    return i, np.arange(i.size) + np.repeat(first - np.cumsum(n) + n, n)

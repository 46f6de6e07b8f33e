"""Pure functions on label images: integer ids, 0 is background, one id one particle.

Everything is linear in pixels and returns new arrays; thousands of ids cost no more than ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

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

    @property
    def ids_at_border(self) -> NDArray[np.int64]:
        """The ids that have a pixel in the outermost rows or columns."""
        return self.ids[self.touches_border]

    def take(self, keep: NDArray[np.bool_]) -> Regions:
        """Return some of the rows."""
        return Regions(*(column[keep] for column in vars(self).values()))


@dataclass(frozen=True)
class LabelImage:
    """Labels (Y, X) with their runs and regions, which are measured once: when they are first asked for."""

    labels: Labels

    @classmethod
    def of_runs(cls, runs: RunLengths, shape: tuple[int, ...]) -> LabelImage:
        """Draw runs, which are not encoded again, into an image (Y, X) of int32."""
        image = cls(_draw(runs, shape))
        vars(image)["runs"] = runs
        return image

    @cached_property
    def runs(self) -> RunLengths:
        """The labels run-length encoded."""
        return encode_run_lengths(self.labels)

    @property
    def ids(self) -> NDArray[np.int64]:
        """The ids ascending, (N,)."""
        return self._index[0]

    @property
    def region(self) -> NDArray[np.int64]:
        """The place of each run's id among the ids, (R,)."""
        return self._index[1]

    @cached_property
    def regions(self) -> Regions:
        """One row per id."""
        return _measure(self)

    def boxes(self) -> dict[int, tuple[slice, slice]]:
        """Return the box (y slice, x slice) of each id."""
        runs, n = self.runs, self.ids.size
        top, bottom, left, right = np.zeros((4, n), np.int64)
        top[self.region[::-1]], bottom[self.region] = runs.y_px[::-1], runs.y_px + 1
        left[:] = self.labels.shape[1]
        np.minimum.at(left, self.region, runs.x_px)
        np.maximum.at(right, self.region, runs.x_px + runs.n_px)
        sides = np.stack([top, bottom, left, right], axis=1).tolist()
        boxes = ((slice(*side[:2]), slice(*side[2:])) for side in sides)
        return dict(zip(self.ids.tolist(), boxes, strict=True))

    def total(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum values of runs (R,) over each region, (N,)."""
        return np.bincount(self.region, weights=values, minlength=self.ids.size).astype(np.float64)

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """Flat places of the pixels of all regions in raster order, (P,)."""
        return self.runs.pixels(self.labels.shape[1])

    def pixels_of(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Return rows and columns of the pixels of some ids in raster order, (P, 2)."""
        width = self.labels.shape[1]
        flat = self.runs.take(np.isin(self.runs.ids, ids)).pixels(width)
        return np.stack(np.divmod(flat, width), axis=1)

    def total_of_pixels(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Sum values of `pixels` (P,) over each region, (N,)."""
        region = np.repeat(self.region, self.runs.n_px)
        return np.bincount(region, weights=values, minlength=self.ids.size).astype(np.float64)

    def numbered(self) -> LabelImage:
        """Return the same with ids 1..N in the order of the ids."""
        return self.with_ids(np.arange(1, self.ids.size + 1))

    def renamed(self, new_ids: Mapping[int, int]) -> LabelImage:
        """Return the same with each id that ``new_ids`` names replaced; 0 removes, two may become one."""
        return self.with_ids(np.array([new_ids.get(i, i) for i in self.ids.tolist()], np.int32))

    def with_ids(self, ids: NDArray[np.integer]) -> LabelImage:
        """Return the same with all ids (N,) replaced; 0 removes, two may become one."""
        runs = replace(self.runs, ids=ids.astype(np.int64)[self.region])
        runs = runs if ids.all() else runs.take(runs.ids != 0)
        return LabelImage.of_runs(runs.joined(), self.labels.shape)

    @cached_property
    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return _index_of(self.runs.ids)


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
        (N,) int64, id of each run, in raster order.
    y_px, x_px
        (N,) int64, row and first column.
    n_px
        (N,) int64, length.
    """

    ids: NDArray[np.int64]
    y_px: NDArray[np.int64]
    x_px: NDArray[np.int64]
    n_px: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_ | np.integer]) -> RunLengths:
        """Return some of the runs."""
        return RunLengths(*(column[rows] for column in vars(self).values()))

    def joined(self) -> RunLengths:
        """Return the same with neighbours that bear one id as one run."""
        follows = (self.x_px[1:] == self.x_px[:-1] + self.n_px[:-1]) & (self.y_px[1:] == self.y_px[:-1])
        is_first = np.append(True, ~(follows & (self.ids[1:] == self.ids[:-1])))[: self.ids.size]
        if is_first.all():
            return self
        n_px = np.add.reduceat(self.n_px, np.flatnonzero(is_first))
        return replace(self.take(is_first), n_px=n_px)

    def pixels(self, width: int) -> NDArray[np.int64]:
        """Return the flat places of all pixels, run by run, in an image of so many columns."""
        return _ranges(self.y_px * width + self.x_px, self.n_px)


def encode_run_lengths(labels: Labels) -> RunLengths:
    """Encode ``labels`` (Y, X) as runs: a twentieth as many as pixels, so all else is cheap."""
    changes = np.ones(labels.shape, bool)  # begins a row or bears another id than the pixel before
    np.not_equal(labels[:, 1:], labels[:, :-1], out=changes[:, 1:])
    starts = np.flatnonzero(changes)
    ids, n_px = labels.ravel()[starts], np.diff(starts, append=labels.size)
    particle = np.flatnonzero(ids)
    y, x = np.divmod(starts[particle], labels.shape[1])
    return RunLengths(ids[particle].astype(np.int64), y, x, n_px[particle])


def compact(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the labels renumbered 1..N in ascending order, and the N old ids."""
    image = LabelImage(labels)
    return np.asarray(image.numbered().labels, np.int32), image.ids


def measure_regions(labels: Labels) -> Regions:
    """Measure area, centroid and border contact of each id of ``labels`` (Y, X)."""
    return LabelImage(labels).regions


def _measure(image: LabelImage) -> Regions:
    runs, (height, width) = image.runs, image.labels.shape
    area = image.total(runs.n_px)
    touches_border = np.zeros(image.ids.size, bool)
    is_first, is_last = (runs.y_px == 0) | (runs.x_px == 0), runs.x_px + runs.n_px == width
    touches_border[image.region[is_first | is_last | (runs.y_px == height - 1)]] = True
    return Regions(
        ids=image.ids,
        area_px=area.astype(np.int64),
        y_px=image.total(runs.n_px * runs.y_px) / area,
        x_px=image.total(runs.n_px * (runs.x_px + (runs.n_px - 1) / 2)) / area,
        touches_border=touches_border,
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


def map_ids(labels: Labels, new_ids: Mapping[int, int]) -> NDArray[np.int32]:
    """Return the labels with each id that ``new_ids`` names replaced; 0 removes, two ids may become one."""
    return np.asarray(LabelImage(labels).renamed(new_ids).labels, np.int32)


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
        a, b = runs.ids[i], runs.ids[j]
        keys.append(np.minimum(a, b) << 32 | np.maximum(a, b))
        gaps.append(np.maximum(dx, dy) - 1)
    key, gap = np.concatenate(keys), np.concatenate(gaps)
    order = np.lexsort((gap, key))
    key, gap = key[order], gap[order]
    is_first = np.diff(key, prepend=-1) != 0  # with the least gap
    return np.stack([key[is_first] >> 32, key[is_first] & 0xFFFFFFFF, gap[is_first]], axis=1)


def count_neighbours_below(image: LabelImage) -> list[NDArray[np.int64]]:
    """Count the pixels of each region, (N,), that have one of its own below left, below, and below right."""
    width = _width(image.runs) + 1  # so that no run is beside one of the next row
    start, stop = _spans(image.runs, width)
    i, j = _meeting(start + width - 1, stop + width + 1, start, stop)
    is_one = image.region[i] == image.region[j]
    i, j = i[is_one], j[is_one]
    counts = []
    for step in (width - 1, width, width + 1):
        n_px = np.minimum(stop[i] + step, stop[j]) - np.maximum(start[i] + step, start[j])
        counts.append(np.bincount(image.region[i], np.maximum(n_px, 0), image.ids.size).astype(np.int64))
    return counts


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
    return LabelImage(labels).boxes()


def paint(runs: RunLengths, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Draw runs into an image (Y, X); where some overlap, the later one lies on top."""
    start, stop = _spans(runs, shape[1])
    order = np.argsort(start)
    first, last = start[order], stop[order]
    is_over = np.append(False, first[1:] < np.maximum.accumulate(last)[:-1])
    is_under = np.append(first[1:] < last[:-1], False)
    alone = order[~(is_over | is_under)[: order.size]]
    image = _draw(runs.take(alone), shape)
    others = runs.take(np.delete(np.arange(order.size), alone))
    image.ravel()[others.pixels(shape[1])] = np.repeat(others.ids, others.n_px)
    return image


def stable_order(places: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the stable order of numbers from 0 on: of fewer than 65,536 at once, with a radix sort."""
    return np.argsort(places.astype(np.min_scalar_type(int(places.max(initial=0)))), kind="stable")


def _draw(runs: RunLengths, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Draw runs: the lengths of background and runs by turns, repeated."""
    start, stop = _spans(runs, shape[1])
    edges = np.zeros(2 * start.size + 2, np.int64)
    edges[1:-1:2], edges[2:-1:2], edges[-1] = start, stop, shape[0] * shape[1]
    ids = np.zeros(2 * start.size + 1, np.int32)
    ids[1::2] = runs.ids
    return np.repeat(ids, np.diff(edges)).reshape(shape)


def _index_of(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids in ``values`` ascending and the place of each value among them."""
    if values.max(initial=0) > MAX_TABLE:
        ids, place = np.unique(values, return_inverse=True)
        return ids, place
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
    i, j = np.arange(start_a.size), np.searchsorted(stop_b, start_a, side="right")
    start_b = np.append(start_b, np.iinfo(np.int64).max)  # one that none meets
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    while i.size:
        meets = start_b[j] < stop_a[i]
        i, j = i[meets], j[meets]
        rows.append(i)
        columns.append(j)
        j = j + 1
    return np.concatenate([*rows, i]), np.concatenate([*columns, j])


def _ranges(first: NDArray[np.int64], n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one after another the ``n`` whole numbers from each ``first`` on."""
    ends = np.cumsum(n)
    return np.arange(n.sum()) + np.repeat(first - ends + n, n)

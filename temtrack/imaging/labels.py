"""Pure functions on label images: integer ids, 0 is background, one id one particle.

Everything is linear in pixels and returns new arrays; thousands of ids cost no more than ten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from temtrack.imaging.runs import RunLengths, draw_runs, encode_run_lengths, measure_run_gaps, meeting

Labels = NDArray[np.integer]
T = TypeVar("T", bound=np.generic)

#: Ids up to this are looked up in a table, higher ones are sorted.
MAX_TABLE = 1 << 22

#: Pairs of foreground pixels side by side from which on ids can be told from grey values.
MIN_BESIDE = 1000

#: What a label image knows of its runs alone, by name.
_OF_RUNS = ("runs", "_index", "regions", "_gaps")


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

    def take(self, keep: NDArray[np.bool_ | np.integer]) -> Regions:
        """Return some of the rows."""
        return Regions(*(column[keep] for column in vars(self).values()))


@dataclass(frozen=True)
class LabelImage:
    """Labels (Y, X), their runs and regions; each is made once, when it is first asked for.

    Parameters
    ----------
    source
        The labels (Y, X), or their runs, joined and in raster order.
    shape_of_runs
        (Y, X) of the image, where runs are given.
    """

    source: Labels | RunLengths
    shape_of_runs: tuple[int, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) in pixels."""
        return self.shape_of_runs if isinstance(self.source, RunLengths) else self.source.shape

    @cached_property
    def labels(self) -> Labels:
        """The labels (Y, X), int32 where they are drawn from runs."""
        return draw_runs(self.source, self.shape) if isinstance(self.source, RunLengths) else self.source

    @cached_property
    def runs(self) -> RunLengths:
        """The labels run-length encoded."""
        return self.source if isinstance(self.source, RunLengths) else encode_run_lengths(self.source)

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

    def gaps(self, max_gap_px: int) -> NDArray[np.int64]:
        """Return the pairs of ids and the pixels between them as `measure_gaps` does, (N, 3)."""
        if max_gap_px not in self._gaps:
            self._gaps[max_gap_px] = measure_run_gaps(self.runs, max_gap_px)
        return self._gaps[max_gap_px]

    def without_pixels(self) -> LabelImage:
        """Return the same, with all that is known of it but the pixels: a twentieth of the memory."""
        image = LabelImage(self.runs, self.shape)
        vars(image).update({name: value for name, value in vars(self).items() if name in _OF_RUNS})
        return image

    def boxes(self) -> dict[int, tuple[slice, slice]]:
        """Return the box (y slice, x slice) of each id."""
        runs, n = self.runs, self.ids.size
        top, bottom, left, right = np.zeros((4, n), np.int64)
        top[self.region[::-1]], bottom[self.region] = runs.y_px[::-1], runs.y_px + 1
        left[:] = self.shape[1]
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
        return self.runs.pixels(self.shape[1])

    def pixels_of(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Return rows and columns of the pixels of some ids in raster order, (P, 2)."""
        width = self.shape[1]
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
        new = ids.astype(np.int64)
        order = np.argsort(new)
        ascending = new[order]
        if (np.diff(ascending, prepend=0) > 0).all():
            return self._with_own_ids(new, order, ascending)
        runs = replace(self.runs, ids=new[self.region])
        runs = runs if new.all() else runs.take(runs.ids != 0)
        return LabelImage(runs.joined(), self.shape)

    def _with_own_ids(
        self, ids: NDArray[np.int64], order: NDArray[np.intp], ascending: NDArray[np.int64]
    ) -> LabelImage:
        """Return the same with ids of which none is 0 and no two are one: nothing is measured anew."""
        image = LabelImage(replace(self.runs, ids=ids[self.region]), self.shape)
        place = np.empty(ids.size, np.int64)
        place[order] = np.arange(ids.size)
        vars(image)["_index"] = ascending, place[self.region]
        if "regions" in vars(self):
            vars(image)["regions"] = replace(self.regions.take(order), ids=ascending)
        for max_gap_px, gaps in self._gaps.items():
            pairs = np.sort(ids[np.searchsorted(self.ids, gaps[:, :2])], axis=1)
            first, second = pairs.T
            image._gaps[max_gap_px] = np.column_stack([pairs, gaps[:, 2]])[np.lexsort((second, first))]
        return image

    @cached_property
    def _gaps(self) -> dict[int, NDArray[np.int64]]:
        return {}

    @cached_property
    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return _index_of(self.runs.ids)


@dataclass(frozen=True)
class Overlaps:
    """Pixels that two label images share, one row per pair of ids that share any, sorted by ``a``, ``b``."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    n_px: NDArray[np.int64]


def count_beside(labels: Labels) -> tuple[int, int]:
    """Return how many pairs of foreground pixels (Y, X) stand side by side, and how many of them differ."""
    left, right = labels[..., :-1], labels[..., 1:]
    is_beside = (left != 0) & (right != 0)
    return int(np.count_nonzero(is_beside)), int(np.count_nonzero(is_beside & (left != right)))


def compact(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the labels renumbered 1..N in ascending order, and the N old ids."""
    image = LabelImage(labels)
    return np.asarray(image.numbered().labels, np.int32), image.ids


def measure_regions(labels: Labels) -> Regions:
    """Measure area, centroid and border contact of each id of ``labels`` (Y, X)."""
    return LabelImage(labels).regions


def _measure(image: LabelImage) -> Regions:
    runs, (height, width) = image.runs, image.shape
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
    width = max(a.n_columns, b.n_columns)
    (start_a, stop_a), (start_b, stop_b) = a.spans(width), b.spans(width)
    i, j = meeting(start_a, stop_a, start_b, stop_b)
    n_px = np.minimum(stop_a[i], stop_b[j]) - np.maximum(start_a[i], start_b[j])
    (ids_a, rows), (ids_b, columns) = _index_of(a.ids[i]), _index_of(b.ids[j])
    counts = sparse.coo_array((n_px, (rows, columns)), (ids_a.size, ids_b.size)).tocsr()
    counts.sum_duplicates()
    found = counts.tocoo()
    return Overlaps(ids_a[found.row], ids_b[found.col], found.data)


def match_regions(
    one: LabelImage, other: LabelImage
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the regions that two label images share, and the pixels in both, (N,) each.

    They are the same where their intersection over union is above a half: so each has one partner at most.
    """
    shared = count_shared_pixels(one.runs, other.runs)
    i, j = np.searchsorted(one.regions.ids, shared.a), np.searchsorted(other.regions.ids, shared.b)
    is_same = 3 * shared.n_px > one.regions.area_px[i] + other.regions.area_px[j]
    return i[is_same], j[is_same], shared.n_px[is_same]


def measure_gaps(labels: Labels, max_gap_px: int) -> NDArray[np.int64]:
    """Return the pairs of ids, the lower first, and the background pixels between them: (N, 3), sorted.

    Pairs more than ``max_gap_px`` apart are left out; 0 pixels lie between 8-neighbours.
    """
    return measure_run_gaps(encode_run_lengths(labels), max_gap_px)


def count_neighbours_below(image: LabelImage) -> list[NDArray[np.int64]]:
    """Count the pixels of each region, (N,), that have one of its own below left, below, and below right."""
    width = image.runs.n_columns + 1  # so that no run is beside one of the next row
    start, stop = image.runs.spans(width)
    i, j = meeting(start + width - 1, stop + width + 1, start, stop)
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


def without_small(labels: NDArray[np.int32], min_area_px: float) -> NDArray[np.int32]:
    """Return labels (Y, X) without those of a smaller area, numbered 1..N in their order.

    Other than `filter_fragments` it is made for images that are mostly background, with specks of noise in
    thousands.
    """
    (places,) = np.nonzero(labels.ravel())
    ids = labels.ravel()[places]
    is_kept = np.bincount(ids, minlength=1) >= min_area_px
    is_kept[0] = False
    kept = np.zeros(labels.size, np.int32)
    kept[places] = (np.cumsum(is_kept) * is_kept)[ids]
    return kept.reshape(labels.shape)


def spread(values: NDArray[T], is_known: NDArray[np.bool_]) -> NDArray[T]:
    """Return values (Y, X), where they are not known those of the nearest pixel where they are.

    Somewhere they must be.
    """
    nearest = ndimage.distance_transform_edt(~is_known, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)])


def nearest_pixels(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """Sample labels (Y', X') at the centres of the pixels of ``shape`` (Y, X), over the same field."""
    if labels.shape == shape:
        return labels
    y, x = (((np.arange(n) + 0.5) * m / n).astype(np.int64) for n, m in zip(shape, labels.shape, strict=True))
    return np.asarray(labels[np.ix_(y, x)])


def bounding_boxes(labels: Labels) -> dict[int, tuple[slice, slice]]:
    """Return the box (y slice, x slice) of each id."""
    return LabelImage(labels).boxes()


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

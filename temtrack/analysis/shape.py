"""Shape of all regions of a label image at once, from its runs.

Nothing loops over regions, nor passes over the pixels: thousands of regions cost little more than ten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, count_neighbours_below
from temtrack.imaging.runs import stable_order

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Directions in which the convex hull is sampled; the hull of a disc comes out 0.2 % too small.
_HULL_DIRECTIONS = 64


def measure_axes(image: LabelImage) -> tuple[Reals, Reals]:
    """Measure the axes of the ellipses that have the regions' second moments.

    A pixel counts as a square, so its own moment of 1/12 is added.

    Returns
    -------
    Full lengths of the major and the minor axes in px, each (N,).
    """

    def mean(values: Reals) -> Reals:
        """Average over each region's pixels values that all pixels of a run have in common (R,)."""
        return image.total(runs.n_px * values) / regions.area_px

    runs, regions = image.runs, image.regions
    dy = runs.y_px - regions.y_px[image.region]
    dx = runs.x_px + (runs.n_px - 1) / 2 - regions.x_px[image.region]
    yy = mean(dy * dy) + 1 / 12
    # A run's own spread about its middle: the mean square of n numbers a step apart is (n^2 - 1) / 12.
    xx = mean(dx * dx + (runs.n_px * runs.n_px - 1) / 12) + 1 / 12
    middle = (yy + xx) / 2
    spread = np.hypot((yy - xx) / 2, mean(dy * dx))
    return 4 * np.sqrt(middle + spread), 4 * np.sqrt(np.maximum(middle - spread, 0))


def measure_perimeters(image: LabelImage) -> Reals:
    """Measure perimeters in px, (N,), by Crofton's formula in four directions.

    ``P = pi/8 (C_0 + C_90 + (C_45 + C_135) / sqrt 2)``, ``C`` the number of times that the grid lines of
    that direction cross the contour: twice for each pixel, but not between two of one region. The frame's
    edge counts as contour.

    Source: Legland, Kieu, Devaux, Image Anal. Stereol. 26 (2007) 83, doi:10.5566/ias.v26.p83-92.
    """
    area = image.regions.area_px
    in_row = area - np.bincount(image.region, minlength=area.size)
    left, below, right = count_neighbours_below(image)
    straight, diagonal = 2 * (2 * area - in_row - below), 2 * (2 * area - left - right)
    perimeters: Reals = np.pi / 8 * (straight + diagonal / np.sqrt(2))
    return perimeters


def count_hull_pixels(image: LabelImage) -> Reals:
    """Count the pixels of each region's convex hull, (N,).

    The hull's corners are pixel centres, found as the regions' extremes in 64 directions; Pick's theorem
    then counts the pixels inside it and on its contour: ``A + B/2 + 1``.
    """
    n, (right, left) = image.ids.size, _hull_corners(image)
    area_right, edge_right = _sums_along(right, n)
    area_left, edge_left = _sums_along(left, n)
    # the contour goes up on the right, and down again on the left
    lower_area, lower_edge = _cross_and_gcd(left.first, right.first)
    upper_area, upper_edge = _cross_and_gcd(right.last, left.last)
    twice_area = np.abs(area_right + upper_area - area_left + lower_area)
    on_contour = edge_right + upper_edge + edge_left + lower_edge
    n_pixels: Reals = twice_area / 2 + on_contour / 2 + 1
    return n_pixels


@dataclass(frozen=True)
class _Corners:
    """Corners of hulls on one side, (K,) each: by region and then row, at least one of each region."""

    region: Whole
    y: Whole
    x: Whole

    def take(self, keep: NDArray[np.bool_ | np.integer]) -> _Corners:
        return _Corners(self.region[keep], self.y[keep], self.x[keep])

    @property
    def first(self) -> _Corners:
        """The lowest row's of each region."""
        return self.take(np.diff(self.region, prepend=-1) != 0)

    @property
    def last(self) -> _Corners:
        """The highest row's of each region."""
        return self.take(np.append(self.region[1:], -1) != self.region)


def _cross_and_gcd(a: _Corners, b: _Corners) -> tuple[Whole, Whole]:
    """Return twice the area between steps and the origin, and the pixels that they pass but for the first."""
    return a.x * b.y - a.y * b.x, np.gcd(b.y - a.y, b.x - a.x)


def _sums_along(corners: _Corners, n: int) -> tuple[Reals, Reals]:
    """Return the sums of both over the steps between the corners of each region, (N,)."""
    step = np.flatnonzero(corners.region[1:] == corners.region[:-1])
    region = corners.region[step]
    cross, gcd = _cross_and_gcd(corners.take(step), corners.take(step + 1))
    area, contour = (np.bincount(region, values, n).astype(np.float64) for values in (cross, gcd))
    return area, contour


def _hull_corners(image: LabelImage) -> tuple[_Corners, _Corners]:
    """Return the extreme pixels on the right and on the left."""
    runs = image.runs
    order = stable_order(image.region)
    region, y = image.region[order], runs.y_px[order]
    left, right = runs.x_px[order], (runs.x_px + runs.n_px - 1)[order]
    is_new = np.append(True, (np.diff(region) != 0) | (np.diff(y) != 0))[: region.size]
    first = np.flatnonzero(is_new)  # of a region's runs in a row
    last = np.append(first[1:], region.size)[: first.size] - 1
    on_right = _extremes(_Corners(region[first], y[first], right[last]))
    on_left = _extremes(_Corners(region[first], y[first], -left[first]))
    return on_right, replace(on_left, x=-on_left.x)


def _extremes(pixels: _Corners) -> _Corners:
    """Return the pixels, of one in each row, that are farthest in any direction to the right, up or down."""
    while True:  # to the hull: leave out who lies on the chord of its neighbours, or left of it
        dy, dx = np.diff(pixels.y), np.diff(pixels.x)
        is_inside = np.zeros(pixels.y.size, bool)
        is_inside[1:-1] = (dx[:-1] * dy[1:] <= dx[1:] * dy[:-1]) & (pixels.region[2:] == pixels.region[:-2])
        if not is_inside.any():
            break
        pixels = pixels.take(~is_inside)
    # Half a step off the axes, so that a straight edge's two ends are never tied.
    n_directions = _HULL_DIRECTIONS // 2
    slopes = np.tan(np.pi * ((np.arange(n_directions) + 0.5) / n_directions - 0.5))
    # A corner is farthest in the directions from this one on, up to that from which the next one is.
    within = np.flatnonzero(np.diff(pixels.region) == 0)
    turn = np.searchsorted(slopes, -dx[within] / dy[within])
    begin, end = np.zeros(pixels.y.size, np.int64), np.full(pixels.y.size, n_directions)
    begin[within + 1], end[within] = turn, turn
    return pixels.take(begin < end)

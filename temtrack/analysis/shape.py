"""Shape of all regions of a label image at once, from its runs.

Nothing loops over regions, nor passes over the pixels: thousands of regions cost little more than ten.
"""

from __future__ import annotations

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
    corner_y, corner_x = _hull_corners(image)
    step_y = np.roll(corner_y, -1, axis=1) - corner_y
    step_x = np.roll(corner_x, -1, axis=1) - corner_x
    twice_area = np.abs((corner_x * step_y - corner_y * step_x).sum(axis=1))
    on_contour = np.gcd(step_y, step_x).sum(axis=1)
    n_pixels: Reals = twice_area / 2 + on_contour / 2 + 1
    return n_pixels


def _hull_corners(image: LabelImage) -> tuple[Whole, Whole]:
    """Return rows and columns of the extreme pixels, each (N, directions), in the order of the angle."""
    runs = image.runs
    order = stable_order(image.region)
    region, y = image.region[order], runs.y_px[order]
    left, right = runs.x_px[order], (runs.x_px + runs.n_px - 1)[order]
    is_new = np.append(True, (np.diff(region) != 0) | (np.diff(y) != 0))[: region.size]
    first = np.flatnonzero(is_new)  # of a region's runs in a row
    last = np.append(first[1:], region.size)[: first.size] - 1
    y_of_right, right = _extremes(region[first], y[first], right[last], image.ids.size)
    y_of_left, left = _extremes(region[first], y[first], -left[first], image.ids.size)
    return np.hstack([y_of_right, y_of_left[:, ::-1]]), np.hstack([right, -left[:, ::-1]])


def _extremes(region: Whole, y: Whole, x: Whole, n: int) -> tuple[Whole, Whole]:
    """Return rows and columns of the pixels farthest to the right and up or down, each (n, directions / 2).

    Parameters
    ----------
    region, y, x
        (R,) places of pixels, by region and then row, one pixel in a row.
    n
        Number of regions.
    """
    while True:  # to the hull: leave out who lies on the chord of its neighbours, or left of it
        dy, dx = np.diff(y), np.diff(x)
        is_inside = np.zeros(y.size, bool)
        is_inside[1:-1] = (dx[:-1] * dy[1:] <= dx[1:] * dy[:-1]) & (region[2:] == region[:-2])
        if not is_inside.any():
            break
        region, y, x = (one[~is_inside] for one in (region, y, x))
    # Half a step off the axes, so that a straight edge's two ends are never tied.
    n_directions = _HULL_DIRECTIONS // 2
    slopes = np.tan(np.pi * ((np.arange(n_directions) + 0.5) / n_directions - 0.5))
    # The next corner of the hull is farther in all directions from one on.
    within = np.flatnonzero(np.diff(region) == 0)
    from_direction = np.searchsorted(slopes, -dx[within] / dy[within])
    width = n_directions + 1
    passed = np.bincount(region[within] * width + from_direction, minlength=n * width).reshape(n, width)
    first = np.searchsorted(region, np.arange(n))
    farthest = first[:, None] + np.cumsum(passed[:, :-1], axis=1)
    return y[farthest], x[farthest]

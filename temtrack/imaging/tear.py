"""Find a tear: rows from which on a frame shows the scene of another time, elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from temtrack.imaging.margins import fill_margins
from temtrack.imaging.registration import BLUR, Step, details_on_grid, grid_spacing

#: Tears are looked for on a grid of at most this many points a side.
MAX_TEAR_GRID = 256

#: Both parts lie at least so many grid points off one another.
MIN_TEAR = 2.0

#: What moves by more than this share of the field is not looked for.
MAX_TEAR_FRACTION = 0.25

#: What stands out more than this share of the points, in percent, is cut: burned-in letters.
_UNCLIPPED_PERCENT = 97

#: Parts of the rows, from either end, whose place is found by itself.
_PART = 1 / 3

#: Rows that either side of a tear has at least, as a share.
_MIN_SIDE = 0.1


@dataclass(frozen=True)
class Tear:
    """The likeliest tear of a frame.

    Parameters
    ----------
    row_fraction
        Where it runs, as a share of the height.
    steps_px
        (y, x) of the part above and of the part below.
    log_odds
        Logarithm of how much likelier the frame is with the tear than without.
    gain
        By which share more of the frame the two parts explain than the best single step does.
    """

    row_fraction: float
    steps_px: tuple[Step, Step]
    log_odds: float
    gain: float


def tear_grid(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the details of a frame (Y, X) on the grid that `find_tear` takes."""
    details = details_on_grid(fill_margins(np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0)))
    every = -(-max(details.shape) // MAX_TEAR_GRID)
    grid = details[::every, ::every]
    limit = float(np.percentile(np.abs(grid), _UNCLIPPED_PERCENT))
    return np.clip(grid, -limit, limit)


def tear_spacing(shape: tuple[int, ...]) -> int:
    """Return the pixels from one point of `tear_grid` to the next."""
    spacing = grid_spacing(shape)
    return spacing * max(1, math.ceil(math.ceil(max(shape) / spacing) / MAX_TEAR_GRID))


def find_tear(before: NDArray[np.float32], after: NDArray[np.float32]) -> Tear:
    """Find the likeliest tear of a frame (Y, X), given the frame before, both on their `tear_grid`.

    Steps in grid points are found for the whole frame, and for the rows at the top and at the bottom; then
    each row is explained by each of the steps, and the best two sides of a tear are compared with the best
    step alone.
    """
    height = len(after)
    part = max(int(_PART * height), 1)
    steps = list(dict.fromkeys(_steps(before, after, ((0, height), (0, part), (height - part, height)))))
    rows = [_row_sums(before, after, step) for step in steps]
    total = [products.sum() / max(squares.sum(), 1e-12) for products, squares in rows]
    slope = max(max(total), 0.0)
    explained = np.array([2 * slope * products - slope**2 * squares for products, squares in rows])
    best = int(explained.sum(axis=1).argmax())
    # What a jump of the field has brought into sight, any step explains but its own: it proves no tear.
    above, end = _in_sight(height, int(steps[best][0]))
    explained[:, :above] = explained[:, end:] = 0
    up_to = np.concatenate([np.zeros((len(steps), 1)), explained.cumsum(axis=1)], axis=1)
    single = float(up_to[best, -1])
    below = up_to[:, -1:] - up_to
    nothing = Tear(0.0, ((0.0, 0.0), (0.0, 0.0)), 0.0, 0.0)
    if single <= 0:
        return nothing
    margin = int(_MIN_SIDE * height)
    found = (0.0, nothing)
    for i, first in enumerate(steps):
        for k, second in enumerate(steps):
            if np.hypot(first[0] - second[0], first[1] - second[1]) < MIN_TEAR:
                continue
            torn = (up_to[i] + below[k])[margin : height + 1 - margin]
            at = int(torn.argmax())
            if torn[at] - single > found[0]:
                tear = Tear((at + margin) / height, (first, second), 0.0, float(torn[at] / single - 1))
                found = (float(torn[at] - single), tear)
    power = max(float((after**2).sum()) - single - found[0], 1e-12) / after.size
    log_odds = found[0] / (2 * power * 4 * np.pi * BLUR**2)
    return Tear(found[1].row_fraction, found[1].steps_px, float(log_odds), found[1].gain)


@dataclass(frozen=True)
class TwoCopies:
    """How well a frame is explained by two copies of the frame before.

    Parameters
    ----------
    slopes
        By how much of the frame before each copy stands in it: two exposures in one have a half each.
    log_odds
        Logarithm of how much likelier the frame is with both than with one.
    gain
        By which share more of the frame both explain than the better one does.
    """

    slopes: tuple[float, float]
    log_odds: float
    gain: float


def explain_by_two(before: NDArray[np.float32], after: NDArray[np.float32], aparts: list[Step]) -> TwoCopies:
    """Explain a frame (Y, X) by two copies of the frame before, the best of some ways apart.

    Parameters
    ----------
    before, after
        Both frames on their `tear_grid`.
    aparts
        Grid points (y, x) from the one copy to the other, either way.
    """
    (first,) = _steps(before, after, ((0, len(after)),))
    seconds = [(first[0] + s * a[0], first[1] + s * a[1]) for a in aparts for s in (1, -1)]
    if not seconds:
        return TwoCopies((0.0, 0.0), 0.0, 0.0)
    second = max(seconds, key=lambda step: _regress(before, after, first, step).log_odds)
    around = [(second[0] + y, second[1] + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max((_regress(before, after, first, step) for step in around), key=lambda one: one.log_odds)


def _regress(before: NDArray[np.float32], after: NDArray[np.float32], first: Step, second: Step) -> TwoCopies:
    """Fit the slopes of two copies at their steps, where both are in sight."""
    height, width = after.shape
    ys, xs = ([round(one[axis]) for one in (first, second)] for axis in (0, 1))
    y0, y1 = max(0, *ys), min(height, *(height + y for y in ys))
    x0, x1 = max(0, *xs), min(width, *(width + x for x in xs))
    if y1 - y0 < _MIN_SIDE * height or x1 - x0 < _MIN_SIDE * width:
        return TwoCopies((0.0, 0.0), 0.0, 0.0)
    a, b = (before[y0 - y : y1 - y, x0 - x : x1 - x].ravel() for y, x in zip(ys, xs, strict=True))
    seen = after[y0:y1, x0:x1].ravel()
    aa, bb, ab, sa, sb = (float(p @ q) for p, q in ((a, a), (b, b), (a, b), (seen, a), (seen, b)))
    determinant = aa * bb - ab**2
    if determinant <= 1e-3 * aa * bb:
        return TwoCopies((0.0, 0.0), 0.0, 0.0)
    slopes = ((sa * bb - sb * ab) / determinant, (sb * aa - sa * ab) / determinant)
    one, both = max(sa**2 / aa, sb**2 / bb), slopes[0] * sa + slopes[1] * sb
    power = max(float(seen @ seen) - both, 1e-12) / seen.size
    log_odds = (both - one) / (2 * power * 4 * np.pi * BLUR**2)
    return TwoCopies(slopes, float(log_odds), both / max(one, 1e-12) - 1)


def _steps(
    before: NDArray[np.float32], after: NDArray[np.float32], parts: tuple[tuple[int, int], ...]
) -> list[Step]:
    """Return the whole step (y, x) at which the rows of each part correlate most with the frame before."""
    reach = [max(int(MAX_TEAR_FRACTION * n), 1) for n in before.shape]
    shape = [fft.next_fast_len(n + r, real=True) for n, r in zip(before.shape, reach, strict=True)]
    spectrum = np.conj(fft.rfft2(before, shape))
    found = []
    for start, stop in parts:
        rows = np.zeros_like(after)
        rows[start:stop] = after[start:stop]
        sums = fft.irfft2(fft.rfft2(rows, shape) * spectrum, shape)
        y, x = (np.arange(-r, r + 1) for r in reach)
        near = sums[np.ix_(y, x)]
        at = np.unravel_index(np.argmax(near), near.shape)
        found.append((float(y[at[0]]), float(x[at[1]])))
    return found


def _row_sums(
    before: NDArray[np.float32], after: NDArray[np.float32], step: Step
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each row, the sum of products with the frame before at a step, and that of its squares."""
    height, width = after.shape
    (dy, dx), products, squares = (int(s) for s in step), np.zeros(height), np.zeros(height)
    (y0, y1), (x0, x1) = _in_sight(height, dy), _in_sight(width, dx)
    moved = before[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
    products[y0:y1] = (moved * after[y0:y1, x0:x1]).sum(axis=1)
    squares[y0:y1] = (moved**2).sum(axis=1)
    return products, squares


def _in_sight(n: int, step: int) -> tuple[int, int]:
    """Return from where to where, along an axis of ``n``, what a step has moved was in sight before."""
    return max(step, 0), min(n, n + step)

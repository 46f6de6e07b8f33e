"""Registration: by how much the field of view has moved between two frames.

Images and masks are registered on a grid of at most `MAX_GRID` points a side, which large ones are sampled
at. All shifts are (y, x), and positive where the picture has moved down and to the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

T = TypeVar("T", bound=np.generic)

#: Images are registered on a grid of at most this many points a side.
MAX_GRID = 512

#: Standard deviation of the blur, in grid points, that keeps the noise of single pixels from deciding.
BLUR = 1.5

#: Uneven illumination, which stays where it is, is left out: what is wider than this blur, in grid points.
GROUND_BLUR = 16.0

#: A registration is sure where the correlation is so many times that of noise;
MIN_SIGNIFICANCE = 8.0

#: where the picture has hardly moved, chance would seldom point there: so few grid points, and so many times;
NEAR, MIN_NEAR_SIGNIFICANCE = 3.0, 4.5

#: and where the frames share at least so much of the field.
MIN_COMMON_FRACTION = 0.2

#: From the peak of the cross-correlation it is seldom more than a step to the best correlation coefficient.
MAX_CLIMBS = 5

#: So many frames on their grid are kept: a frame is asked for again until its last neighbour was shown.
N_KEPT = 8

#: So are so many spectra, of 4 MB each: of a frame, its neighbours after it, and the keyframe.
N_SPECTRA_KEPT = 6

#: Steps to the neighbours of a grid point, and none.
_NEARBY = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))

Step = tuple[float, float]


@dataclass(frozen=True)
class FrameRegistration:
    """Where the field of view lies in a frame, as measured against earlier ones.

    Parameters
    ----------
    step_px
        (y, x) in pixels by which the picture has moved since the last good frame; ``None`` where that is not
        sure.
    position_px
        The same since the first frame; ``None`` where it is not sure, and in a bad frame.
    correlation
        With the frame that it was registered with, -1 to 1; ``None`` where there was none.
    is_jump
        Whether it moved much further than it usually does.
    """

    step_px: Step | None = None
    position_px: Step | None = None
    correlation: float | None = None
    is_jump: bool = False


@dataclass(frozen=True)
class Shift:
    """Grid points (y, x) by which an image is shifted, the correlation then, and that over that of noise."""

    step: Step
    correlation: float
    significance: float

    @property
    def is_sure(self) -> bool:
        """Whether it is sure."""
        return self.significance >= MIN_SIGNIFICANCE

    @property
    def is_sure_of_place(self) -> bool:
        """Whether it is sure, or surely shows the same field hardly moved, be the step as exact as it may."""
        is_near = float(np.hypot(*self.step)) <= NEAR
        return self.is_sure or (is_near and self.significance >= MIN_NEAR_SIGNIFICANCE)


def grid_spacing(shape: tuple[int, ...]) -> int:
    """Return the pixels from one grid point to the next for an image of that shape."""
    return -(-max(shape) // MAX_GRID)


def details_on_grid(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return a frame (Y, X) on its grid: smoothed, and without what is as wide as the illumination.

    Quality, drift and neighbours ask for those of the same frames: the last ones are kept, and are read-only.
    """
    spacing = grid_spacing(frame.shape)
    grid = np.nan_to_num(frame[::spacing, ::spacing].astype(np.float32), posinf=0, neginf=0)
    return _details(grid.tobytes(), grid.shape)


@lru_cache(maxsize=N_KEPT)
def _details(grid: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    smooth = ndimage.gaussian_filter(np.frombuffer(grid, np.float32).reshape(shape), BLUR)
    details = np.asarray(smooth - ndimage.gaussian_filter(smooth, GROUND_BLUR), dtype=np.float32)
    details.flags.writeable = False
    return details


def find_shift(before: NDArray[np.float32], after: NDArray[np.float32]) -> Shift:
    """Register two images (Y, X) on their grid to a part of a grid point.

    The search begins at the greatest sum of products, which favours small shifts, and at the greatest mean
    product of what both show, and climbs from either to the greatest correlation coefficient nearby, of which
    the more significant one counts. The part of a grid point is the vertex of a parabola through it and its
    neighbours.
    """
    sums = _cross_correlation(before, after)
    n_common, has_few = _common_sizes(before.shape, sums.shape)
    means = sums / n_common
    means[has_few] = -np.inf
    climbed = [_climb(before, after, peak) for peak in {_peak(sums): None, _peak(means): None}]
    whole, nearby = max(climbed, key=lambda found: found[1][0, 0] * np.sqrt(n_common[found[0]]))
    correlation = nearby[0, 0]
    y = whole[0] + _vertex(nearby[-1, 0], correlation, nearby[1, 0])
    x = whole[1] + _vertex(nearby[0, -1], correlation, nearby[0, 1])
    significance = correlation * np.sqrt(n_common[whole] / (4 * np.pi * BLUR**2))
    return Shift((y, x), correlation, float(significance))


def find_mask_shift(
    before: NDArray[np.bool_], after: NDArray[np.bool_], spacing: int | None = None
) -> tuple[int, int]:
    """Return the shift (y, x) in pixels that makes two masks (Y, X) overlap most, to a grid point.

    Grid points are so many pixels apart; as usual where ``None``.
    """
    spacing = spacing or grid_spacing(before.shape)
    grids = (mask[::spacing, ::spacing].astype(np.float32) for mask in (before, after))
    y, x = _peak(_cross_correlation(*grids))
    return (y * spacing, x * spacing)


def shift_pixels(image: NDArray[T], step: Step, outside: Any = 0) -> NDArray[T]:
    """Shift an image or a mask by (y, x) pixels, rounded; ``outside`` comes in over the border."""
    out = np.full_like(image, outside)
    (to_y, from_y), (to_x, from_x) = (_slices(round(s), n) for s, n in zip(step, image.shape, strict=True))
    out[to_y, to_x] = image[from_y, from_x]
    return out


def _slices(step: int, n: int) -> tuple[slice, slice]:
    """Return where to and where from to copy along an axis of ``n`` for a shift by ``step``."""
    if step >= 0:
        return slice(min(step, n), n), slice(0, max(n - step, 0))
    return slice(0, max(n + step, 0)), slice(min(-step, n), n)


def _cross_correlation(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of products at each whole shift (y, x), negative ones from the end; outside all is 0."""
    shape = [fft.next_fast_len(2 * n, real=True) for n in before.shape]
    sums: NDArray[np.float32] = fft.irfft2(_spectrum(after) * np.conj(_spectrum(before)), shape)
    return sums


def _spectrum(grid: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the spectrum of an image between zeros; that of one that stays as it is, is kept."""
    return _transformed(grid) if grid.flags.writeable else _kept_spectrum(_Itself(grid))


def _transformed(grid: NDArray[np.float32]) -> NDArray[np.complex64]:
    shape = [fft.next_fast_len(2 * n, real=True) for n in grid.shape]
    return np.asarray(fft.rfft2(grid, shape))


@dataclass(frozen=True, eq=False)
class _Itself:
    """An array as a key: the same only as itself."""

    array: NDArray[np.float32]

    def __hash__(self) -> int:
        return id(self.array)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.array is other.array


@lru_cache(maxsize=N_SPECTRA_KEPT)
def _kept_spectrum(grid: _Itself) -> NDArray[np.complex64]:
    return _transformed(grid.array)


@lru_cache(maxsize=2)
def _common_sizes(
    image: tuple[int, ...], shifts: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return how many points two images have in common at each shift, and where those are too few.

    They are in the order of `_cross_correlation`, and at least 1.
    """
    height, width = (
        np.maximum(n - np.abs(fft.fftfreq(m, 1 / m)).astype(np.int64), 0)
        for n, m in zip(image, shifts, strict=True)
    )
    n_common = height[:, None] * width
    return np.maximum(n_common, 1), n_common < MIN_COMMON_FRACTION * image[0] * image[1]


def _peak(values: NDArray[np.floating]) -> tuple[int, int]:
    """Return the shift (y, x) of the greatest of the values, as `_cross_correlation` orders them."""
    peak = np.unravel_index(np.argmax(values), values.shape)
    y, x = (int(p) - n if p > n // 2 else int(p) for p, n in zip(peak, values.shape, strict=True))
    return y, x


def _climb(
    before: NDArray[np.float32], after: NDArray[np.float32], whole: tuple[int, int]
) -> tuple[tuple[int, int], dict[tuple[int, int], float]]:
    """Return the shift of the greatest correlation coefficient nearby, and the coefficients around it."""
    nearby = _correlations(before, after, whole)
    for _ in range(MAX_CLIMBS):
        best = max(nearby, key=lambda step: nearby[step])
        if best == (0, 0):
            break
        whole = (whole[0] + best[0], whole[1] + best[1])
        nearby = _correlations(before, after, whole)
    return whole, nearby


def _correlations(
    before: NDArray[np.float32], after: NDArray[np.float32], whole: tuple[int, int]
) -> dict[tuple[int, int], float]:
    """Return the correlation coefficients at a whole shift and beside it, 0 where too little is common."""
    common = _common(before, after, whole)
    return {step: _correlation(*common, step) if common else 0.0 for step in _NEARBY}


def _common(
    before: NDArray[np.float32], after: NDArray[np.float32], shift: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return what both show: that of the one without a margin of a pixel, that of the other with it."""
    inner, around = [], []
    for n, s in zip(before.shape, shift, strict=True):
        start, stop = max(0, -s), min(n, n - s)
        inner.append(slice(start + 1, stop - 1))
        around.append(slice(start + s, stop + s))
    a, b = before[tuple(inner)], after[tuple(around)]
    return (a, b) if min(b.shape) > 3 and b.size >= MIN_COMMON_FRACTION * before.size else None


def _correlation(inner: NDArray[np.float32], around: NDArray[np.float32], step: tuple[int, int]) -> float:
    """Return the correlation coefficient with the other image moved by up to a grid point."""
    (height, width), (dy, dx) = inner.shape, step
    other = around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
    a, b = inner - inner.mean(), other - other.mean()
    power = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / power if power > 0 else 0.0


def _vertex(before: float, peak: float, after: float) -> float:
    """Return where the parabola through three values at -1, 0 and 1 is greatest, at most half a step off."""
    bend = before + after - 2 * peak
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0

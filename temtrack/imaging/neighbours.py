"""A frame of a movie with its neighbours, which show the same with other noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.blocks import block_means
from temtrack.imaging.intensity import robust_sigma
from temtrack.imaging.registration import Step, details_on_grid, find_shift, grid_spacing, shift_pixels
from temtrack.imaging.spans import Box, grown, within

#: Frames on either side of one that are shown with it, at most.
N_NEIGHBOURS = 4

#: Two frames are compared in the mean over a window of this standard deviation, on squares of so many pixels.
_WINDOW_PX, _SQUARE_PX = 4.0, 2

#: What lies farther from a pixel than four standard deviations of the window decides nothing there.
_REACH_PX = 20

#: A neighbour counts in full where its difference to the frame is so many standard deviations of noise, and
#: no longer where it is so many: something has moved there.
_STILL_SIGMA, _MOVED_SIGMA = 1.0, 2.5

#: Noise below this fraction of the spread of grey values needs no mean.
_LEAST_NOISE = 0.035

#: In place of no noise at all.
_LEAST_SIGMA = float(np.finfo(np.float32).tiny)

#: What stands out of a frame lies between these percentiles of its means over the window.
_CONTRAST_PERCENT = (1.0, 99.0)

#: A frame is shown as the mean with its neighbours where that is at most so many times its noise, and as it
#: is where it is so many.
_FAINT, _CLEAR = 9.0, 14.0

#: A neighbour of which so little counts shows another field, or a bad frame.
_MIN_WEIGHT = 0.2

Neighbour = tuple[NDArray[Any], Step]


def stack_with_neighbours(
    before: Sequence[Neighbour], frame: NDArray[Any], after: Sequence[Neighbour]
) -> NDArray[np.float32]:
    """Return the mean of the frames before, that of all with the frame, and that of those after.

    Each neighbour comes with the step (y, x) in pixels from the frame to it. Where none of them shows what
    the frame shows, the frame itself stands in their place: so all three are equal where noise is low, or
    everything moves.

    Returns
    -------
    (3, Y, X) float32; NaN where the frame is.
    """
    grey = frame.astype(np.float32)
    early, late = Excess.of(grey, before), Excess.of(grey, after)
    both = early + late
    mean = grey + both.total / (1 + both.weight)
    share = _need_of_mean(mean, both.noise)
    return np.stack([early.mean_beside(grey), grey + share * (mean - grey), late.mean_beside(grey)])


def stack_in_boxes(
    before: Sequence[Neighbour], frame: NDArray[Any], after: Sequence[Neighbour], boxes: Sequence[Box]
) -> NDArray[np.float32]:
    """Return what `stack_with_neighbours` does in some boxes, each as an image of its own.

    Elsewhere all three are the frame.
    """
    grey = frame.astype(np.float32)
    stack = np.stack([grey, grey, grey])
    steps = [abs(s) for _, step in (*before, *after) for s in step]
    reach_px = _REACH_PX + math.ceil(max(steps, default=0.0))
    for box in boxes:
        place = grown(box, reach_px, grey.shape)
        sides = [[(other[place], step) for other, step in side] for side in (before, after)]
        part = stack_with_neighbours(sides[0], grey[place], sides[1])
        stack[:, *box] = part[:, *within(box, place)]
    return stack


def register(frame: NDArray[Any], others: Sequence[NDArray[Any]]) -> list[Neighbour]:
    """Return those of the other frames (Y, X) that surely show the same field, each with its step (y, x)."""
    on_grid, spacing = details_on_grid(frame), grid_spacing(frame.shape)
    shifts = [(other, find_shift(on_grid, details_on_grid(other))) for other in others]
    return [
        (other, (shift.step[0] * spacing, shift.step[1] * spacing))
        for other, shift in shifts
        if shift.is_sure_of_place
    ]


@dataclass(frozen=True)
class Excess:
    """By how much the neighbours of a frame are brighter than it.

    Parameters
    ----------
    total
        (Y, X), the weighted sum of the differences.
    weight
        (Y, X), the sum of their weights, each between 0 and 1.
    noise
        Standard deviation that noise makes in a frame's means over the window; 0 where no neighbour counts.
    """

    total: NDArray[np.float32]
    weight: NDArray[np.float32]
    noise: float

    @classmethod
    def of(cls, frame: NDArray[np.float32], neighbours: Sequence[Neighbour]) -> Excess:
        """Add up neighbours as they lie in a frame (Y, X).

        Each counts at each pixel by how surely it shows the same there. Noise is told by the median: what
        moves is the smaller part of an image, and noise is everywhere.
        """
        total, weights, noises = np.zeros_like(frame), np.zeros_like(frame), []
        least_noise = _LEAST_NOISE * float(np.nanstd(frame))
        for other, step in neighbours:
            difference = _moved(other.astype(np.float32), step) - frame
            is_known = np.isfinite(difference)
            told = difference[::2, ::2][is_known[::2, ::2]]
            if not told.size:
                continue
            brighter = np.median(told)  # the beam may have become so
            if robust_sigma(told - brighter) <= least_noise:
                continue
            difference -= brighter
            difference[~is_known] = 0
            smooth = _smoothed(difference)
            sigma = max(robust_sigma(smooth), _LEAST_SIGMA)
            weight = _weight(smooth, sigma, frame.shape) * is_known
            if weight.mean() >= _MIN_WEIGHT:
                total += weight * difference
                weights += weight
                noises.append(sigma / math.sqrt(2))
        return cls(total, weights, float(np.median(noises)) if noises else 0.0)

    def __add__(self, other: Excess) -> Excess:
        noise = max(self.noise, other.noise)
        return Excess(self.total + other.total, self.weight + other.weight, noise)

    def mean_beside(self, frame: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of the neighbours, or of them and the frame where less than one counts."""
        return np.asarray(frame + self.total / np.maximum(self.weight, 1))


def _moved(other: NDArray[np.float32], step: Step) -> NDArray[np.float32]:
    """Return a picture (Y, X) moved back by a step (y, x) in pixels, bilinearly, NaN beyond it."""
    for axis, s in enumerate(step):
        whole = math.floor(s)
        part = np.float32(s - whole)
        back = [(-n, 0) if axis == 0 else (0, -n) for n in (whole, whole + 1)]
        near = shift_pixels(other, back[0], np.nan)
        other = (1 - part) * near + part * shift_pixels(other, back[1], np.nan) if part else near
    return other


def _need_of_mean(mean: NDArray[np.float32], noise: float) -> float:
    """Return how much a frame needs its neighbours' help, 0 to 1: by what stands out of it beside its noise.

    In a mean a merge is seen over several frames; so a frame that shows its particles is shown as it is.
    """
    if not noise:
        return 0.0
    is_known = np.isfinite(mean)
    if not is_known.all():
        mean = np.where(is_known, mean, np.median(mean[is_known]))
    low, high = np.percentile(_smoothed(mean), _CONTRAST_PERCENT)
    seen = float(high - low) / noise
    return float(np.clip((_CLEAR - seen) / (_CLEAR - _FAINT), 0, 1))


def _smoothed(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of an image (Y, X) over the window, for every square."""
    n = _SQUARE_PX
    height, width = image.shape
    squares = block_means(np.pad(image, ((0, -height % n), (0, -width % n)), mode="edge"), n)
    return np.asarray(ndimage.gaussian_filter(squares, _WINDOW_PX / n))


def _weight(smooth: NDArray[np.float32], sigma: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return by how much a neighbour counts at each pixel, 0 to 1, by its smoothed difference."""
    weight = np.clip((_MOVED_SIGMA - np.abs(smooth) / sigma) / (_MOVED_SIGMA - _STILL_SIGMA), 0, 1)
    n = _SQUARE_PX
    return np.asarray(np.repeat(np.repeat(weight, n, axis=0), n, axis=1)[: shape[0], : shape[1]])

"""A frame of a movie beside the means of its neighbours, which show the same with less noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.registration import Step, details_on_grid, find_shift, grid_spacing
from temtrack.imaging.spans import Box, grown, within

#: Frames on either side of one whose mean is shown beside it, at most.
N_NEIGHBOURS = 3

#: Standard deviation (px) of the blur after which two frames are compared, and of the window around a pixel.
_COMPARED_BLUR_PX, _WINDOW_PX = 1.0, 4.0

#: What lies farther from a pixel than four standard deviations of both decides nothing there.
_REACH_PX = 20

#: A neighbour counts in full where its difference to the frame has so much more power than noise, as a part
#: of that, and no longer where so much: something has moved there.
_STILL_EXCESS, _MOVED_EXCESS = 0.3, 1.0

#: Noise below this fraction of the spread of grey values needs no mean.
_LEAST_NOISE = 0.01

#: From a median of absolute values to the standard deviation of a normal distribution.
_MAD_TO_SIGMA = 1.4826

#: A neighbour of which so little counts shows another field, or a bad frame.
_MIN_WEIGHT = 0.2

Neighbour = tuple[NDArray[Any], Step]


def stack_with_neighbours(
    before: Sequence[Neighbour], frame: NDArray[Any], after: Sequence[Neighbour]
) -> NDArray[np.float32]:
    """Return the mean of the frames before, the frame, and the mean of those after (3, Y, X) float32.

    Each neighbour comes with the step (y, x) in pixels from the frame to it. Where none of them shows what
    the frame shows, the frame itself stands in their place: so all three are equal where noise is low, or
    everything moves.
    """
    grey = frame.astype(np.float32)
    return np.stack([mean_like(grey, before), grey, mean_like(grey, after)])


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


def mean_like(frame: NDArray[np.float32], neighbours: Sequence[Neighbour]) -> NDArray[np.float32]:
    """Return the mean of neighbours as they lie in a frame (Y, X), where they show the same."""
    total, weights = np.zeros_like(frame), np.zeros_like(frame)
    least_noise = _LEAST_NOISE * float(np.nanstd(frame))
    for other, step in neighbours:
        moved = ndimage.shift(other.astype(np.float32), [-s for s in step], order=1, cval=np.nan)
        if not np.isfinite(moved).any():
            continue
        difference = moved - frame
        difference -= np.float32(np.nanmedian(difference))  # the beam may have become brighter
        weight = _weight(difference, least_noise)
        if weight.mean() >= _MIN_WEIGHT:
            total += weight * np.where(np.isfinite(difference), difference, 0)
            weights += weight
    return np.asarray(frame + total / np.maximum(weights, 1), np.float32)


def _weight(difference: NDArray[np.float32], least_noise: float) -> NDArray[np.float32]:
    """Return by how much a neighbour counts at each pixel, 0 to 1, from its difference to the frame.

    Noise is told by the median: what moves is the smaller part of an image, and noise is everywhere.
    """
    known = np.isfinite(difference)
    smooth = ndimage.gaussian_filter(np.where(known, difference, 0), _COMPARED_BLUR_PX)
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(smooth[known]))) if known.any() else 0.0
    if sigma <= least_noise:
        return np.zeros_like(difference)
    excess = ndimage.gaussian_filter((smooth / sigma) ** 2, _WINDOW_PX) - 1
    weight = np.clip((_MOVED_EXCESS - excess) / (_MOVED_EXCESS - _STILL_EXCESS), 0, 1)
    return np.asarray(np.where(known, weight, 0), np.float32)

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

#: Every so many-th pixel of both axes tells a median.
_TELLING = 2

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
        difference = _moved(other.astype(np.float32), step) - frame
        known = np.isfinite(difference)
        told = difference[::_TELLING, ::_TELLING][known[::_TELLING, ::_TELLING]]
        if not told.size:
            continue
        difference -= np.float32(np.median(told))  # the beam may have become brighter
        difference[~known] = 0
        weight = _weight(difference, known, least_noise)
        if weight.mean() >= _MIN_WEIGHT:
            total += weight * difference
            weights += weight
    return np.asarray(frame + total / np.maximum(weights, 1), np.float32)


def _moved(other: NDArray[np.float32], step: Step) -> NDArray[np.float32]:
    """Return a picture (Y, X) moved back by a step (y, x) in pixels, bilinearly, NaN beyond it."""
    for axis, s in enumerate(step):
        whole = math.floor(s)
        part = np.float32(s - whole)
        near = _rolled(other, whole, axis)
        other = (1 - part) * near + part * _rolled(other, whole + 1, axis) if part else near
    return other


def _rolled(picture: NDArray[np.float32], n_px: int, axis: int) -> NDArray[np.float32]:
    """Return a picture (Y, X) moved back by whole pixels along an axis, NaN beyond it."""
    out = np.full_like(picture, np.nan)
    to = slice(max(-n_px, 0), max(picture.shape[axis] - max(n_px, 0), 0))
    origin = slice(max(n_px, 0), max(picture.shape[axis] + min(n_px, 0), 0))
    if axis == 0:
        out[to] = picture[origin]
    else:
        out[:, to] = picture[:, origin]
    return out


def _weight(
    difference: NDArray[np.float32], known: NDArray[np.bool_], least_noise: float
) -> NDArray[np.float32]:
    """Return by how much a neighbour counts at each pixel, 0 to 1, from its difference to the frame.

    Noise is told by the median: what moves is the smaller part of an image, and noise is everywhere.
    """
    smooth = ndimage.gaussian_filter(difference, _COMPARED_BLUR_PX)
    told = smooth[::_TELLING, ::_TELLING][known[::_TELLING, ::_TELLING]]
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(told)))
    if sigma <= least_noise:
        return np.zeros_like(difference)
    excess = _blurred((smooth / np.float32(sigma)) ** 2, _WINDOW_PX) - 1
    weight = np.clip((_MOVED_EXCESS - excess) / (_MOVED_EXCESS - _STILL_EXCESS), 0, 1)
    weight[~known] = 0
    return np.asarray(weight, np.float32)


def _blurred(picture: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Return a picture (Y, X) blurred by a wide window, from the means of two by two pixels."""
    height, width = (n + n % 2 for n in picture.shape)
    even = np.pad(picture, ((0, height - picture.shape[0]), (0, width - picture.shape[1])), "edge")
    rows = even[::2] + even[1::2]
    coarse = (rows[:, ::2] + rows[:, 1::2]) / 4
    blurred = ndimage.gaussian_filter(coarse, sigma_px / 2)
    wide = blurred.repeat(2, 0).repeat(2, 1)[: picture.shape[0], : picture.shape[1]]
    return np.asarray(wide, np.float32)

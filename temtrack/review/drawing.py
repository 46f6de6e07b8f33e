"""What a person draws or points at becomes outlines: brush strokes, and prompts that a model answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from temtrack.masks import Labels
from temtrack.review.regions import divide

#: From an image (Y, X), and points (N, 2) or boxes (N, 4), to labels (Y, X): prompt n's particle is n + 1.
Ask = Callable[[NDArray[Any], NDArray[Any] | None, NDArray[Any] | None], Labels]

#: A place (y, x) in px; whole numbers are corners of pixels.
Place = tuple[float, float]

_STROKE_STEP_PX = 0.25

#: A point so near to what a model sees is on it.
_REACH_PX = 3.0

#: What a model sees around prompts: as much as so many diameters of a particle, and at least so many pixels.
_SEEN_DIAMETERS, _MIN_SEEN_PX = 6.0, 96


def brushed(places: Sequence[Place], radius_px: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels (Y, X) whose centres lie within a radius of a stroke, which goes through places."""
    path = np.asarray(places, dtype=np.float64)
    n_steps = int(np.ceil(np.abs(np.diff(path, axis=0)).sum() / _STROKE_STEP_PX)) + 1
    along = np.linspace(0, len(path) - 1, max(n_steps, len(path)))
    stroke = np.column_stack([np.interp(along, np.arange(len(path)), path[:, axis]) for axis in (0, 1)])
    mask = np.zeros(shape, bool)
    top, left = np.maximum(np.floor(path.min(axis=0) - radius_px), 0).astype(int).tolist()
    bottom, right = np.ceil(path.max(axis=0) + radius_px).astype(int).tolist()
    part = mask[top : max(bottom, 0), left : max(right, 0)]
    centres = np.argwhere(np.ones_like(part)) + np.array([top, left]) + 0.5
    if len(centres):
        part[:] = (cKDTree(stroke).query(centres)[0] <= radius_px).reshape(part.shape)
    return mask


def answered(
    ask: Ask,
    image: NDArray[Any],
    points: Sequence[Place],
    boxes: Sequence[Sequence[float]],
    diameter_px: float,
) -> Labels:
    """Return what a model says of points, or of boxes (y0, x0, y1, x1), as labels (Y, X): n's is n + 1.

    It sees only what is around them, where particles are about as wide as the diameter.
    """
    told = np.asarray(points if len(points) else boxes, dtype=np.float64)
    corners = told.reshape(-1, 2)
    margin = max(_SEEN_DIAMETERS * diameter_px, _MIN_SEEN_PX)
    low = np.maximum(corners.min(axis=0) - margin, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0) + margin), image.shape).astype(int)
    seen = slice(low[0], high[0]), slice(low[1], high[1])
    local = told - np.tile(low, told.shape[1] // 2)
    labels = np.zeros(image.shape, np.int32)
    found = ask(image[seen], local if len(points) else None, None if len(points) else local)
    labels[seen] = asked_for(found, local)
    return labels


def asked_for(answers: Labels, prompts: NDArray[np.floating]) -> Labels:
    """Return answers (Y, X) without what nobody asked for: a model may see other particles beside.

    Of the answer n + 1 to the n-th of the ``prompts`` that piece is kept which holds the point (N, 2), or is
    the largest of those in the box (N, 4). A point on the support has no answer, whatever the model sees.
    """
    kept = np.zeros_like(answers)
    for number, prompt in enumerate(prompts, start=1):
        pieces, n_pieces = ndimage.label(answers == number, structure=np.ones((3, 3)))
        at = np.argwhere(pieces)
        if not n_pieces:
            continue
        if len(prompt) == 2:
            away = np.hypot(*(at + 0.5 - prompt).T)
            wanted = pieces[tuple(at[away.argmin()])] if away.min() <= _REACH_PX else 0
        else:
            wanted = np.bincount(pieces[tuple(at.T)]).argmax()
        kept[(pieces == wanted) & (pieces > 0)] = number
    return kept


def parts_at(
    mask: NDArray[np.bool_], points: Sequence[Place], answers: Labels | None
) -> list[NDArray[np.bool_]]:
    """Divide a particle (Y, X) among points in it: to each its answer, and what is nearest to that.

    ``answers`` holds n + 1 where a model sees the particle of point n; without them the point itself counts.
    """
    seeds = np.zeros(mask.shape, np.int32)
    for number, (y, x) in enumerate(points, start=1):
        seeds[min(max(int(y), 0), mask.shape[0] - 1), min(max(int(x), 0), mask.shape[1] - 1)] = number
    if answers is not None and len(np.unique(answers[mask & (answers > 0)])) == len(points):
        seeds = np.where(mask, answers, 0)
    owner = divide(mask, seeds)
    return [owner == number for number in range(1, len(points) + 1)]

"""What was found in boxes of an image, as one segmentation of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.spans import Box
from temtrack.segmentation.model import Segmentation


def join_parts(shape: tuple[int, ...], boxes: Sequence[Box], parts: Sequence[Segmentation]) -> Segmentation:
    """Return the particles of an image of a shape (Y, X), each as it was seen in one of the boxes.

    Where boxes overlap a particle is found in several: that counts which shows most around it, for the edge
    of another may cut it.
    """
    joined = Segmentation.empty(shape)
    scores: list[float] = []
    found = [one for box, part in zip(boxes, parts, strict=True) for one in _particles(shape, box, part)]
    for _, place, mask, score in sorted(found, key=itemgetter(0), reverse=True):
        free = mask & (joined.labels[place] == 0)
        if 2 * free.sum() > mask.sum():
            scores.append(score)
            joined.labels[place][free] = len(scores)
    return Segmentation(joined.labels, np.array(scores, np.float32))


def _particles(
    shape: tuple[int, ...], box: Box, part: Segmentation
) -> Iterator[tuple[float, Box, NDArray[np.bool_], float]]:
    """Yield each particle of a part: pixels seen around it, its place in the image, its mask and score."""
    for i, place in enumerate(ndimage.find_objects(part.labels), start=1):
        if place is None:
            continue
        rows, columns = (
            slice(span.start + whole.start, span.stop + whole.start)
            for span, whole in zip(place, box, strict=True)
        )
        margin_px, mask = _margin(shape, box, (rows, columns)), part.labels[place] == i
        yield margin_px, (rows, columns), mask, float(part.scores[i - 1])


def _margin(shape: tuple[int, ...], box: Box, place: Box) -> float:
    """Return the pixels between a place and the nearest edge of its box that is none of the image."""
    sides = [
        side
        for n, whole, span in zip(shape, box, place, strict=True)
        for side, is_inner in (
            (span.start - whole.start, whole.start > 0),
            (whole.stop - span.stop, whole.stop < n),
        )
        if is_inner
    ]
    return float(min(sides, default=np.inf))

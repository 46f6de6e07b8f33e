"""Boxes around particles as weak labels: an ellipse in each, the outline that boxes drawn by hand suggest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Width of an ellipse compared with its box: who draws a box leaves a little room around the particle.
FILLED_FRACTION = 0.92


def labels_of_boxes(boxes: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Paint an ellipse into each box (N, 4) as y0, x0, y1, x1; small ones lie over large ones.

    Returns
    -------
    (Y, X), ids from 1 on in the order of the boxes.
    """
    labels = np.zeros(shape, np.int32)
    sizes = np.ptp(boxes.reshape(-1, 2, 2), axis=1)
    for i in np.argsort(-sizes.prod(axis=1)):
        centre, half = boxes[i].reshape(2, 2).mean(axis=0), FILLED_FRACTION * sizes[i] / 2
        spans = [
            slice(max(0, int(c - h)), min(n, int(c + h) + 2))
            for c, h, n in zip(centre, half, shape, strict=True)
        ]
        y, x = np.ogrid[tuple(spans)]
        inside = ((y + 0.5 - centre[0]) / half[0]) ** 2 + ((x + 0.5 - centre[1]) / half[1]) ** 2 <= 1
        labels[tuple(spans)][inside] = i + 1
    return labels

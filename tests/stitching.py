"""Tiles put together again."""

import numpy as np


def stitch(shape, pieces):
    """Put tiles back at their slices into an image of ``shape``; what is mirrored beyond it falls away."""
    image = None
    for (ys, xs), piece in pieces:
        image = np.zeros(shape, piece.dtype) if image is None else image
        inside = image[ys, xs]
        inside[...] = piece[: inside.shape[0], : inside.shape[1]]
    return image

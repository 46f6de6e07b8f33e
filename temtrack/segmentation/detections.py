"""Particles as pieces: a box and a mask for each, which is how detectors tell them.

Pieces know nothing of each other: they may overlap, and tiles may tell of one particle twice. So each pixel
goes to the piece that claims it most surely, and a piece that surer ones cover for the most part is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.labels import bounding_boxes

MAX_COVERED_SHARE = 0.5  # of a piece's pixels by surer pieces: more of them, and it is one of those again
SURE = 10.0  # the logit of what is certain


@dataclass(frozen=True)
class Piece:
    """A particle, in pixels of the picture that was looked at.

    Parameters
    ----------
    box
        Edges y0, x0, y1, x1; the mask ends there.
    logits
        (h, w) in a grid of cells, above 0 inside the particle.
    corner, cell_px
        Upper left corner (y, x) of the first cell, and a cell's side.
    score
        How sure it is that there is a particle, 0 to 1.
    """

    box: tuple[float, float, float, float]
    logits: NDArray[np.float32]
    corner: tuple[float, float]
    cell_px: float
    score: float

    def moved(self, y: float, x: float) -> Piece:
        """Return the piece as it lies in a picture of which this one is a tile that begins at ``y, x``."""
        y0, x0, y1, x1 = self.box
        corner = (self.corner[0] + y, self.corner[1] + x)
        return replace(self, box=(y0 + y, x0 + x, y1 + y, x1 + x), corner=corner)


def encode(labels: NDArray[Any]) -> list[Piece]:
    """Encode labels (Y, X) as pieces, each with its own box and mask."""
    pieces = []
    for label, (ys, xs) in bounding_boxes(labels).items():
        logits = np.where(labels[ys, xs] == label, SURE, -SURE).astype(np.float32)
        pieces.append(
            Piece((ys.start, xs.start, ys.stop, xs.stop), logits, (ys.start, xs.start), 1.0, score=1.0)
        )
    return pieces


def decode(pieces: Sequence[Piece], shape: tuple[int, ...], scale: float = 1.0) -> NDArray[np.int32]:
    """Decode pieces as labels of ``shape`` (Y, X), whose pixels are ``1 / scale`` of the pieces' pixels."""
    labels = np.zeros(shape, np.int32)
    surest = np.zeros(shape, np.float32)
    for i, piece in enumerate(sorted(pieces, key=lambda piece: -piece.score), start=1):
        at = _pixels(piece, shape, scale)
        logits = _sample(piece, at, scale)
        inside = logits > 0
        if (inside & (labels[at] > 0)).sum() > MAX_COVERED_SHARE * inside.sum():
            continue
        surer = logits > surest[at]
        labels[at][surer] = i
        surest[at][surer] = logits[surer]
    return labels


def _pixels(piece: Piece, shape: tuple[int, ...], scale: float) -> tuple[slice, slice]:
    """Return the rows and columns whose centres lie in a piece's box."""
    first, last = ((np.array(edges) / scale - 0.5) for edges in (piece.box[:2], piece.box[2:]))
    y0, x0 = np.maximum(np.ceil(first), 0).astype(int)
    y1, x1 = np.minimum(np.ceil(last), shape).astype(int)
    return slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


def _sample(piece: Piece, at: tuple[slice, slice], scale: float) -> NDArray[np.float32]:
    """Sample a piece's logits bilinearly at the centres of pixels."""
    y, x = (
        ((np.arange(along.start, along.stop) + 0.5) * scale - corner) / piece.cell_px - 0.5
        for along, corner in zip(at, piece.corner, strict=True)
    )
    where = np.meshgrid(y, x, indexing="ij")
    sampled: NDArray[np.float32] = ndimage.map_coordinates(piece.logits, where, order=1, mode="nearest")
    return sampled

"""What a detector tells of a tile, as pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from temtrack.segmentation.detections import Piece

if TYPE_CHECKING:
    from temtrack.nets.yolo import YoloSeg

CELL_PX = 4  # side of a cell of the masks


def detect(net: YoloSeg, tile: Tensor) -> list[Piece]:
    """Find the particles of a tile, 1x3xHxW in [0, 1]."""
    (found,) = net.read(net(tile))
    boxes, scores = found.boxes.cpu().numpy(), found.scores.cpu().numpy()
    return [
        _piece(box, float(score), mask.cpu().numpy())
        for box, score, mask in zip(boxes, scores, found.masks, strict=True)
    ]


def _piece(box: NDArray[np.float32], score: float, mask: NDArray[np.float32]) -> Piece:
    """Cut a mask to its box, and a cell around it for the sake of interpolation."""
    x0, y0, x1, y1 = box.tolist()
    top, left = (max(0, int(edge // CELL_PX) - 1) for edge in (y0, x0))
    bottom, right = (max(0, int(edge // CELL_PX) + 2) for edge in (y1, x1))
    cells = mask[top : max(bottom, top + 1), left : max(right, left + 1)]
    return Piece((y0, x0, y1, x1), cells, (top * CELL_PX, left * CELL_PX), CELL_PX, score)

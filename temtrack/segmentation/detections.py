"""Particles as detections: a box and a mask for each, which is what detectors predict.

Detections know nothing of each other: they may overlap, and tiles may hold one particle twice. So each pixel
goes to the detection that claims it most surely, and one that surer ones cover for the most part is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.labels import bounding_boxes
from temtrack.segmentation.model import Segmentation

if TYPE_CHECKING:
    from torch import Tensor

    from temtrack.nets.yolo import YoloSeg

MAX_COVERED_FRACTION = 0.5  # of a detection's pixels by surer ones: beyond, it is one of those again
CERTAIN_LOGIT = 10.0
CELL_PX = 4  # side of a cell of YOLO's masks


@dataclass(frozen=True)
class Detection:
    """A particle, in pixels of the image that the detector saw.

    Parameters
    ----------
    box
        Edges y0, x0, y1, x1; the mask ends there.
    logits
        (h, w) in a grid of cells, above 0 inside the particle.
    corner, cell_px
        Upper left corner (y, x) of the first cell, and a cell's side.
    score
        Confidence that there is a particle, 0 to 1.
    """

    box: tuple[float, float, float, float]
    logits: NDArray[np.float32]
    corner: tuple[float, float]
    cell_px: float
    score: float

    @classmethod
    def from_mask(cls, mask: NDArray[np.bool_], corner: tuple[int, int], score: float = 1.0) -> Detection:
        """Build a detection of a mask (h, w) that fills its box, whose upper left pixel is ``corner``."""
        (y, x), (height, width) = corner, mask.shape
        logits = np.where(mask, CERTAIN_LOGIT, -CERTAIN_LOGIT).astype(np.float32)
        return cls((y, x, y + height, x + width), logits, corner, 1.0, score)

    def shifted(self, y: float, x: float) -> Detection:
        """Return the detection as it lies in an image of which this is a tile that begins at ``y, x``."""
        y0, x0, y1, x1 = self.box
        corner = (self.corner[0] + y, self.corner[1] + x)
        return replace(self, box=(y0 + y, x0 + x, y1 + y, x1 + x), corner=corner)


def detect(net: YoloSeg, tile: Tensor) -> list[Detection]:
    """Detect the particles of a tile, 1x3xHxW in [0, 1], by YOLO."""
    (found,) = net.read(net(tile))
    detections = []
    for box, score, mask in zip(found.boxes.tolist(), found.scores.tolist(), found.masks, strict=True):
        x0, y0, x1, y1 = box  # the mask is cut to it, and a cell around it for the sake of interpolation
        top, left = (max(0, int(edge // CELL_PX) - 1) for edge in (y0, x0))
        bottom, right = (max(0, int(edge // CELL_PX) + 2) for edge in (y1, x1))
        cells = mask[top : max(bottom, top + 1), left : max(right, left + 1)].cpu().numpy()
        detections.append(Detection((y0, x0, y1, x1), cells, (top * CELL_PX, left * CELL_PX), CELL_PX, score))
    return detections


def encode(labels: NDArray[Any]) -> list[Detection]:
    """Encode labels (Y, X) as detections, each with its own box and mask."""
    return [
        Detection.from_mask(labels[ys, xs] == label, (ys.start, xs.start))
        for label, (ys, xs) in bounding_boxes(labels).items()
    ]


def decode(detections: Sequence[Detection], shape: tuple[int, ...], scale: float = 1.0) -> Segmentation:
    """Decode detections as labels of ``shape`` (Y, X), whose pixels are ``1 / scale`` of the detections'.

    Ids are by falling score, and have no pixels where a detection is left out.
    """
    labels = np.zeros(shape, np.int32)
    surest = np.zeros(shape, np.float32)
    ranked = sorted(detections, key=lambda detection: -detection.score)
    for i, detection in enumerate(ranked, start=1):
        at = _pixels(detection, shape, scale)
        logits = _sample(detection, at, scale)
        inside = logits > 0
        if (inside & (labels[at] > 0)).sum() > MAX_COVERED_FRACTION * inside.sum():
            continue
        surer = logits > surest[at]
        labels[at][surer] = i
        surest[at][surer] = logits[surer]
    return Segmentation(labels, np.array([detection.score for detection in ranked], np.float32))


def _pixels(detection: Detection, shape: tuple[int, ...], scale: float) -> tuple[slice, slice]:
    """Return the rows and columns whose centres lie in a detection's box."""
    first, last = ((np.array(edges) / scale - 0.5) for edges in (detection.box[:2], detection.box[2:]))
    y0, x0 = np.maximum(np.ceil(first), 0).astype(int)
    y1, x1 = np.minimum(np.ceil(last), shape).astype(int)
    return slice(y0, max(y0, y1)), slice(x0, max(x0, x1))


def _sample(detection: Detection, at: tuple[slice, slice], scale: float) -> NDArray[np.float32]:
    """Sample a detection's logits bilinearly at the centres of pixels."""
    y, x = (
        ((np.arange(along.start, along.stop) + 0.5) * scale - corner) / detection.cell_px - 0.5
        for along, corner in zip(at, detection.corner, strict=True)
    )
    where = np.meshgrid(y, x, indexing="ij")
    sampled: NDArray[np.float32] = ndimage.map_coordinates(detection.logits, where, order=1, mode="nearest")
    return sampled

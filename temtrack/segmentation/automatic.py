"""Networks that outline everything in a picture, Segment Anything among them: no background is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from temtrack.nets.layers import to_picture
from temtrack.segmentation.detections import CELL_PX, Detection, detect

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

    from temtrack.nets.yolo import YoloSeg

MAX_BACKGROUND_FRACTION = 0.5  # of a tile: what covers more is background
N_BACKGROUND_SIDES = 3  # of a tile: what touches as many is background too


def detect_by_points(net: Sam, tile: Tensor) -> list[Detection]:
    """Detect what may be particles in a tile, 1x3xHxW, by a grid of 32 by 32 points."""
    from segment_anything import SamAutomaticMaskGenerator

    found = SamAutomaticMaskGenerator(net).generate(to_picture(tile))
    scores = [min(1.0, each["predicted_iou"] * each["stability_score"]) for each in found]
    return detections_of([each["segmentation"] for each in found], scores)


def detect_by_grid(net: nn.Module, tile: Tensor) -> list[Detection]:
    """Detect what may be particles in a tile, 1x3xHxW, by the same grid asked of SAM 2 or MobileSAM."""
    from temtrack.nets.sam2 import outline_everything

    masks, scores = outline_everything(net, tile)
    return detections_of(list(masks), [min(1.0, score) for score in scores.tolist()])


def detect_objects(net: YoloSeg, tile: Tensor) -> list[Detection]:
    """Detect what may be particles in a tile, 1x3xHxW, by FastSAM."""
    height, width = tile.shape[-2:]
    return [found for found in detect(net, tile) if not _covers(found, height, width)]


def _covers(found: Detection, height: int, width: int) -> bool:
    """Tell whether a detection is the background of a tile."""
    y0, x0, y1, x1 = found.box
    n_sides = sum((y0 < CELL_PX, x0 < CELL_PX, y1 > height - CELL_PX, x1 > width - CELL_PX))
    area_px = float((found.logits > 0).sum()) * CELL_PX**2
    return n_sides >= N_BACKGROUND_SIDES or area_px > MAX_BACKGROUND_FRACTION * height * width


def detections_of(masks: list[NDArray[np.bool_]], scores: list[float]) -> list[Detection]:
    """Return the masks (Y, X) of a tile that are no background as detections."""
    return [
        _detection(mask, score) for mask, score in zip(masks, scores, strict=True) if not _is_background(mask)
    ]


def _is_background(mask: NDArray[np.bool_]) -> bool:
    n_sides = sum(bool(side.any()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return n_sides >= N_BACKGROUND_SIDES or bool(mask.mean() > MAX_BACKGROUND_FRACTION) or not mask.any()


def _detection(mask: NDArray[np.bool_], score: float) -> Detection:
    y, x = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return Detection.from_mask(mask[y[0] : y[-1] + 1, x[0] : x[-1] + 1], (int(y[0]), int(x[0])), score)

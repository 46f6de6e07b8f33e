"""Segment Anything asked everywhere: a grid of points, and of the masks that answer those of particles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from temtrack.segmentation.detections import SURE, Detection

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

MAX_GROUND_SHARE = 0.5  # of a tile: what covers more is ground
N_GROUND_SIDES = 3  # of a tile: what touches as many is ground too


def find_by_points(net: Sam, tile: Tensor) -> list[Detection]:
    """Find what may be particles in a tile, 1x3xHxW, by a grid of 32 by 32 points."""
    from segment_anything import SamAutomaticMaskGenerator

    image = (255 * tile[0].clamp(0, 1).movedim(0, -1)).round().byte().cpu().numpy()
    answers = SamAutomaticMaskGenerator(net).generate(np.ascontiguousarray(image))
    scores = [min(1.0, answer["predicted_iou"] * answer["stability_score"]) for answer in answers]
    return detections_of([answer["segmentation"] for answer in answers], scores)


def detections_of(masks: list[NDArray[np.bool_]], scores: list[float]) -> list[Detection]:
    """Return the masks (Y, X) of a tile that are no ground as detections."""
    return [
        _detection(mask, score) for mask, score in zip(masks, scores, strict=True) if not _is_ground(mask)
    ]


def _is_ground(mask: NDArray[np.bool_]) -> bool:
    n_sides = sum(bool(side.any()) for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    return n_sides >= N_GROUND_SIDES or bool(mask.mean() > MAX_GROUND_SHARE) or not mask.any()


def _detection(mask: NDArray[np.bool_], score: float) -> Detection:
    y, x = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box: Any = (y[0], x[0], y[-1] + 1, x[-1] + 1)
    logits = np.where(mask[box[0] : box[2], box[1] : box[3]], SURE, -SURE).astype(np.float32)
    return Detection(box, logits, (float(y[0]), float(x[0])), 1.0, score)

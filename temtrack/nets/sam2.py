"""Segment Anything 2 and 2.1, four sizes each, and MobileSAM, as ultralytics builds and asks them (AGPL-3.0).

Ravi et al. 2024, 'SAM 2', doi:10.48550/arXiv.2408.00714; Zhang et al. 2023, 'Faster Segment Anything',
doi:10.48550/arXiv.2306.14289.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import temtrack.nets.yolo  # noqa: F401  first: it keeps ultralytics quiet and offline
from temtrack.nets.layers import to_picture

# isort: split
from ultralytics.models.sam import Predictor, SAM2Predictor
from ultralytics.models.sam.build import (
    build_mobile_sam,
    build_sam2_b,
    build_sam2_l,
    build_sam2_s,
    build_sam2_t,
)
from ultralytics.models.sam.modules.sam import SAM2Model

#: Side of the square in which the network sees an image.
INPUT_PX = 1024

#: Points of the grid by which everything is outlined.
N_POINTS_A_SIDE = 32

mobile_sam, sam2_t, sam2_s, sam2_b, sam2_l = (
    build_mobile_sam,
    build_sam2_t,
    build_sam2_s,
    build_sam2_b,
    build_sam2_l,
)


def _build_2_1(build: Any) -> nn.Module:
    """Build a network of version 2.1: it has two tensors more, for movies, of which nothing here asks."""
    net: Any = build()
    net.no_obj_embed_spatial = nn.Parameter(torch.zeros(1, net.mem_dim))
    net.obj_ptr_tpos_proj = nn.Linear(net.hidden_dim, net.mem_dim)
    return net


sam2_1_t, sam2_1_s, sam2_1_b, sam2_1_l = (
    partial(_build_2_1, build) for build in (build_sam2_t, build_sam2_s, build_sam2_b, build_sam2_l)
)


def outline_everything(net: nn.Module, tile: Tensor) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return masks (N, H, W) and scores (N,) of what points all over a tile, 1x3xHxW in [0, 1], find."""
    return _masks_of(_predictor_of(net)(_bgr(tile), points_stride=N_POINTS_A_SIDE))


def outline(
    net: nn.Module, tile: Tensor, points: NDArray[Any] | None = None, boxes: NDArray[Any] | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return masks (N, H, W) and scores (N,) at points (N, 2), x and y, or boxes (N, 4), x0, y0 to x1, y1."""
    predictor = _predictor_of(net)
    predictor.args.conf = -math.inf  # each prompt has an answer, however unsure
    predictor.set_image(_bgr(tile))
    return _masks_of(predictor(points=points, bboxes=boxes))


def _predictor_of(net: nn.Module) -> Any:
    kind = SAM2Predictor if isinstance(net, SAM2Model) else Predictor
    device = str(next(net.parameters()).device)
    predictor = kind(
        overrides={"imgsz": INPUT_PX, "device": device, "save": False, "verbose": False, "model": "sam.pt"}
    )
    predictor.setup_model(net, verbose=False)
    return predictor


def _bgr(tile: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(to_picture(tile)[..., ::-1])


def _masks_of(results: list[Any]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    (found,) = results
    height, width = found.orig_shape
    if found.masks is None:
        return np.zeros((0, height, width), bool), np.zeros(0, np.float32)
    masks, scores = found.masks.data, found.boxes.conf
    return masks.cpu().numpy().astype(bool), scores.float().cpu().numpy()

"""What the networks that segment have in common, and in what they differ: one adapter for each family.

An adapter is a pair: ``encode`` makes of labels the targets that a network learns, ``decode`` makes labels of
such targets as it predicts them, so ``decode(encode(labels))`` is about the labels. ``forward`` predicts from
a view of an image, and ``merge`` makes one prediction of several views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from temtrack.imaging.labels import mean_values, nearest_pixels
from temtrack.nets.device import bf16_where_native
from temtrack.nets.efficient_sam import PATCH, EfficientSam
from temtrack.segmentation import dense_maps, detections
from temtrack.segmentation.automatic import detect_by_grid, detect_by_points, detect_objects
from temtrack.segmentation.detections import Detection
from temtrack.segmentation.model import Segmentation
from temtrack.segmentation.prompts import (
    TILING,
    Prompts,
    answer_by_efficient_sam,
    answer_by_sam,
    answer_by_sam2,
    predict_prompts,
)
from temtrack.segmentation.scale import Prediction, foreground_confidence
from temtrack.segmentation.tiling import Logits, Tiling, View, detect_in_tiles, mean_maps, predict_logits


@dataclass(frozen=True)
class DenseAdapter:
    """The way from an image to labels by a network that predicts maps, see `dense_maps`.

    Parameters
    ----------
    tiling
        The tiles in which the network sees an image.
    predict_dense
        Predicts maps of everything, Bx3xHxW in [0, 1] -> BxCxH/gxW/g logits on the tiling's grid g.
    predict_prompts
        Finds single particles, see `prompts.predict_prompts`; ``None`` where the network takes no prompts.
    scale
        At which an image is seen where nobody says otherwise; ``None`` where that which suits it is found.
    """

    tiling: Tiling
    predict_dense: Callable[[Any, Tensor], Tensor]
    predict_prompts: Callable[[Any, Tensor, Prompts], Segmentation] | None = None
    scale: float | None = None
    averages_views: ClassVar = True
    encode = staticmethod(dense_maps.encode)

    def forward(self, net: nn.Module, grey: NDArray[np.float32], view: View, device: torch.device) -> Logits:
        """Predict logits from a view of an image (Y, X) in [0, 1]."""
        with bf16_where_native(device):
            return predict_logits(partial(self.predict_dense, net), grey, view, self.tiling, device)

    def merge(self, outputs: Sequence[Logits], shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
        """Return the mean probability maps of views of an image of a shape (Y, X) at a scale."""
        return mean_maps(outputs, shape, scale)

    def decode(
        self, maps: NDArray[np.float32], shape: tuple[int, ...], scale: float = 1.0, output: Any = None
    ) -> Prediction:
        """Decode probability maps (3, Y', X') as the particles of an image of a shape (Y, X)."""
        foreground = maps[dense_maps.FOREGROUND]
        labels = dense_maps.decode(maps)
        scores = mean_values(labels, foreground)[1:].astype(np.float32)
        fitting = nearest_pixels(labels, shape).astype(np.int32)
        return Prediction(fitting, scores, foreground_confidence(foreground), output)


@dataclass(frozen=True)
class DetectionAdapter:
    """The way from an image to labels by a network that detects particles one by one, see `detections`.

    Parameters
    ----------
    tiling
        The tiles in which the network sees an image.
    detect
        Detects the particles of a tile, 1x3xHxW in [0, 1].
    predict_prompts
        As that of a `DenseAdapter`.
    scale
        As that of a `DenseAdapter`.
    """

    tiling: Tiling
    detect: Callable[[Any, Tensor], list[Detection]]
    predict_prompts: Callable[[Any, Tensor, Prompts], Segmentation] | None = None
    scale: float | None = None
    averages_views: ClassVar = False
    encode = staticmethod(detections.encode)

    def forward(
        self, net: nn.Module, grey: NDArray[np.float32], view: View, device: torch.device
    ) -> list[Detection]:
        """Detect the particles in a view, never shifted, of an image (Y, X) in [0, 1]."""
        return detect_in_tiles(partial(self.detect, net), grey, view.scale, self.tiling, device)

    def merge(
        self, outputs: Sequence[list[Detection]], shape: tuple[int, ...], scale: float
    ) -> list[Detection]:
        """Return what the only view shows: detections have no mean."""
        (found,) = outputs
        return found

    def decode(
        self, found: Sequence[Detection], shape: tuple[int, ...], scale: float = 1.0, output: Any = None
    ) -> Prediction:
        """Decode detections at a scale as the particles of an image of a shape (Y, X)."""
        decoded = detections.decode(found, shape, scale)
        confidence = float(np.mean([detection.score for detection in found])) if found else 0.0
        return Prediction(decoded.labels, decoded.scores, confidence, output)


Adapter = DenseAdapter | DetectionAdapter


def predict_without_points(net: EfficientSam, images: Tensor) -> Tensor:
    """Predict maps of everything by a promptable network: a query without points."""
    xy = images.new_zeros(len(images), 1, 0, 2)
    logits, _ = net.decode(net.embed(images), xy, xy[..., 0].long())
    return logits[:, 0]


def predict_directly(net: nn.Module, images: Tensor) -> Tensor:
    """Predict maps by a network that knows but one question."""
    logits: Tensor = net(images)
    return logits


# An image of 512 px, shifted by half the multiple, fits into one tile.
EFFICIENT_SAM = DenseAdapter(
    Tiling(512 + PATCH, 128, multiple=PATCH, grid=4),
    predict_without_points,
    partial(predict_prompts, tiling=TILING, answer=answer_by_efficient_sam),
)
# Swin-UNet mirrors a tile out to whole windows, a multiple of 224 px: better it sees the image there.
SWIN_UNET = DenseAdapter(Tiling(448, 96, multiple=32, grid=1, whole=True), predict_directly)
VM_UNET = DenseAdapter(Tiling(512 + 32, 128, multiple=32, grid=1), predict_directly)
YOLO = DetectionAdapter(Tiling(640, 160, multiple=32, grid=4), detections.detect)
FASTSAM = DetectionAdapter(Tiling(1024, 256, multiple=32, grid=4), detect_objects)
# Segment Anything knows outlines of any size, and trying several takes minutes each.
_SAM_TILING = Tiling(1024, 256, multiple=16, grid=1)
SAM, SAM2 = (
    DetectionAdapter(_SAM_TILING, detect, partial(predict_prompts, tiling=_SAM_TILING, answer=answer), 1.0)
    for detect, answer in ((detect_by_points, answer_by_sam), (detect_by_grid, answer_by_sam2))
)

#: By the families of `temtrack.models.catalog`.
ADAPTERS: dict[str, Adapter] = {
    "efficient_sam": EFFICIENT_SAM,
    "swin_unet": SWIN_UNET,
    "vm_unet": VM_UNET,
    "yolo": YOLO,
    "fastsam": FASTSAM,
    "sam": SAM,
    "sam2": SAM2,
}

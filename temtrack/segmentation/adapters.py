"""What the networks that segment have in common, and in what they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from temtrack.imaging.labels import nearest_pixels
from temtrack.nets.efficient_sam import PATCH, EfficientSam
from temtrack.nets.precision import bf16_where_native
from temtrack.segmentation import dense_maps, detections
from temtrack.segmentation.automatic import find_by_points
from temtrack.segmentation.detections import Detection, detect
from temtrack.segmentation.prompts import Prompts, answer
from temtrack.segmentation.scale import Glance, certainty_of
from temtrack.segmentation.tiling import Logits, Look, Tiling, detect_in_tiles, mean_maps, predict_logits


@dataclass(frozen=True)
class DenseAdapter:
    """The way from an image to labels by a network that tells maps, as `instances` encodes them.

    Parameters
    ----------
    tiling
        The detections in which the network sees an image.
    everything
        Asks a network for everything, Bx3xHxW in [0, 1] -> BxCxH/gxW/g logits on the tiling's grid g.
    answer
        Asks a network for single particles, see `prompts.answer`; ``None`` where it takes no prompts.
    """

    tiling: Tiling
    everything: Callable[[Any, Tensor], Tensor]
    answer: Callable[[Any, Tensor, Prompts], NDArray[np.int32]] | None = None

    def see(self, net: nn.Module, grey: NDArray[np.float32], look: Look, device: torch.device) -> Logits:
        """Look at an image (Y, X) in [0, 1]."""
        with bf16_where_native(device):
            return predict_logits(partial(self.everything, net), grey, look, self.tiling, device)

    def tell(self, seen: Iterable[Logits], shape: tuple[int, ...], scale: float) -> Glance:
        """Tell all particles of an image of a shape (Y, X) from looks at it at a scale."""
        maps = mean_maps(seen, shape, scale)
        labels = nearest_pixels(dense_maps.decode(maps), shape).astype(np.int32)
        return Glance(labels, certainty_of(maps[dense_maps.FOREGROUND]))


@dataclass(frozen=True)
class DetectionAdapter:
    """The way from an image to labels by a network that detects particles one by one; see `detections`.

    Parameters
    ----------
    tiling
        The tiles in which the network sees an image.
    find
        Finds the particles of a tile, 1x3xHxW in [0, 1].
    """

    tiling: Tiling
    find: Callable[[Any, Tensor], list[Detection]]
    answer: None = None

    def see(
        self, net: nn.Module, grey: NDArray[np.float32], look: Look, device: torch.device
    ) -> list[Detection]:
        """Look at an image (Y, X) in [0, 1], never moved."""
        return detect_in_tiles(partial(self.find, net), grey, look.scale, self.tiling, device)

    def tell(self, seen: Iterable[list[Detection]], shape: tuple[int, ...], scale: float) -> Glance:
        """Tell all particles of an image of a shape (Y, X) from one look at a scale."""
        (found,) = seen
        certainty = float(np.mean([detection.score for detection in found])) if found else 0.0
        return Glance(detections.decode(found, shape, scale), certainty)


Adapter = DenseAdapter | DetectionAdapter


def ask_without_points(net: EfficientSam, images: Tensor) -> Tensor:
    """Ask a promptable network for everything: a query without points."""
    xy = images.new_zeros(len(images), 1, 0, 2)
    logits, _ = net.decode(net.embed(images), xy, xy[..., 0].long())
    return logits[:, 0]


def ask(net: nn.Module, images: Tensor) -> Tensor:
    """Ask a network that knows but one question."""
    logits: Tensor = net(images)
    return logits


# An image of 512 px, moved by half the multiple, fits into one tile.
EFFICIENT_SAM = DenseAdapter(Tiling(512 + PATCH, 128, multiple=PATCH, grid=4), ask_without_points, answer)
# Swin-UNet mirrors a tile out to whole windows, a multiple of 224 px: better it sees the image there.
SWIN_UNET = DenseAdapter(Tiling(448, 96, multiple=32, grid=1, whole=True), ask)
VM_UNET = DenseAdapter(Tiling(512 + 32, 128, multiple=32, grid=1), ask)
YOLO = DetectionAdapter(Tiling(640, 160, multiple=32, grid=4), detect)
SAM = DetectionAdapter(Tiling(1024, 256, multiple=16, grid=1), find_by_points)

#: By the names in `loading.SEGMENTERS`.
ADAPTERS: dict[str, Adapter] = {
    "effsam-tiny": EFFICIENT_SAM,
    "swin-unet": SWIN_UNET,
    "swin-unet-base": SWIN_UNET,
    "vmamba": VM_UNET,
    "vmamba-base": VM_UNET,
    "yolov8n-seg": YOLO,
    "sam-vit-b": SAM,
    "sam-vit-l": SAM,
    "sam-vit-h": SAM,
}

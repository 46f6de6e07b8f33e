"""What the networks that segment have in common, and in what they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from temtrack.nets.efficient_sam import PATCH, EfficientSam
from temtrack.segmentation import instances
from temtrack.segmentation.prompts import Prompts, answer
from temtrack.segmentation.tiled import Tiling


@dataclass(frozen=True)
class Adapter:
    """A network's way from labels to what it learns, and from what it tells to labels.

    Parameters
    ----------
    tiling
        The pieces in which the network sees an image.
    everything
        Asks a network for everything, Bx3xHxW in [0, 1] -> BxCxH/gxW/g logits on the tiling's grid g.
    answer
        Asks a network for single particles, see `prompts.answer`; ``None`` where it takes no prompts.
    encode
        Labels (Y, X) -> target maps (C, Y, X) in [0, 1].
    decode
        Maps (C, Y, X) of probabilities -> labels (Y, X): about the inverse of ``encode``.
    """

    tiling: Tiling
    everything: Callable[[Any, Tensor], Tensor]
    answer: Callable[[Any, Tensor, Prompts, Tiling], NDArray[np.int32]] | None = None
    encode: Callable[[NDArray[Any]], NDArray[np.float32]] = instances.encode
    decode: Callable[[NDArray[np.float32]], NDArray[np.int32]] = instances.decode


def ask_without_points(net: EfficientSam, images: Tensor) -> Tensor:
    """Ask a promptable network for everything: a query without points."""
    xy = images.new_zeros(len(images), 1, 0, 2)
    logits, _ = net.decode(net.embed(images), xy, xy[..., 0].long())
    return logits[:, 0]


def ask(net: nn.Module, images: Tensor) -> Tensor:
    """Ask a network that knows but one question."""
    logits: Tensor = net(images)
    return logits


EFFICIENT_SAM = Adapter(Tiling(512, 128, multiple=PATCH, grid=4), ask_without_points, answer)
# Swin-UNet mirrors a tile out to whole windows, a multiple of 224 px: better it sees the image there.
SWIN_UNET = Adapter(Tiling(448, 96, multiple=32, grid=1, whole=True), ask)
VM_UNET = Adapter(Tiling(512, 128, multiple=32, grid=1), ask)

#: By the names in `loading.SEGMENTERS`.
ADAPTERS = {
    "effsam-tiny": EFFICIENT_SAM,
    "swin-unet": SWIN_UNET,
    "swin-unet-base": SWIN_UNET,
    "vmamba": VM_UNET,
    "vmamba-base": VM_UNET,
}

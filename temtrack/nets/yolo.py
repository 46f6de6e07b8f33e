"""YOLOv8-seg: boxes with mask coefficients, and prototypes that these mix to masks.

Jocher et al., ultralytics (AGPL-3.0), whose own network definition is used as a library. What its predictor
adds is left out: pictures squeezed into a square, at most 300 particles in one, masks at a quarter of the
resolution.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

# Before it is imported: else ultralytics greets on stdout, asks the network for updates, installs packages.
for _habit, _allowed in {
    "YOLO_VERBOSE": "false",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
}.items():
    os.environ.setdefault(_habit, _allowed)

from torchvision.ops import nms  # noqa: E402
from ultralytics.nn.tasks import SegmentationModel  # noqa: E402
from ultralytics.utils import DEFAULT_CFG  # noqa: E402

MIN_SCORE = 0.25  # ultralytics' own
MAX_IOU = 0.7  # of two boxes that count as two particles


@dataclass(frozen=True)
class Detections:
    """N particles of an image: ``boxes`` (N, 4) x0, y0, x1, y1 in px, ``scores`` (N,), ``masks`` (N, h, w).

    Masks are logits on a grid of 4 px, and mean nothing outside of the box.
    """

    boxes: Tensor
    scores: Tensor
    masks: Tensor


class YoloSeg(SegmentationModel):
    """A YOLO segmentation network of ultralytics; whatever class it predicts, it is a particle here."""

    model: Any

    def __init__(self, config: str, n_classes: int = 1) -> None:
        super().__init__(config, ch=3, nc=n_classes, verbose=False)
        self.config = config
        self.args = DEFAULT_CFG  # the loss reads the weights of its parts there

    def load_state_dict(self, state_dict: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """Load tensors, and become a network of as many classes as the one that they are of."""
        bias = state_dict.get(f"model.{len(self.model) - 1}.cv3.0.2.bias")
        if bias is not None and len(bias) != self.model[-1].nc:
            self.model = YoloSeg(self.config, len(bias)).model
        return super().load_state_dict(state_dict, *args, **kwargs)

    def read(self, output: Any) -> list[Detections]:
        """Return what the network's output, in training or not, predicts for each image."""
        if self.training:
            predicted, prototypes = self.model[-1]._inference(output), output["proto"]
        else:
            (predicted, prototypes), _ = output
        return [
            self._select(one, masks) for one, masks in zip(predicted.float(), prototypes.float(), strict=True)
        ]

    def _select(self, predicted: Tensor, prototypes: Tensor) -> Detections:
        """Select boxes from what all anchors A predict, (4 + classes + 32)xA, and mix their masks, 32xhxw."""
        xywh, scores, mixture = predicted.split([4, self.model[-1].nc, len(prototypes)])
        best = scores.amax(dim=0)
        seen = best > MIN_SCORE
        middle, size = xywh[:2, seen], xywh[2:, seen]
        boxes = torch.cat([middle - size / 2, middle + size / 2]).T
        kept = nms(boxes, best[seen], MAX_IOU)
        masks = torch.einsum("cn,chw->nhw", mixture[:, seen][:, kept], prototypes)
        return Detections(boxes[kept], best[seen][kept], masks)


yolov8n_seg = partial(YoloSeg, "yolov8n-seg.yaml")

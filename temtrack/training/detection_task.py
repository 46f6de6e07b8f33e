"""What a detector is trained for: boxes and masks of single particles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temtrack.datasets.labelled import LabelledImage
from temtrack.imaging.labels import bounding_boxes
from temtrack.nets.device import bf16_where_native
from temtrack.segmentation.detections import CELL_PX
from temtrack.training.losses import count_overlap
from temtrack.training.segmentation_task import images_of
from temtrack.training.task import SampleTask, TensorBatch

if TYPE_CHECKING:
    from temtrack.nets.yolo import Detections, YoloSeg


@dataclass(frozen=True)
class ParticleBatch(TensorBatch):
    """B images with N particles in all, as ultralytics' loss takes them.

    ``images`` Bx3xSxS; ``image_of`` (N,) the image of each particle; ``boxes`` (N, 4), x and y of the middle,
    width and height in fractions of S; ``masks`` BxS/4xS/4 the number of the image's particle, 0 for none.
    """

    images: Tensor
    image_of: Tensor
    boxes: Tensor
    masks: Tensor


class DetectionTask(SampleTask["YoloSeg", ParticleBatch]):
    """To learn particles one by one; of masks that do not tell them apart, each connected part is one."""

    def collate(self, samples: Sequence[LabelledImage], rng: np.random.Generator) -> ParticleBatch:
        """Return a batch of boxes and masks."""
        return collate_particles(samples, rng)

    def loss(self, net: YoloSeg, batch: ParticleBatch) -> tuple[Tensor, Tensor]:
        """Return ultralytics' loss a sample, and the foreground's overlap, found and true counts of cells."""
        from ultralytics.utils.loss import v8SegmentationLoss

        if net.training:
            with bf16_where_native(batch.images.device):
                output = net(batch.images)
            output = {name: _as_float(value) for name, value in output.items()}
        else:
            output = net(batch.images)  # whose boxes would be too coarse in bfloat16
        truth = {
            "batch_idx": batch.image_of,
            "cls": torch.zeros_like(batch.image_of),
            "bboxes": batch.boxes,
            "masks": batch.masks,
        }
        parts, _ = v8SegmentationLoss(net)(output, truth)  # each times the number of samples
        with torch.no_grad():
            found = [_foreground(one) for one in net.read(output)]
            counts = count_overlap(torch.stack(found), batch.masks > 0)
        return parts.sum() / len(batch.images), counts


def collate_particles(samples: Sequence[LabelledImage], rng: np.random.Generator) -> ParticleBatch:
    """Build a batch. A cell's middle lies between two pixels; by chance one of them stands for it."""
    y, x = rng.integers(CELL_PX // 2 - 1, CELL_PX // 2 + 1, 2)
    boxes = [_boxes(sample.labels) for sample in samples]
    return ParticleBatch(
        images_of(samples),
        torch.from_numpy(np.repeat(np.arange(len(boxes)), [len(some) for some in boxes])),
        torch.from_numpy(np.concatenate(boxes)),
        torch.from_numpy(np.stack([sample.labels[y::CELL_PX, x::CELL_PX] for sample in samples])),
    )


def _boxes(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the boxes (N, 4) of labels 1 to N: x and y of the middle, width and height, in fractions."""
    edges = [
        ((xs.start + xs.stop) / 2, (ys.start + ys.stop) / 2, xs.stop - xs.start, ys.stop - ys.start)
        for ys, xs in bounding_boxes(labels).values()
    ]
    boxes: NDArray[np.float32] = np.array(edges, np.float32).reshape(-1, 4) / np.float32(labels.shape[0])
    return boxes


def _as_float(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    return [one.float() for one in value] if isinstance(value, list) else value.float()


def _foreground(found: Detections) -> Tensor:
    """Return the mask, h x w, of all particles together, each within its box."""
    height, width = found.masks.shape[-2:]
    y = torch.arange(height, device=found.masks.device)[:, None] * CELL_PX + CELL_PX / 2
    x = torch.arange(width, device=found.masks.device) * CELL_PX + CELL_PX / 2
    x0, y0, x1, y1 = found.boxes.T[..., None, None]
    inside = (y > y0) & (y < y1) & (x > x0) & (x < x1)
    seen: Tensor = ((found.masks > 0) & inside).any(dim=0)
    return seen

"""What a segmenter is trained for: maps of particles, of everything and of single ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from temtrack.nets.device import bf16_where_native
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.training.data.batches import Batch, collate
from temtrack.training.data.samples import Sample
from temtrack.training.losses import foreground_counts, iou_loss, map_loss
from temtrack.training.task import SampleTask


class SegmentationTask(SampleTask[nn.Module, Batch]):
    """To learn target maps from single images."""

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Batch:
        """Return a batch with queries for as many particles as the settings say."""
        return collate(samples, self.config.n_prompts, rng)

    def loss(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss and the foreground's overlap, found and true pixel counts."""
        if isinstance(net, EfficientSam):
            return promptable_loss(net, batch, self.config.prompt_weight)
        return dense_loss(net, batch)


def dense_loss(net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the loss of a network that knows but one question, and the pixel counts of its foreground."""
    with bf16_where_native(batch.images.device):
        logits = net(batch.images)[:, None]  # Bx1x3xSxS: the query for everything
    logits, targets, weights = logits.float(), batch.targets[:, :1], batch.weights[:, :1]
    return map_loss(logits, targets, weights), foreground_counts(logits.detach(), targets, weights)


def promptable_loss(net: EfficientSam, batch: Batch, prompt_weight: float) -> tuple[Tensor, Tensor]:
    """Return the loss and the foreground's overlap, found and true pixel counts.

    Maps are compared at half the input's side: finer than the network's own grid, and cheap.
    """
    with bf16_where_native(batch.images.device):
        logits, iou = net.decode(net.embed(batch.images), batch.xy, batch.point_labels)
    queries = logits.flatten(0, 1).float()
    fine = F.interpolate(queries, scale_factor=2, mode="bilinear", align_corners=False)
    fine = fine.view(*logits.shape[:3], *fine.shape[-2:])
    targets = F.avg_pool2d(batch.targets.flatten(0, 1), 2).view_as(fine)
    loss = map_loss(fine[:, :1], targets[:, :1], batch.weights[:, :1])
    if targets.shape[1] > 1:
        loss = loss + prompt_weight * map_loss(fine[:, 1:], targets[:, 1:], batch.weights[:, 1:])
    loss = loss + iou_loss(iou, fine, targets, batch.weights)
    return loss, foreground_counts(fine.detach(), targets, batch.weights)

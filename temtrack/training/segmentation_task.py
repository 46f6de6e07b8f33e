"""What a segmenter is trained for: maps of particles, of everything and of single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from temtrack.datasets.labelled import LabelledImage
from temtrack.nets.device import bf16_where_native
from temtrack.nets.efficient_sam import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, INVALID, POINT, EfficientSam
from temtrack.segmentation.dense_maps import FOREGROUND, encode
from temtrack.training.losses import foreground_counts, iou_loss, map_loss
from temtrack.training.task import SampleTask, TensorBatch

BOX_JITTER = 0.08  # of the box's side


@dataclass(frozen=True)
class QueryBatch(TensorBatch):
    """B samples with Q queries each; query 0 asks for everything, the others for one particle.

    ``images`` Bx3xSxS, ``xy`` BxQx2x2, ``point_labels`` BxQx2, ``targets`` BxQx3xSxS and ``weights`` BxQx3,
    which are 0 where a sample cannot teach a map.
    """

    images: Tensor
    xy: Tensor
    point_labels: Tensor
    targets: Tensor
    weights: Tensor


class SegmentationTask(SampleTask[nn.Module, QueryBatch]):
    """To learn target maps from single images."""

    def collate(self, samples: Sequence[LabelledImage], rng: np.random.Generator) -> QueryBatch:
        """Return a batch with queries for as many particles as the settings say."""
        return collate_queries(samples, self.config.n_prompts, rng)

    def loss(self, net: nn.Module, batch: QueryBatch) -> tuple[Tensor, Tensor]:
        """Return the loss and the foreground's overlap, found and true pixel counts."""
        if isinstance(net, EfficientSam):
            return promptable_loss(net, batch, self.config.prompt_weight)
        return dense_loss(net, batch)


def dense_loss(net: nn.Module, batch: QueryBatch) -> tuple[Tensor, Tensor]:
    """Return the loss of a network that knows but one question, and the pixel counts of its foreground."""
    with bf16_where_native(batch.images.device):
        logits = net(batch.images)[:, None]  # Bx1x3xSxS: the query for everything
    logits, targets, weights = logits.float(), batch.targets[:, :1], batch.weights[:, :1]
    return map_loss(logits, targets, weights), foreground_counts(logits.detach(), targets, weights)


def promptable_loss(net: EfficientSam, batch: QueryBatch, prompt_weight: float) -> tuple[Tensor, Tensor]:
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


def collate_queries(samples: Sequence[LabelledImage], n_prompts: int, rng: np.random.Generator) -> QueryBatch:
    """Build a batch: everything, and ``n_prompts`` random particles of each sample by point or box."""
    queries = [_queries(sample, n_prompts, rng) for sample in samples]
    xy, point_labels, targets, weights = (np.stack(parts) for parts in zip(*queries, strict=True))
    return QueryBatch(
        images_of(samples),
        torch.from_numpy(xy),
        torch.from_numpy(point_labels),
        torch.from_numpy(targets),
        torch.from_numpy(weights),
    )


def images_of(samples: Sequence[LabelledImage]) -> Tensor:
    """Return the images of samples as Bx3xSxS: a frame with its neighbours, or one image three times."""
    channels = [np.broadcast_to(sample.image, (3, *sample.labels.shape)) for sample in samples]
    return torch.from_numpy(np.stack(channels))


def _queries(sample: LabelledImage, n_prompts: int, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
    n = 1 + n_prompts
    xy = np.zeros((n, 2, 2), np.float32)
    point_labels = np.full((n, 2), INVALID)
    targets = np.repeat(encode(sample.labels)[None], n, axis=0)
    weights = np.zeros((n, 3), np.float32)
    weights[0] = 1
    ids = np.unique(sample.labels[sample.labels > 0])
    if sample.semantic:
        weights[0] = np.eye(3)[FOREGROUND]
    elif len(ids):
        weights[1:] = 1
        for q in range(1, n):
            particle = sample.labels == rng.choice(ids)
            targets[q] *= particle
            xy[q], point_labels[q] = _prompt(particle, rng)
    return xy, point_labels, targets, weights


def _prompt(particle: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ask for a particle by a point within it or by a jittered box around it: xy (2, 2) and labels (2,)."""
    yx = np.argwhere(particle)
    if rng.random() < 0.5:
        return np.stack([yx[rng.integers(len(yx)), ::-1], [-1, -1]]), np.array([POINT, INVALID])
    box = np.stack([yx.min(axis=0)[::-1], yx.max(axis=0)[::-1]]).astype(float)
    box += rng.normal(0, BOX_JITTER, (2, 2)) * (box[1] - box[0] + 1)
    return box, np.array([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT])

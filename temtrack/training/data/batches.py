"""Collate samples into tensors, with the queries that a promptable network is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from temtrack.nets.efficient_sam import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, INVALID, POINT
from temtrack.segmentation.dense_maps import FOREGROUND, encode
from temtrack.training.data.samples import Sample
from temtrack.training.task import TensorBatch

BOX_JITTER = 0.08  # of the box's side


@dataclass(frozen=True)
class Batch(TensorBatch):
    """B samples with Q queries each; query 0 asks for everything, the others for one particle.

    ``images`` Bx3xSxS, ``xy`` BxQx2x2, ``point_labels`` BxQx2, ``targets`` BxQx3xSxS and ``weights`` BxQx3,
    which are 0 where a sample cannot teach a map.
    """

    images: Tensor
    xy: Tensor
    point_labels: Tensor
    targets: Tensor
    weights: Tensor


def collate(samples: Sequence[Sample], n_prompts: int, rng: np.random.Generator) -> Batch:
    """Build a batch: everything, and ``n_prompts`` random particles of each sample by point or box."""
    queries = [_queries(sample, n_prompts, rng) for sample in samples]
    xy, point_labels, targets, weights = (np.stack(parts) for parts in zip(*queries, strict=True))
    images = np.stack([sample.image for sample in samples])[:, None]
    return Batch(
        torch.from_numpy(images).expand(-1, 3, -1, -1),
        torch.from_numpy(xy),
        torch.from_numpy(point_labels),
        torch.from_numpy(targets),
        torch.from_numpy(weights),
    )


def _queries(sample: Sample, n_prompts: int, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
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

"""Losses on maps of particles: cross-entropy plus Dice, outlines and rare touching boundaries weighted up."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BOUNDARY_PIXEL_WEIGHT = 4.0
OUTLINE_PIXEL_WEIGHT = 4.0
OUTLINE_REACH_PX = 2  # at the side on which maps are compared
IOU_WEIGHT = 0.05


def map_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return BCE + Dice of BxQx3xSxS logits, averaged over the maps with weight.

    Dice is pooled over the batch for each kind of query and map: single crops often lack a map's class.
    """
    bce = F.binary_cross_entropy_with_logits(logits, targets, _pixel_weights(targets), reduction="none")
    bce = bce.mean((-2, -1))
    mean_bce = (bce * weights).sum() / weights.sum().clamp(min=1)
    probs = logits.sigmoid() * weights[..., None, None]
    targets = targets * weights[..., None, None]
    overlap = (probs * targets).sum((0, 3, 4))  # Qx3
    total = (probs + targets).sum((0, 3, 4))
    taught = weights.sum(0) > 0
    dice = (1 - (2 * overlap + 1) / (total + 1)) * taught
    return mean_bce + dice.sum() / taught.sum().clamp(min=1)


def _pixel_weights(targets: Tensor) -> Tensor:
    """Weigh the pixels of BxQx3xSxS targets: those near the foreground's outline, touching boundaries."""
    weights = torch.ones_like(targets)
    near = 2 * OUTLINE_REACH_PX + 1
    foreground = targets[:, :, 0]
    highest = F.max_pool2d(foreground, near, 1, OUTLINE_REACH_PX)
    lowest = -F.max_pool2d(-foreground, near, 1, OUTLINE_REACH_PX)
    weights[:, :, 0] += (OUTLINE_PIXEL_WEIGHT - 1) * (highest - lowest)
    weights[:, :, 2] += (BOUNDARY_PIXEL_WEIGHT - 1) * targets[:, :, 2]
    return weights


def iou_loss(predicted: Tensor, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the squared error of the network's own IoU estimates, BxQx3, against the true IoUs."""
    with torch.no_grad():
        found, true = logits > 0, targets > 0.5
        union = (found | true).sum((-2, -1)).clamp(min=1)
        iou = (found & true).sum((-2, -1)) / union
    error = (predicted.float() - iou) ** 2 * weights
    return IOU_WEIGHT * error.sum() / weights.sum().clamp(min=1)


def foreground_counts(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return pixels of overlap, found and true foreground for the query for everything, shape (3,)."""
    found = (logits[:, 0, 0] > 0) & (weights[:, 0, 0, None, None] > 0)
    true = (targets[:, 0, 0] > 0.5) & (weights[:, 0, 0, None, None] > 0)
    return torch.stack([(found & true).sum(), found.sum(), true.sum()]).double()

"""Losses on maps of particles: binary cross-entropy plus Dice, rare contact lines weighted up."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONTACT_PIXEL_WEIGHT = 4.0
IOU_WEIGHT = 0.05


def map_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return BCE + Dice of BxQx3xSxS logits, averaged over the maps with weight.

    Dice is pooled over the batch for each kind of query and map: single crops often lack a map's class.
    """
    pixel_weights = torch.ones_like(targets)
    pixel_weights[:, :, 2] += (CONTACT_PIXEL_WEIGHT - 1) * targets[:, :, 2]
    bce = F.binary_cross_entropy_with_logits(logits, targets, pixel_weights, reduction="none").mean((-2, -1))
    mean_bce = (bce * weights).sum() / weights.sum().clamp(min=1)
    probs = logits.sigmoid() * weights[..., None, None]
    targets = targets * weights[..., None, None]
    overlap = (probs * targets).sum((0, 3, 4))  # Qx3
    total = (probs + targets).sum((0, 3, 4))
    taught = weights.sum(0) > 0
    dice = (1 - (2 * overlap + 1) / (total + 1)) * taught
    return mean_bce + dice.sum() / taught.sum().clamp(min=1)


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

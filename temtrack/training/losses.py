"""Losses on maps of particles, and on the colours of clips.

Maps: cross-entropy plus Dice, outlines and rare touching boundaries weighted up. Colours: cross-entropy over
the hardest pixels plus soft Jaccard, several colours allowed, after the training of AOT and DeAOT
(doi:10.48550/arXiv.2106.02638, 10.48550/arXiv.2210.09782).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BOUNDARY_PIXEL_WEIGHT = 4.0
OUTLINE_PIXEL_WEIGHT = 4.0
OUTLINE_REACH_PX = 2  # at the side on which maps are compared
IOU_WEIGHT = 0.05
IMPOSSIBLE = 1e9


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
    known = weights[:, 0, 0, None, None] > 0
    return count_overlap((logits[:, 0, 0] > 0) & known, (targets[:, 0, 0] > 0.5) & known)


def count_overlap(found: Tensor, true: Tensor) -> Tensor:
    """Return pixels of overlap, found and true foreground, shape (3,)."""
    return torch.stack([(found & true).sum(), found.sum(), true.sum()]).double()


def clip_loss(logits: Tensor, allowed: Tensor, hardest_fraction: float) -> Tensor:
    """Return half the cross-entropy plus half the Jaccard loss of NxKxHxW logits.

    ``allowed`` NxKxHxW bool holds the colours that are right in each pixel, several where particles merged;
    pixels without any are left out. The cross-entropy counts the ``hardest_fraction`` of hardest pixels.
    """
    log_probs = logits.log_softmax(dim=1)
    right = log_probs.masked_fill(~allowed, -IMPOSSIBLE)
    known = allowed.any(dim=1)
    return 0.5 * hardest_cross_entropy(right, known, hardest_fraction) + 0.5 * jaccard_loss(
        log_probs, right, known
    )


def hardest_cross_entropy(right: Tensor, known: Tensor, hardest_fraction: float) -> Tensor:
    """Return the mean of -log p(any right colour), each image's hardest pixels only.

    ``right`` NxKxHxW are log-probabilities, hugely negative for wrong colours; ``known`` NxHxW bool.
    """
    loss = torch.where(known, -right.logsumexp(dim=1), 0.0).flatten(1)
    n_hardest = max(1, round(hardest_fraction * loss.shape[1]))
    return loss.topk(n_hardest, dim=1, sorted=False).values.mean()


def jaccard_loss(log_probs: Tensor, right: Tensor, known: Tensor) -> Tensor:
    """Return 1 - soft IoU, averaged over the colours that an image should show, background included.

    Where several colours are right, the target is what the network makes of it, wrong ones left out.
    """
    target = (right.detach().softmax(dim=1) * known[:, None]).flatten(2)  # NxKxP
    probs = (log_probs.exp() * known[:, None]).flatten(2)
    overlap = torch.minimum(probs, target).sum(-1)
    union = torch.maximum(probs, target).sum(-1)
    shown = target.sum(-1) > 0.5
    return ((1 - (overlap + 1) / (union + 1)) * shown).sum() / shown.sum().clamp(min=1)


def colour_counts(logits: Tensor, allowed: Tensor) -> Tensor:
    """Return pixels of right colour, of any colour found, and of any that is true, background left out."""
    best = logits.argmax(dim=1, keepdim=True)
    known = allowed.any(dim=1)
    true = known & ~allowed[:, 0]
    found = known & (best[:, 0] > 0)
    right = found & allowed.gather(1, best)[:, 0]
    return torch.stack([right.sum(), found.sum(), true.sum()]).double()

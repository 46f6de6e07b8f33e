"""Losses on colours: cross-entropy over the hardest pixels plus soft Jaccard, several colours allowed.

After the training of AOT and DeAOT (doi:10.48550/arXiv.2106.02638, 10.48550/arXiv.2210.09782).
"""

from __future__ import annotations

import torch
from torch import Tensor

IMPOSSIBLE = 1e9


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

"""What networks share: the MLP, and patches of an image, cut, merged, expanded, and mirrored out to fit.

The parameters' names are the published ones. Letters in shapes: B images, C channels,
(H, W) the image, (h, w) its tokens; tokens are channels-last, BxhxwxC.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 4


class Mlp(nn.Module):
    """Two linear layers with GELU between, the hidden one four times as wide."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class PatchEmbed(nn.Module):
    """One token for each patch of 4 x 4 px: Bx3xHxW -> BxH/4xW/4xC."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, PATCH)
        self.norm = nn.LayerNorm(dim)

    def forward(self, images: Tensor) -> Tensor:
        return self.norm(self.proj(images).permute(0, 2, 3, 1))


class PatchMerging(nn.Module):
    """Merge 2 x 2 tokens into one of twice the width: BxhxwxC -> Bxh/2xw/2x2C."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        corners = [x[:, dy::2, dx::2] for dx in (0, 1) for dy in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class PatchExpand(nn.Module):
    """Spread each token over ``factor`` x ``factor`` ones of width ``out_dim``: BxhxwxC -> BxfhxfwxC'."""

    def __init__(self, dim: int, factor: int, out_dim: int) -> None:
        super().__init__()
        self.factor = factor
        self.expand = nn.Linear(dim, factor**2 * out_dim, bias=False)
        self.norm = nn.LayerNorm(out_dim)

    def forward(self, x: Tensor) -> Tensor:
        f = self.factor
        x = self.expand(x).unflatten(-1, (f, f, -1))  # BxhxwxfxfxC'
        return self.norm(x.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2))


def mirror_out(images: Tensor, multiple: int) -> Tensor:
    """Mirror BxCxHxW images out at their far sides until both are a ``multiple``, however small they are."""
    for dim in (-2, -1):
        n = images.shape[dim]
        if n % multiple:
            there = torch.arange(n + -n % multiple, device=images.device) % max(1, 2 * n - 2)
            images = images.index_select(dim, torch.minimum(there, (2 * n - 2 - there).abs()))
    return images


def init_linear(module: nn.Module) -> None:
    """Initialise a linear layer as transformers are trained from nothing; leave any other as it is."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)

"""What networks share: the transformer's block, and patches of an image, cut, merged, expanded, mirrored out.

The parameters' names are the published ones. Letters in shapes: B images, C channels, N tokens, (H, W) the
image, (h, w) its tokens; tokens of a picture are channels-last, BxhxwxC.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

PATCH = 4
QUERIES_AT_ONCE = 512
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of grey values in [0, 1]


def chain(**modules: nn.Module | None) -> nn.Sequential:
    """Chain modules under their published names; what is ``None`` is left out."""
    return nn.Sequential(OrderedDict((name, one) for name, one in modules.items() if one is not None))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention, as fast as the device can."""
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and not has_bf16_tiles():
        # The fused kernel takes as long as in float32 there; two products of a few queries at a time take
        # half of that, and their scores stay in the cache.
        k, v = k.contiguous(), v.contiguous()
        return torch.cat([attend_explicitly(some, k, v) for some in q.split(QUERIES_AT_ONCE, -2)], -2)
    return F.scaled_dot_product_attention(q, k, v)


@cache
def has_bf16_tiles() -> bool:
    """Tell whether the processor multiplies tiles of bfloat16 (AMX), which torch's fused attention uses."""
    return bool(torch.cpu._is_amx_tile_supported())


def attend_explicitly(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention as its formula reads, with all scores at once."""
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    return scores.softmax(dim=-1).to(v.dtype) @ v


class SelfAttention(nn.Module):
    """Multi-head attention of BxNxC tokens among themselves."""

    def __init__(self, dim: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x)

    def attend(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Attend; ``bias``, BxHeadsxNxN, is added to the scores."""
        qkv = self.qkv(x).unflatten(-1, (3, self.n_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each BxHeadsxNxD
        attended = (
            attend(q, k, v) if bias is None else F.scaled_dot_product_attention(q, k, v, bias.to(q.dtype))
        )
        return self.proj(attended.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Pre-norm transformer block: an attention, and an MLP whose hidden layer is four times as wide."""

    def __init__(self, dim: int, attention: nn.Module, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps)
        self.attn = attention
        self.norm2 = nn.LayerNorm(dim, eps)
        self.mlp = chain(fc1=nn.Linear(dim, 4 * dim), act=nn.GELU(), fc2=nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


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


def to_picture(tile: Tensor) -> NDArray[np.uint8]:
    """Return a tile, 1x3xHxW in [0, 1], as a picture (H, W, 3)."""
    picture = (255 * tile[0].clamp(0, 1).movedim(0, -1)).round().byte().cpu().numpy()
    return np.ascontiguousarray(picture)


def imagenet_normalize(images: Tensor) -> Tensor:
    """Return images in [0, 1], Bx3xHxW or grey Bx1xHxW, less ImageNet's mean over its deviation, Bx3xHxW."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std

"""Swin-UNet: a U-net whose every level is attention within shifted windows.

Cao et al. 2021, 'Swin-Unet: Unet-like Pure Transformer for Medical Image Segmentation',
doi:10.48550/arXiv.2105.05537; Liu et al. 2021, 'Swin Transformer', doi:10.48550/arXiv.2103.14030. Parameter
names are the published ones. Letters in shapes: B images, W windows an image, T = 49 tokens a window,
C channels, (h, w) tokens of an image; tokens are channels-last, BxhxwxC.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

from temtrack.nets.layers import (
    PATCH,
    Block,
    PatchEmbed,
    PatchExpand,
    PatchMerging,
    SelfAttention,
    chain,
    init_linear,
    mirror_out,
)

WINDOW = 7
SHIFT = WINDOW // 2
MULTIPLE = PATCH * 2**3 * WINDOW  # whole windows even on the deepest level
FAR = -100.0  # added to scores between tokens that only the roll brought together


class WindowAttention(SelfAttention):
    """Attention within windows of 7 x 7 tokens, shifted by half a window or not, biased by their places."""

    relative_position_index: Tensor

    def __init__(self, dim: int, n_heads: int, shifted: bool) -> None:
        super().__init__(dim, n_heads)
        self.shifted = shifted
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, n_heads))
        self.register_buffer("relative_position_index", relative_positions())

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows of BxhxwxC tokens."""
        h, w = x.shape[1:3]
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)[None]
        if not self.shifted or min(h, w) <= WINDOW:
            return join(self.attend(split(x), bias), h, w)
        bias = (bias + shift_mask(h, w).to(x)[:, None]).repeat(len(x), 1, 1, 1)
        x = torch.roll(x, (-SHIFT, -SHIFT), (1, 2))
        return torch.roll(join(self.attend(split(x), bias), h, w), (SHIFT, SHIFT), (1, 2))


def build_level(dim: int, depth: int, n_heads: int, **step: nn.Module | None) -> nn.Sequential:
    """Build the blocks of one resolution, and the ``downsample`` or ``upsample`` that leads on."""
    blocks = (Block(dim, WindowAttention(dim, n_heads, shifted=i % 2 == 1)) for i in range(depth))
    return chain(blocks=nn.Sequential(*blocks), **step)


class SwinUNet(nn.Module):
    """Swin-UNet for images of any size: Bx3xHxW in [0, 1] -> BxKxHxW logits, K classes.

    ``depths`` and ``heads`` run from the finest level to the deepest, encoder and decoder alike. Images are
    mirrored out to a multiple of 224 px, so 224, 448 or 672 px wide tiles cost least.
    """

    def __init__(self, dim: int, depths: Sequence[int], heads: Sequence[int], num_classes: int = 3) -> None:
        super().__init__()
        dims = [dim * 2**i for i in range(len(depths))]
        last = len(dims) - 1
        levels = list(zip(dims, depths, heads, strict=True))
        self.patch_embed = PatchEmbed(dim)
        self.layers = nn.ModuleList(
            build_level(d, n, h, downsample=PatchMerging(d) if i < last else None)
            for i, (d, n, h) in enumerate(levels)
        )
        self.norm = nn.LayerNorm(dims[-1])
        self.layers_up = nn.ModuleList([PatchExpand(dims[-1], 2, dims[-2])])
        self.concat_back_dim = nn.ModuleList([nn.Identity()])  # level 0 has no skip: it only expands
        for d, n, h in levels[-2::-1]:
            self.concat_back_dim.append(nn.Linear(2 * d, d))
            self.layers_up.append(
                build_level(d, n, h, upsample=PatchExpand(d, 2, d // 2) if d > dim else None)
            )
        self.norm_up = nn.LayerNorm(dim)
        self.up = PatchExpand(dim, PATCH, dim)
        self.output = nn.Conv2d(dim, num_classes, 1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        h, w = images.shape[-2:]
        x = self.patch_embed(mirror_out(images, MULTIPLE))
        skips = []
        for level in self.layers:
            skips.append(x)
            x = level(x)
        x = self.layers_up[0](self.norm(x))
        for level, narrow, skip in zip(
            self.layers_up[1:], self.concat_back_dim[1:], skips[-2::-1], strict=True
        ):
            x = level(narrow(torch.cat([x, skip], dim=-1)))
        x = self.up(self.norm_up(x)).permute(0, 3, 1, 2)
        return self.output(x)[..., :h, :w]


def split(x: Tensor) -> Tensor:
    """Split BxhxwxC tokens into windows (B W)xTxC."""
    b, h, w, c = x.shape
    x = x.view(b, h // WINDOW, WINDOW, w // WINDOW, WINDOW, c)
    return x.transpose(2, 3).reshape(-1, WINDOW**2, c)


def join(windows: Tensor, h: int, w: int) -> Tensor:
    """Join windows (B W)xTxC to BxhxwxC tokens: the inverse of `split`."""
    x = windows.view(-1, h // WINDOW, w // WINDOW, WINDOW, WINDOW, windows.shape[-1])
    return x.transpose(2, 3).reshape(-1, h, w, windows.shape[-1])


def relative_positions() -> Tensor:
    """Return TxT indices into the bias table: one for each offset (y, x) between two tokens of a window."""
    yx = torch.cartesian_prod(torch.arange(WINDOW), torch.arange(WINDOW))
    offsets = yx[:, None] - yx[None] + WINDOW - 1
    return offsets[..., 0] * (2 * WINDOW - 1) + offsets[..., 1]


@lru_cache(maxsize=32)
def shift_mask(h: int, w: int) -> Tensor:
    """Return WxTxT: 0 between tokens that were neighbours before the roll, else -100.

    It belongs to the input's size, not to the network, so the network's state does not hold it.
    """
    y, x = (
        torch.bucketize(torch.arange(n), torch.tensor([n - WINDOW, n - SHIFT]), right=True) for n in (h, w)
    )
    region = split((3 * y[:, None] + x)[None, :, :, None]).squeeze(-1)  # WxT
    return FAR * (region[:, :, None] != region[:, None]).float()


def swin_unet(num_classes: int = 3) -> SwinUNet:
    """Build the Swin-UNet of 3.05 M parameters, near the paper's printed count, for training from nothing."""
    return _initialised(SwinUNet(32, (2, 2, 2, 2), (2, 4, 8, 16), num_classes))


def swin_unet_base(num_classes: int = 3) -> SwinUNet:
    """Build the published Swin-UNet, 27,168,324 parameters at 3 classes, for training from nothing."""
    return _initialised(SwinUNet(96, (2, 2, 2, 2), (3, 6, 12, 24), num_classes))


def _initialised(net: SwinUNet) -> SwinUNet:
    for module in net.modules():
        init_linear(module)
        if isinstance(module, WindowAttention):
            nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02)
    return net

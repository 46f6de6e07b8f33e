"""VM-UNet: a U-net whose every level scans the image in four directions with a selective state space.

Ruan and Xiang 2024, 'VM-UNet: Vision Mamba UNet for Medical Image Segmentation',
doi:10.48550/arXiv.2402.02491; Liu et al. 2024, 'VMamba', doi:10.48550/arXiv.2401.10166. Parameter names are
the published ones. Letters in shapes: B images, C channels, D = 2C channels of a scan, N states, R ranks,
(h, w) tokens of an image, L = hw; tokens are channels-last, BxhxwxC.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from temtrack.nets.layers import PATCH, PatchEmbed, PatchExpand, PatchMerging, chain, init_linear, mirror_out
from temtrack.nets.selective_scan import selective_scan

N_STATES = 16
N_DIRECTIONS = 4
STEP_RANGE = (1e-3, 0.1)  # of the initial step sizes


class Scan2d(nn.Module):
    """Selective scan of an image along its rows and columns, forwards and backwards."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        inner, k = 2 * dim, N_DIRECTIONS
        self.rank = math.ceil(dim / 16)
        self.in_proj = nn.Linear(dim, 2 * inner, bias=False)
        self.conv2d = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.x_proj_weight = nn.Parameter(torch.empty(k, self.rank + 2 * N_STATES, inner))
        self.dt_projs_weight = nn.Parameter(torch.empty(k, inner, self.rank))
        self.dt_projs_bias = nn.Parameter(torch.empty(k, inner))
        self.A_logs = nn.Parameter(torch.empty(k * inner, N_STATES))
        self.Ds = nn.Parameter(torch.empty(k * inner))
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, dim, bias=False)
        self.reset_scan()

    @torch.no_grad()
    def reset_scan(self) -> None:
        """Initialise what belongs to the scan: decays 1 to N, steps log-uniform in 0.001 to 0.1."""
        k, inner, rank = self.dt_projs_weight.shape
        nn.init.uniform_(self.x_proj_weight, -(inner**-0.5), inner**-0.5)
        nn.init.uniform_(self.dt_projs_weight, -(rank**-0.5), rank**-0.5)
        low, high = map(math.log, STEP_RANGE)
        step = torch.exp(low + (high - low) * torch.rand(k, inner))
        self.dt_projs_bias.copy_(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus
        self.A_logs.copy_(torch.log(torch.arange(1.0, N_STATES + 1)).expand_as(self.A_logs))
        nn.init.ones_(self.Ds)

    def forward(self, x: Tensor) -> Tensor:
        x, z = self.in_proj(x).chunk(2, dim=-1)  # each BxhxwxD
        x = F.silu(self.conv2d(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        y = gather(self.scan(spread(x)), *x.shape[1:3])
        return self.out_proj(self.out_norm(y) * F.silu(z))

    def scan(self, sequences: Tensor) -> Tensor:
        """Scan LxBx4xD sequences, each direction with its own weights."""
        k, inner, _ = self.dt_projs_weight.shape
        projected = torch.einsum("lbkd,kmd->lbkm", sequences, self.x_proj_weight)
        low_rank, b, c = projected.split([self.rank, N_STATES, N_STATES], dim=-1)
        delta = torch.einsum("lbkr,kdr->lbkd", low_rank, self.dt_projs_weight)
        delta = F.softplus(delta.float() + self.dt_projs_bias.float())
        a = -torch.exp(self.A_logs.float()).view(k, inner, N_STATES).transpose(1, 2)
        return selective_scan(sequences, delta, a, b, c, self.Ds.view(k, inner))


class VssBlock(nn.Module):
    """Pre-norm residual block around a scan; it has no MLP."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(dim)
        self.self_attention = Scan2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.self_attention(self.ln_1(x))


def build_level(
    dim: int, depth: int, upsample: PatchExpand | None = None, downsample: PatchMerging | None = None
) -> nn.Sequential:
    """Build the blocks of one resolution, between what leads here and what leads on, where that is a step."""
    blocks = nn.Sequential(*(VssBlock(dim) for _ in range(depth)))
    return chain(upsample=upsample, blocks=blocks, downsample=downsample)


class VmUNet(nn.Module):
    """VM-UNet for images of any size: Bx3xHxW in [0, 1] -> BxKxHxW logits, K classes.

    ``depths`` runs from the finest level to the deepest, ``depths_up`` the way back. Images are mirrored out
    to a multiple of 32 px.
    """

    def __init__(
        self, dim: int, depths: Sequence[int], depths_up: Sequence[int], num_classes: int = 3
    ) -> None:
        super().__init__()
        dims = [dim * 2**i for i in range(len(depths))]
        self.multiple = PATCH * 2 ** (len(dims) - 1)
        self.patch_embed = PatchEmbed(dim)
        self.layers = nn.ModuleList(
            build_level(d, n, downsample=PatchMerging(d) if d < dims[-1] else None)
            for d, n in zip(dims, depths, strict=True)
        )
        self.layers_up = nn.ModuleList(
            build_level(d, n, upsample=PatchExpand(2 * d, 2, d) if d < dims[-1] else None)
            for d, n in zip(reversed(dims), depths_up, strict=True)
        )
        self.final_up = PatchExpand(dim, PATCH, dim // 4)
        self.final_conv = nn.Conv2d(dim // 4, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        h, w = images.shape[-2:]
        x = self.patch_embed(mirror_out(images, self.multiple))
        skips = []
        for level in self.layers:
            skips.append(x)
            x = level(x)
        x = self.layers_up[0](x)
        for level, skip in zip(
            self.layers_up[1:], skips[:0:-1], strict=True
        ):  # the finest skip is never used
            x = level(x + skip)
        return self.final_conv(self.final_up(x).permute(0, 3, 1, 2))[..., :h, :w]


def spread(x: Tensor) -> Tensor:
    """Lay BxhxwxD tokens out as LxBx4xD sequences: by rows, by columns, and both reversed."""
    rows, columns = (tokens.flatten(1, 2).transpose(0, 1) for tokens in (x, x.transpose(1, 2)))
    return torch.stack([rows, columns, rows.flip(0), columns.flip(0)], dim=2)


def gather(y: Tensor, h: int, w: int) -> Tensor:
    """Sum LxBx4xD sequences where they belong, BxhxwxD."""
    both = y[:, :, :2] + y[:, :, 2:].flip(0)
    rows, columns = both.transpose(0, 1).unbind(2)  # each BxLxD
    return rows.unflatten(1, (h, w)) + columns.unflatten(1, (w, h)).transpose(1, 2)


def vm_unet(num_classes: int = 3) -> VmUNet:
    """Build the VM-UNet of 3.59 M parameters, near the paper's printed count, for training from nothing."""
    return VmUNet(32, (2, 2, 2, 2), (2, 2, 2, 1), num_classes).apply(init_linear)


def vm_unet_base(num_classes: int = 3) -> VmUNet:
    """Build the published VM-UNet, 27,427,611 parameters at 3 classes, for training from nothing."""
    return VmUNet(96, (2, 2, 2, 2), (2, 2, 2, 1), num_classes).apply(init_linear)

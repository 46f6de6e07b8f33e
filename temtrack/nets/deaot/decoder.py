"""Decoder of DeAOT: a feature pyramid from tokens at stride 16 to logits of the ids at stride 4."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

N_GROUPS = 8


class ConvGN(nn.Module):
    """Convolution that keeps the size, and group norm."""

    def __init__(self, n_in: int, n_out: int, side: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, side, padding=side // 2)
        self.gn = nn.GroupNorm(N_GROUPS, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.gn(self.conv(x)))


class Decoder(nn.Module):
    """Logits Bx``n_out``xhxw at stride 4, from Bx``n_in``xhxw at stride 16 and the encoder's three levels."""

    def __init__(self, n_in: int, n_out: int, level_dims: tuple[int, int, int], hidden: int = 256) -> None:
        super().__init__()
        fine, middle, coarse = level_dims
        half = hidden // 2
        self.conv_in = ConvGN(n_in, hidden, 1)
        self.conv_16x = ConvGN(hidden, hidden, 3)
        self.conv_8x = ConvGN(hidden, half, 3)
        self.conv_4x = ConvGN(half, half, 3)
        self.adapter_16x = nn.Conv2d(coarse, hidden, 1)
        self.adapter_8x = nn.Conv2d(middle, hidden, 1)
        self.adapter_4x = nn.Conv2d(fine, half, 1)
        self.conv_out = nn.Conv2d(half, n_out, 1)

    def forward(self, x: Tensor, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        x = self.conv_16x(self.conv_in(x) + self.adapter_16x(coarse))
        x = self.conv_8x(upsample(x, middle) + self.adapter_8x(middle))
        x = self.conv_4x(upsample(x, fine) + self.adapter_4x(fine))
        return self.conv_out(x)


def upsample(x: Tensor, like: Tensor) -> Tensor:
    """Enlarge BxCxhxw bilinearly to another's size; corner pixels stay corners."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=True)

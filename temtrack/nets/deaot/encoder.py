"""Image encoders of DeAOT: MobileNetV2 (doi:10.1109/CVPR.2018.00474), ResNet-50 (doi:10.1109/CVPR.2016.90).

Both stop at stride 16 and return four levels BxCxhxw: strides 4, 8 and 16 for the decoder's shortcuts,
and the deepest (stride 16 too), from which the tokens are projected. Parameters have their usual names.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Levels = tuple[Tensor, Tensor, Tensor, Tensor]

EPS = 1e-5  # of batch norm


class BatchNorm(nn.Module):
    """Batch norm that learns from the batch in training.

    Unlike torch's it keeps no count of batches, which a checkpoint of frozen norms lacks.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("running_mean", torch.zeros(n_channels))
        self.register_buffer("running_var", torch.ones(n_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, eps=EPS
        )


def normed_conv(x: Tensor, conv: nn.Conv2d, norm: BatchNorm) -> Tensor:
    """Convolve and normalise; a fixed norm goes into the convolution's weights, which saves a pass."""
    if norm.training:
        return norm(conv(x))
    scale = norm.weight * torch.rsqrt(norm.running_var + EPS)
    shift = norm.bias - norm.running_mean * scale
    weight = conv.weight * scale[:, None, None, None]
    return F.conv2d(x, weight, shift, conv.stride, conv.padding, conv.dilation, conv.groups)


class NormedSequential(nn.Sequential):
    """Modules in turn, each convolution together with the batch norm that follows it."""

    def forward(self, x: Tensor) -> Tensor:
        modules = iter(self)
        for module in modules:
            x = (
                normed_conv(x, module, cast(BatchNorm, next(modules)))
                if isinstance(module, nn.Conv2d)
                else module(x)
            )
        return x


def conv_and_norm(
    n_in: int, n_out: int, side: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> tuple[nn.Conv2d, BatchNorm]:
    """Build a convolution that keeps the size (but for its stride), and its batch norm."""
    padding = dilation * (side - 1) // 2
    conv = nn.Conv2d(n_in, n_out, side, stride, padding, dilation, groups, bias=False)
    return conv, BatchNorm(n_out)


def rectified_conv(n_in: int, n_out: int, side: int, *sizes: int) -> NormedSequential:
    """Build `conv_and_norm` with ReLU6 behind."""
    return NormedSequential(*conv_and_norm(n_in, n_out, side, *sizes), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Widen (1x1), filter each channel (3x3), narrow (1x1); with a skip where the shape is kept."""

    def __init__(self, n_in: int, n_out: int, stride: int, dilation: int, expansion: int) -> None:
        super().__init__()
        hidden = n_in * expansion
        widen = [] if expansion == 1 else [rectified_conv(n_in, hidden, 1)]
        filtered = rectified_conv(hidden, hidden, 3, stride, dilation, hidden)
        self.conv = NormedSequential(*widen, filtered, *conv_and_norm(hidden, n_out, 1))
        self.skip = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skip else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 whose last stride is replaced by dilation, so that it ends at stride 16."""

    dims = (24, 32, 96, 1280)

    # expansion, channels, blocks, stride and dilation of a stage; its first block has the dilation before it
    STAGES = (
        (1, 16, 1, 1, 1),
        (6, 24, 2, 2, 1),
        (6, 32, 3, 2, 1),
        (6, 64, 4, 2, 1),
        (6, 96, 3, 1, 1),
        (6, 160, 3, 1, 2),
        (6, 320, 1, 1, 2),
    )
    ENDS = (4, 7, 14, 19)  # of the blocks that make up each level

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [rectified_conv(3, 32, 3, 2)]
        n_in, dilation = 32, 1
        for expansion, n_out, n_blocks, stride, next_dilation in self.STAGES:
            blocks.append(InvertedResidual(n_in, n_out, stride, dilation, expansion))
            rest = (InvertedResidual(n_out, n_out, 1, next_dilation, expansion) for _ in range(n_blocks - 1))
            blocks.extend(rest)
            n_in, dilation = n_out, next_dilation
        blocks.append(rectified_conv(n_in, self.dims[-1], 1))
        self.features = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Levels:
        levels = []
        for start, end in pairwise((0, *self.ENDS)):
            x = self.features[start:end](x)
            levels.append(x)
        return levels[0], levels[1], levels[2], levels[3]


class Bottleneck(nn.Module):
    """ResNet block: narrow (1x1), filter (3x3, with the stride), widen fourfold (1x1), add."""

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        n_out = 4 * width
        self.conv1, self.bn1 = conv_and_norm(n_in, width, 1)
        self.conv2, self.bn2 = conv_and_norm(width, width, 3, stride)
        self.conv3, self.bn3 = conv_and_norm(width, n_out, 1)
        keeps_shape = stride == 1 and n_in == n_out
        self.downsample = None if keeps_shape else NormedSequential(*conv_and_norm(n_in, n_out, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(normed_conv(x, self.conv1, self.bn1))
        y = F.relu(normed_conv(y, self.conv2, self.bn2))
        y = normed_conv(y, self.conv3, self.bn3)
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """ResNet-50 without its last stage, which ends at stride 16."""

    dims = (256, 512, 1024, 1024)

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), BatchNorm(64)
        self.layer1 = self._stage(64, 64, n_blocks=3, stride=1)
        self.layer2 = self._stage(256, 128, n_blocks=4, stride=2)
        self.layer3 = self._stage(512, 256, n_blocks=6, stride=2)

    @staticmethod
    def _stage(n_in: int, width: int, n_blocks: int, stride: int) -> nn.Sequential:
        rest = [Bottleneck(4 * width, width, 1) for _ in range(n_blocks - 1)]
        return nn.Sequential(Bottleneck(n_in, width, stride), *rest)

    def forward(self, x: Tensor) -> Levels:
        x = F.max_pool2d(F.relu(normed_conv(x, self.conv1, self.bn1)), 3, 2, 1)
        fine = self.layer1(x)
        middle = self.layer2(fine)
        coarse = self.layer3(middle)
        return fine, middle, coarse, coarse

"""DeAOT: carry up to ten ids from remembered frames to the next one.

Yang and Yang 2022, doi:10.48550/arXiv.2210.09782. Parameter names are the published ones, so that
published weights load. Letters in shapes: B images, (H, W) the image, both 16k+1, (h, w) = (k+1, k'+1) its
tokens, N = h*w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from temtrack.nets.deaot.attention import Grid
from temtrack.nets.deaot.encoder import MobileNetV2, ResNet50
from temtrack.nets.deaot.memory import Memory, View
from temtrack.nets.deaot.propagation import DIM, Branches, GatedPropagationLayer
from temtrack.nets.layers import chain

N_IDS = 10
N_CHANNELS = N_IDS + 1  # channel 0 is the background
STRIDE = 16
UNUSED_LOGIT = -1e10
N_GROUPS = 8  # of the decoder's norms

EncoderName = Literal["mobilenet_v2", "resnet50"]


@dataclass(frozen=True)
class Pyramid:
    """An encoded image: three levels BxCxhxw at strides 4, 8 and 16, and the tokens Bx256xhxw."""

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    tokens: Tensor


class GatedPropagation(nn.Module):
    """The stack of propagation layers and the norm of its output."""

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GatedPropagationLayer(is_first=i == 0) for i in range(n_layers))
        self.decoder_norms = nn.ModuleList([chain(gn=nn.GroupNorm(2, 2 * DIM))])  # a group a branch

    @property
    def stack(self) -> list[GatedPropagationLayer]:
        return [cast(GatedPropagationLayer, layer) for layer in self.layers]


def conv_gn(n_in: int, n_out: int, side: int) -> nn.Sequential:
    """Build a convolution that keeps the size, group norm and ReLU."""
    conv = nn.Conv2d(n_in, n_out, side, padding=side // 2)
    return chain(conv=conv, gn=nn.GroupNorm(N_GROUPS, n_out), relu=nn.ReLU())


class Decoder(nn.Module):
    """Logits Bx``n_out``xhxw at stride 4, from Bx``n_in``xhxw at stride 16 and the encoder's three levels."""

    def __init__(self, n_in: int, n_out: int, level_dims: tuple[int, int, int], hidden: int = 256) -> None:
        super().__init__()
        fine, middle, coarse = level_dims
        half = hidden // 2
        self.conv_in = conv_gn(n_in, hidden, 1)
        self.conv_16x = conv_gn(hidden, hidden, 3)
        self.conv_8x = conv_gn(hidden, half, 3)
        self.conv_4x = conv_gn(half, half, 3)
        self.adapter_16x = nn.Conv2d(coarse, hidden, 1)
        self.adapter_8x = nn.Conv2d(middle, hidden, 1)
        self.adapter_4x = nn.Conv2d(fine, half, 1)
        self.conv_out = nn.Conv2d(half, n_out, 1)

    def forward(self, x: Tensor, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        x = self.conv_16x(self.conv_in(x) + self.adapter_16x(coarse))
        x = self.conv_8x(to_image_size(x, middle.shape[-2:]) + self.adapter_8x(middle))
        x = self.conv_4x(to_image_size(x, fine.shape[-2:]) + self.adapter_4x(fine))
        return self.conv_out(x)


class Deaot(nn.Module):
    """Encode frames, remember those whose ids are known, propagate ids to the next."""

    def __init__(self, encoder: EncoderName, n_layers: int) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.encoder = MobileNetV2() if encoder == "mobilenet_v2" else ResNet50()
        fine, middle, coarse, deep = self.encoder.dims
        self.encoder_projector = nn.Conv2d(deep, DIM, 1)
        self.LSTT = GatedPropagation(n_layers)
        self.decoder = Decoder(2 * DIM, N_CHANNELS, (fine, middle, coarse))
        self.patch_wise_id_bank = nn.Conv2d(N_CHANNELS, DIM, STRIDE + 1, STRIDE, STRIDE // 2)
        self.id_norm = nn.LayerNorm(DIM)
        self._init_weights()

    def encode(self, images: Tensor) -> Pyramid:
        """Encode normalised images Bx3xHxW; a ValueError unless H and W are 16k+1."""
        if any(side % STRIDE != 1 for side in images.shape[2:]):
            raise ValueError(f"image sides must be {STRIDE}k+1, got {tuple(images.shape[2:])}")
        images = images.contiguous(memory_format=torch.channels_last)  # nearly twice as fast on a CPU
        fine, middle, coarse, deep = self.encoder(images)
        return Pyramid(fine, middle, coarse, self.encoder_projector(deep))

    def embed_ids(self, one_hot: Tensor) -> Tensor:
        """Embed ids given as one-hot (or probabilities) Bx11xHxW; returns BxNx256."""
        one_hot = one_hot.contiguous(memory_format=torch.channels_last)
        return self.id_norm(self.patch_wise_id_bank(one_hot).flatten(2).transpose(1, 2))

    def observe(self, tokens: Tensor, id_embedding: Tensor) -> Memory:
        """Remember a reference frame: one whose ids are known without propagating to it."""
        state, grid = _first_state(tokens)
        memories = []
        for layer in self.LSTT.stack:
            view = layer.look(state)
            memories.append(layer.remember(view, id_embedding))
            if len(memories) < self.n_layers:  # what the last layer would say is not needed
                state = layer(state, view, memories[-1], memories[-1], grid)
        return Memory(tuple(memories), grid)

    def propagate(
        self, pyramid: Pyramid, long: Memory, short: Memory, long_radius: int | None = None
    ) -> tuple[Tensor, View]:
        """Carry ids to a frame.

        Parameters
        ----------
        pyramid : Pyramid
            The encoded frame.
        long : Memory
            Reference frames, any number.
        short : Memory
            The frame before, alone.
        long_radius : int, optional
            Tokens (of 16 px) within which long-term memory is searched; the whole frame by default.

        Returns
        -------
        logits : Tensor
            Bx11 at stride 4, (4k+1)x(4k'+1).
        view : View
            For `write`, once the ids are decided.
        """
        state, grid = _first_state(pyramid.tokens)
        views = []
        for layer, far, near in zip(self.LSTT.stack, long.layers, short.layers, strict=True):
            views.append(layer.look(state))
            state = layer(state, views[-1], far, near, grid, long_radius)
        x = self.LSTT.decoder_norms[-1](torch.cat(state, -1).transpose(1, 2)).unflatten(2, grid)
        return self.decoder(x, pyramid.fine, pyramid.middle, pyramid.coarse), View(tuple(views), grid)

    def write(self, view: View, id_embedding: Tensor) -> Memory:
        """Remember a frame that was propagated to, its ids (BxNx256, embedded) being decided."""
        layers = zip(self.LSTT.stack, view.layers, strict=True)
        return Memory(tuple(layer.remember(seen, id_embedding) for layer, seen in layers), view.grid)

    def _init_weights(self) -> None:
        for module in self.encoder.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        for module in (*self.LSTT.modules(), *self.decoder.modules()):
            # Only the depthwise convolutions have no bias; torch's own start suits them.
            if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for conv in (self.encoder_projector, self.patch_wise_id_bank):
            nn.init.orthogonal_(conv.weight.view(DIM, -1))


def _first_state(tokens: Tensor) -> tuple[Branches, Grid]:
    """Return the branches BxNx256, that of identities empty, and the grid of tokens Bx256xhxw."""
    x = tokens.flatten(2).transpose(1, 2)
    return (x, torch.zeros_like(x)), (tokens.shape[2], tokens.shape[3])


def mask_unused_ids(logits: Tensor, used: Tensor) -> Tensor:
    """Rule out ids that no object has: logits Bx11xhxw, ``used`` bool Bx11 (background included)."""
    return logits.masked_fill(~used[:, :, None, None], UNUSED_LOGIT)


def to_image_size(x: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge logits or features bilinearly to another (H, W), corner pixels staying corners."""
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


deaot_t = partial(Deaot, "mobilenet_v2", 1)
deaot_s = partial(Deaot, "mobilenet_v2", 2)
deaot_b = partial(Deaot, "mobilenet_v2", 3)
deaot_l = deaot_b  # published with other weights
r50_deaot_l = partial(Deaot, "resnet50", 3)

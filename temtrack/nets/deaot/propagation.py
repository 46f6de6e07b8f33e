"""Gated propagation: how visual features and identities travel from remembered frames to the present one.

Yang and Yang 2022, 'Decoupling Features in Hierarchical Propagation for Video Object Segmentation',
doi:10.48550/arXiv.2210.09782. Two branches of equal width share one attention map: the visual one and that of
identities. Letters in shapes: B images, N = h*w tokens of a frame, M remembered tokens.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from temtrack.nets.deaot.attention import Grid, Window, attend
from temtrack.nets.deaot.memory import LayerMemory, LayerView
from temtrack.nets.layers import chain

DIM = 256  # tokens, of either branch
ATTENTION_DIM = 128
VALUE_DIM = 512
SHORT_TERM_RADIUS = 7

Branches = tuple[Tensor, Tensor]  # of visual features and of identities, BxNx256 each


class GatedOutput(nn.Module):
    """What follows every attention: gate, look at the neighbours, project back to both branches."""

    def __init__(self) -> None:
        super().__init__()
        dim = 2 * VALUE_DIM
        self.dw_conv = chain(conv=nn.Conv2d(dim, dim, 5, padding=2, groups=dim, bias=False))
        self.projection = nn.Linear(dim, 2 * DIM)

    def finish(self, attended: Tensor, gate: Tensor, grid: Grid) -> Tensor:
        x = self.dw_conv((attended * gate).transpose(1, 2).unflatten(2, grid))
        return self.projection(x.flatten(2).transpose(1, 2))


class LongTermAttention(GatedOutput):
    """Attention over all remembered tokens, or over those in a window around each query."""

    def forward(self, view: LayerView, memory: LayerMemory, grid: Grid, radius: int | None) -> Tensor:
        window = None if radius is None or radius >= max(grid) - 1 else Window(grid, radius)
        return self.finish(attend(view.key, memory.key, memory.value, memory.valid, window), view.gate, grid)


class ShortTermAttention(GatedOutput):
    """Attention over a 15x15 window of the frame before, with a learned preference of place."""

    def __init__(self) -> None:
        super().__init__()
        self.relative_emb_k = nn.Conv2d(ATTENTION_DIM, (2 * SHORT_TERM_RADIUS + 1) ** 2, 1)
        self.relative_emb_k.bias = nn.Parameter(nearness(SHORT_TERM_RADIUS))

    def forward(self, view: LayerView, memory: LayerMemory, grid: Grid) -> Tensor:
        conv = self.relative_emb_k
        relative = F.linear(view.key, conv.weight.flatten(1), conv.bias)
        window = Window(grid, SHORT_TERM_RADIUS)
        attended = attend(view.key, memory.key, memory.value, memory.valid, window, relative)
        return self.finish(attended, view.gate, grid)


def nearness(radius: int) -> Tensor:
    """Return -d^2 / 2 of the places within a window, by rows: so a particle is first sought where it was.

    Without it a network that learns from nothing attends to the whole window alike, and ids, smeared over
    hundreds of pixels, tell it nothing.
    """
    steps = torch.arange(-radius, radius + 1.0)
    return -(steps[:, None] ** 2 + steps**2).flatten() / 2


class SelfAttention(GatedOutput):
    """Gated attention of a frame's tokens among themselves, both branches at once."""

    def __init__(self) -> None:
        super().__init__()
        self.linear_QK = nn.Linear(2 * DIM, ATTENTION_DIM)
        self.linear_V1 = nn.Linear(DIM, VALUE_DIM)
        self.linear_V2 = nn.Linear(DIM, VALUE_DIM)
        self.linear_U1 = nn.Linear(DIM, VALUE_DIM)
        self.linear_U2 = nn.Linear(DIM, VALUE_DIM)

    def forward(self, x: Tensor, x_id: Tensor, grid: Grid) -> Tensor:
        qk = self.linear_QK(torch.cat([x, x_id], -1))
        value = F.silu(torch.cat([self.linear_V1(x), self.linear_V2(x_id)], -1))
        gate = F.silu(torch.cat([self.linear_U1(x), self.linear_U2(x_id)], -1))
        return self.finish(attend(qk, qk, value), gate, grid)


class GatedPropagationLayer(nn.Module):
    """One layer: `look` at a frame, gather from memory, `remember` the frame once its ids are known."""

    def __init__(self, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.norm1 = nn.LayerNorm(DIM)
        self.linear_QV = nn.Linear(DIM, ATTENTION_DIM + VALUE_DIM)
        self.linear_U = nn.Linear(DIM, VALUE_DIM)
        self.linear_ID_V = nn.Linear(DIM if is_first else 2 * DIM, VALUE_DIM)
        if not is_first:
            self.id_norm1 = nn.LayerNorm(DIM)
            self.linear_ID_U = nn.Linear(DIM, VALUE_DIM)
        self.long_term_attn = LongTermAttention()
        self.short_term_attn = ShortTermAttention()
        self.norm2 = nn.LayerNorm(DIM)
        self.id_norm2 = nn.LayerNorm(DIM)
        self.self_attn = SelfAttention()

    def look(self, state: Branches) -> LayerView:
        """Make the frame's query, value and gate."""
        x = self.norm1(state[0])
        key, value = self.linear_QV(x).split([ATTENTION_DIM, VALUE_DIM], dim=-1)
        gate = F.silu(self.linear_U(x))
        if self.is_first:  # nothing is known of identities yet: their gate stands open
            return LayerView(key, F.silu(value), torch.cat([gate, torch.ones_like(gate)], -1), None)
        identity = self.id_norm1(state[1])
        id_gate = F.silu(self.linear_ID_U(identity))
        return LayerView(key, F.silu(value), torch.cat([gate, id_gate], -1), identity)

    def remember(self, view: LayerView, id_embedding: Tensor) -> LayerMemory:
        """Join the frame's view and its ids (BxNx256)."""
        known = id_embedding if view.identity is None else torch.cat([view.identity, id_embedding], -1)
        id_value = F.silu(self.linear_ID_V(known))
        return LayerMemory(view.key, torch.cat([view.value, id_value], -1))

    def forward(
        self,
        state: Branches,
        view: LayerView,
        long: LayerMemory,
        short: LayerMemory,
        grid: Grid,
        long_radius: int | None = None,
    ) -> Branches:
        """Add what long- and short-term memory give, then attend among the frame's own tokens.

        ``long_radius`` (tokens) limits long-term attention, None for no limit.
        """
        received = self.long_term_attn(view, long, grid, long_radius)
        state = _add(state, received + self.short_term_attn(view, short, grid))
        x, x_id = state
        return _add(state, self.self_attn(self.norm2(x), self.id_norm2(x_id), grid))


def _add(state: Branches, both: Tensor) -> Branches:
    visual, identity = both.split(DIM, dim=-1)
    return state[0] + visual, state[1] + identity

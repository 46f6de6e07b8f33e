"""Attention of one query set over remembered frames: over all their tokens, or only within a window.

Letters in shapes: B images, (h, w) the token grid, N = h*w queries, T remembered frames, M = T*h*w keys
(frame by frame, rows first), C key width, D value width, r the window's radius: it is (2r+1)x(2r+1) tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Grid = tuple[int, int]

MAX_SCORES = 2**23  # scores held at once in full attention: 32 MB of float32
MAX_BLOCK = 12  # side of a block of queries in windowed attention; larger wastes scores, smaller gathers more


@dataclass(frozen=True)
class Window:
    """The tokens at most ``radius`` rows and columns from each query on an (h, w) grid."""

    grid: Grid
    radius: int

    @property
    def block(self) -> Grid:
        """Sides of the equal blocks of queries that cover the grid with the least left over."""
        h, w = (-(-length // -(-length // MAX_BLOCK)) for length in self.grid)
        return h, w


def attend(q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None = None) -> Tensor:
    """Softmax attention over all keys, in chunks of queries so that the scores stay small.

    Parameters
    ----------
    q, k, v : Tensor
        BxNxC, BxMxC, BxMxD.
    valid : Tensor, optional
        BxM bool; keys that are False are left out. Where none is True the result is 0.

    Returns
    -------
    Tensor
        BxNxD.
    """
    mask = None if valid is None else valid[:, None]  # Bx1xM
    chunks = q.split(max(64, MAX_SCORES // (k.shape[0] * k.shape[1])), dim=1)
    return torch.cat([_softmax_attend(chunk, k, v, mask) for chunk in chunks], dim=1)


def attend_window(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    window: Window,
    relative: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Softmax attention of each query over the keys inside its window, in every frame.

    A block of queries meets its keys as one gathered window of (block + 2r)^2 tokens a frame, so neither a
    dense NxM matrix nor a (2r+1)^2-fold copy of the values arises.

    Parameters
    ----------
    q, k, v : Tensor
        BxNxC, BxMxC, BxMxD.
    window : Window
    relative : Tensor, optional
        BxNx(2r+1)^2, added to the scores by the key's place in the window, rows first.
    valid : Tensor, optional
        BxM bool, as in `attend`.

    Returns
    -------
    Tensor
        BxNxD.
    """
    (h, w), r, block = window.grid, window.radius, window.block
    if h * w <= (block[0] + 2 * r) * (block[1] + 2 * r):
        return _attend_small(q, k, v, window, relative, valid)
    if valid is None:
        valid = torch.ones(k.shape[:2], dtype=torch.bool, device=k.device)
    q = _pad_to_blocks(q, window, 0)
    k, v, valid = (_pad_to_blocks(x, window, r) for x in (k, v, valid.unsqueeze(-1)))
    relative = None if relative is None else _pad_to_blocks(relative, window, 0)
    place, in_window = _places(r, [(torch.arange(n), torch.arange(-r, n + r)) for n in block], q.device)
    strips = []
    for y in range(0, q.shape[2], block[0]):  # a row of blocks at a time
        here, around = slice(y, y + block[0]), slice(y, y + block[0] + 2 * r)
        keys, values, inside = (_cut(x[:, :, around], block[1], r) for x in (k, v, valid))
        n_frames = keys.shape[1] // in_window.shape[1]
        bias = None
        if relative is not None:
            by_place = _cut(relative[:, :, here], block[1], 0)
            bias = by_place.gather(2, place.expand(len(by_place), -1, -1)).repeat(1, 1, n_frames)
        mask = in_window.repeat(1, n_frames) & inside.transpose(1, 2)
        out = _softmax_attend(_cut(q[:, :, here], block[1], 0), keys, values, mask, bias)
        out = out.view(len(q), -1, *block, out.shape[-1])  # Bx(blocks)x(block)xD
        strips.append(out.transpose(1, 2).flatten(2, 3))
    return torch.cat(strips, dim=1)[:, :h, :w].flatten(1, 2)


def _attend_small(
    q: Tensor, k: Tensor, v: Tensor, window: Window, relative: Tensor | None, valid: Tensor | None
) -> Tensor:
    """Do the same on a grid so small that all its keys cost less than the gathered windows."""
    place, in_window = _places(
        window.radius, [(torch.arange(n), torch.arange(n)) for n in window.grid], q.device
    )
    n_frames = k.shape[1] // q.shape[1]
    bias = None
    if relative is not None:
        bias = relative.gather(2, place.expand(len(relative), -1, -1)).repeat(1, 1, n_frames)
    mask = in_window.repeat(1, n_frames)[None]
    return _softmax_attend(q, k, v, mask if valid is None else mask & valid[:, None], bias)


def _softmax_attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, bias: Tensor | None = None
) -> Tensor:
    """Attention with an optional bool mask and an additive bias; 0 where a query has no key at all."""
    if mask is None:
        return _weigh(q, k, v, None)
    # Finite, so that a query without keys gives numbers (and gradients) rather than NaN.
    lowest = torch.finfo(q.dtype).min / 2
    zeros = torch.zeros((), dtype=q.dtype, device=q.device)
    attn_mask = torch.where(mask, zeros if bias is None else bias, lowest)
    return _weigh(q, k, v, attn_mask) * mask.any(-1, keepdim=True)


def _weigh(q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention with an additive mask."""
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask)
    # On a CPU torch has no kernel for values wider than keys, and its fallback turns bfloat16 into float32:
    # the same in two products is six times as fast.
    scale = q.shape[-1] ** -0.5
    if attn_mask is None:
        scores = scale * (q @ k.transpose(1, 2))
    else:
        scores = torch.baddbmm(attn_mask.expand(len(q), -1, -1), q, k.transpose(1, 2), alpha=scale)
    return scores.softmax(-1).to(v.dtype) @ v


def _pad_to_blocks(x: Tensor, window: Window, margin: int) -> Tensor:
    """Lay BxMxC on its frames' grid, with a margin all round and, below and right, up to whole blocks."""
    (h, w), (block_h, block_w) = window.grid, window.block
    x = x.unflatten(1, (-1, h, w))
    return F.pad(x, (0, 0, margin, margin + -w % block_w, margin, margin + -h % block_h))


def _cut(strip: Tensor, block: int, margin: int) -> Tensor:
    """Cut a BxTxSxWxC strip into n overlapping windows S' wide: (B*n)x(T*S*S')xC."""
    windows = strip.unfold(3, block + 2 * margin, block)  # BxTxSxnxCxS'
    b, t, s, n, c, width = windows.shape
    return windows.permute(0, 3, 1, 2, 5, 4).reshape(b * n, t * s * width, c)


def _places(
    radius: int, axes: Sequence[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Where in each query's window the keys lie, and whether they lie there at all.

    ``axes`` holds the places of queries and keys, by rows and by columns. Both results are (queries)x(keys),
    int64 in [0, (2r+1)^2) and bool.
    """
    side = 2 * radius + 1
    offsets = [(keys - queries[:, None] + radius).to(device) for queries, keys in axes]
    y, x = offsets[0][:, None, :, None], offsets[1][None, :, None, :]
    in_window = (y >= 0) & (y < side) & (x >= 0) & (x < side)
    place = side * y.clamp(0, side - 1) + x.clamp(0, side - 1)
    n_queries = y.shape[0] * x.shape[1]
    return place.reshape(n_queries, -1), in_window.reshape(n_queries, -1)

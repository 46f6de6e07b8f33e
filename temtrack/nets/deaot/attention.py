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


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    valid: Tensor | None = None,
    window: Window | None = None,
    relative: Tensor | None = None,
) -> Tensor:
    """Softmax attention of each query over all keys, or over those inside its window, in every frame.

    Parameters
    ----------
    q, k, v : Tensor
        BxNxC, BxMxC, BxMxD.
    valid : Tensor, optional
        BxM bool; keys that are False are left out. Where none is True the result is 0.
    window : Window, optional
        All keys count without it.
    relative : Tensor, optional
        BxNx(2r+1)^2, added to the scores by the key's place in the window, rows first.

    Returns
    -------
    Tensor
        BxNxD.
    """
    if window is not None:
        return _attend_window(q, k, v, valid, window, relative)
    mask = None if valid is None else valid[:, None]  # Bx1xM
    chunks = q.split(max(64, MAX_SCORES // (k.shape[0] * k.shape[1])), dim=1)  # so that the scores stay small
    return torch.cat([_softmax_attend(chunk, k, v, mask) for chunk in chunks], dim=1)


def _attend_window(
    q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None, window: Window, relative: Tensor | None
) -> Tensor:
    """Let a block of queries meet the tokens of its surroundings only.

    So neither a dense NxM matrix nor a (2r+1)^2-fold copy of the values arises.
    """
    h, w = window.grid
    q, k, v = (x.unflatten(1, (-1, h, w)) for x in (q, k, v))  # BxTxhxwxC
    strips = []
    for rows, near_rows in _blocks(h, window.radius):
        strip = []
        for columns, near_columns in _blocks(w, window.radius):
            here, near = (..., rows, columns, slice(None)), (..., near_rows, near_columns, slice(None))
            place, mask = _places(window.radius, ((rows, near_rows), (columns, near_columns)), q.device)
            mask = mask.repeat(1, k.shape[1])[None]
            if valid is not None:
                mask = mask & valid.unflatten(1, (-1, h, w))[..., near_rows, near_columns].flatten(1)[:, None]
            bias = None
            if relative is not None:
                by_place = relative.unflatten(1, (h, w))[here].flatten(1, 2)
                bias = by_place.gather(2, place.expand(len(by_place), -1, -1)).repeat(1, 1, k.shape[1])
            queries, keys, values = (x.flatten(1, 3) for x in (q[here], k[near], v[near]))
            out = _softmax_attend(queries, keys, values, mask, bias)
            strip.append(out.unflatten(1, q[here].shape[2:4]))
        strips.append(torch.cat(strip, dim=2))
    return torch.cat(strips, dim=1).flatten(1, 2)


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


def _blocks(length: int, radius: int) -> list[tuple[slice, slice]]:
    """Cut an axis into the fewest equal blocks of queries, each with the keys that its windows reach."""
    side = -(-length // -(-length // MAX_BLOCK))
    if length <= side + 2 * radius:  # one block costs no more scores than several
        side = length
    starts = range(0, length, side)
    return [
        (slice(i, min(i + side, length)), slice(max(i - radius, 0), min(i + side + radius, length)))
        for i in starts
    ]


def _places(radius: int, axes: Sequence[tuple[slice, slice]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Where in each query's window the keys lie, and whether they lie there at all.

    ``axes`` holds the spans of queries and keys, by rows and by columns. Both results are (queries)x(keys),
    int64 in [0, (2r+1)^2) and bool.
    """
    side = 2 * radius + 1
    spans = [[torch.arange(span.start, span.stop, device=device) for span in axis] for axis in axes]
    offsets = [keys - queries[:, None] + radius for queries, keys in spans]
    y, x = offsets[0][:, None, :, None], offsets[1][None, :, None, :]
    in_window = (y >= 0) & (y < side) & (x >= 0) & (x < side)
    place = side * y.clamp(0, side - 1) + x.clamp(0, side - 1)
    return place.flatten(2).flatten(0, 1), in_window.flatten(2).flatten(0, 1)

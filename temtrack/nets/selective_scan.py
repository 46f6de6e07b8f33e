"""The selective scan of Mamba: a linear recurrence whose coefficients depend on its input.

Gu and Dao 2023, 'Mamba: Linear-Time Sequence Modeling with Selective State Spaces',
doi:10.48550/arXiv.2312.00752. With the state h_t of N numbers a channel::

    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t
    y_t = C_t . h_t + D u_t

On CUDA ``mamba_ssm`` computes it where it is installed. Else a chunked scan does: it walks through time once,
each step one fused multiply-add over all images, groups, states and channels, while decays, inputs and
outputs are computed for a whole chunk at a time in buffers that stay in the cache. Only the states at chunk
boundaries are kept; the backward pass recomputes the others. It neither divides by cumulative products nor
takes their logarithms, which overflow where decays are strong.

Letters in shapes: L positions, B images, G groups (directions of scanning), D channels a group, N states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_NUMBERS = 800_000  # states of a chunk: two buffers of 3.2 MB
CHUNK_LENGTHS = (16, 128)  # at least, so that boundaries take no more memory than the input; and at most


def selective_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Scan LxBxGxD inputs, in float32 whatever the context's precision (in float64 where they are).

    Parameters
    ----------
    u, delta
        LxBxGxD inputs and their positive step sizes.
    a
        GxNxD negative rates of decay.
    b, c
        LxBxGxN weights into and out of the state.
    d
        GxD weights of the input past the state.

    Returns
    -------
    y
        LxBxGxD.
    """
    u, delta, a, b, c, d = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (u, delta, a, b, c, d))
    fused = _mamba_scan() if u.is_cuda else None
    with torch.autocast(u.device.type, enabled=False):
        if fused is not None:
            return scan_by(fused, u, delta, a, b, c, d)
        return chunked_scan(u, delta, a, b, c, d)


def stepwise_scan(u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Scan as the formula reads, step by step, the state BxGxDxN as published.

    The truth of tests and benchmarks: slow, and autograd keeps every intermediate state.
    """
    a = a.transpose(1, 2)
    h = u.new_zeros(*u.shape[1:], a.shape[-1])
    y = []
    for u_t, delta_t, b_t, c_t in zip(u, delta, b, c, strict=True):
        h = torch.exp(delta_t[..., None] * a) * h + (delta_t * u_t)[..., None] * b_t[:, :, None]
        y.append((h * c_t[:, :, None]).sum(-1) + d * u_t)
    return torch.stack(y)


def scan_by(fused: Callable[..., Tensor], *operands: Tensor) -> Tensor:
    """Scan by a function with the signature and layout of ``mamba_ssm``'s ``selective_scan_fn``."""
    u, delta, a, b, c, d = operands
    n_positions, n_images, n_groups, dim = u.shape
    wide = (x.permute(1, 2, 3, 0).reshape(n_images, n_groups * dim, n_positions) for x in (u, delta))
    weights = (x.permute(1, 2, 3, 0).contiguous() for x in (b, c))  # BxGxNxL
    y = fused(*wide, a.transpose(1, 2).flatten(0, 1).contiguous(), *weights, d.flatten())
    return y.unflatten(1, (n_groups, dim)).permute(3, 0, 1, 2)


@cache
def _mamba_scan() -> Callable[..., Tensor] | None:
    if find_spec("mamba_ssm") is None:
        return None
    module = import_module("mamba_ssm.ops.selective_scan_interface")
    scan: Callable[..., Tensor] = module.selective_scan_fn
    return scan


def chunk_length(u: Tensor, b: Tensor) -> int:
    """Return how many positions of LxBxGxD inputs with LxBxGxN weights make up a chunk."""
    least, most = CHUNK_LENGTHS
    return min(most, max(least, CHUNK_NUMBERS // max(1, u[0].numel() * b.shape[-1])))


def chunked_scan(
    u: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor, length: int | None = None
) -> Tensor:
    """Scan in chunks of ``length`` positions, by default as many as suit the cache."""
    operands = (x.contiguous() for x in (u, delta, a, b, c, d))
    y: Tensor = _ChunkedScan.apply(*operands, length or chunk_length(u, b))
    return y


class _ChunkedScan(torch.autograd.Function):
    """Keeps the states at chunk boundaries; the backward pass recomputes the rest, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        *operands, length = arguments
        u, delta, a, b, c, d = operands
        y = torch.empty_like(u)
        h = u.new_zeros(*u.shape[1:3], *a.shape[1:])  # BxGxNxD
        chunk = _Chunk(h, length)
        starts = []
        for now in _slices(len(u), length):
            if any(ctx.needs_input_grad):
                starts.append(h)
            chunk.advance(h, u[now], delta[now], a, b[now])
            states = chunk.states[: len(u[now])]
            h = states[-1].clone()
            _sum_of_states(states, c[now], out=y[now]).addcmul_(u[now], d)
        ctx.save_for_backward(*operands, *starts)
        ctx.length = length
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        operands, starts = ctx.saved_tensors[:6], ctx.saved_tensors[6:]
        with torch.autocast(grad_y.device.type, enabled=False):
            return *_gradients(grad_y.contiguous(), operands, starts, ctx.length), None


class _Chunk:
    """Decays and states of a chunk, both TxBxGxNxD, in buffers that all chunks share."""

    def __init__(self, h: Tensor, length: int) -> None:
        self.decays, self.states = (h.new_empty(length, *h.shape) for _ in range(2))
        self.steps = list(zip(self.decays.unbind(), self.states.unbind(), strict=True))

    def advance(self, h: Tensor, u: Tensor, delta: Tensor, a: Tensor, b: Tensor) -> None:
        """Compute decays and states of the positions that follow the state ``h``."""
        n = len(u)
        rates = a * math.log2(math.e)  # exp2 takes a third of exp's time on CPU
        torch.mul(delta[..., None, :], rates, out=self.decays[:n]).exp2_()
        torch.mul((delta * u)[..., None, :], b[..., None], out=self.states[:n])
        for decay, state in self.steps[:n]:
            h = state.addcmul_(decay, h)


def _gradients(
    grad_y: Tensor, operands: Sequence[Tensor], starts: Sequence[Tensor], length: int
) -> tuple[Tensor, ...]:
    """Return the gradients by u, delta, A, B, C and D, from the last chunk to the first.

    All are sums, over states, channels or time, of g_t = C_t dy_t + exp(delta_(t+1) A) g_(t+1), which is the
    gradient by h_t, and of q_t = g_t exp(delta_t A) h_(t-1), which is that by delta_t A.
    """
    u, delta, a, b, c, d = operands
    grad_u, grad_delta, grad_b, grad_c = (torch.empty_like(x) for x in (u, delta, b, c))
    grad_a, grad_d = torch.zeros_like(a), torch.zeros_like(d)
    chunk = _Chunk(starts[0], length)
    adjoints, products = starts[0].new_empty(2, length, *starts[0].shape)
    carry = torch.zeros_like(starts[0])
    for now, start in reversed(list(zip(_slices(len(u), length), starts, strict=True))):
        u_now, delta_now, grad_now = u[now], delta[now], grad_y[now]
        chunk.advance(start, u_now, delta_now, a, b[now])
        buffers = (chunk.decays, chunk.states, adjoints, products)
        decays, states, g, product = (x[: len(u_now)] for x in buffers)
        torch.mul(c[now][..., None], grad_now[..., None, :], out=g)
        carry = _retreat(decays, g, carry)
        _sum_of_channels(states, grad_now, product, out=grad_c[now])
        _sum_of_channels(g, delta_now * u_now, product, out=grad_b[now])
        grad_input = _sum_of_states(g, b[now], out=grad_delta[now])  # by delta_t u_t
        torch.mul(grad_input, delta_now, out=grad_u[now]).addcmul_(grad_now, d)
        q = decays.mul_(g)
        q[1:].mul_(states[:-1])
        q[0].mul_(start)
        grad_a += torch.mul(q, delta_now[..., None, :], out=g).sum((0, 1))
        grad_d += (grad_now * u_now).sum((0, 1))
        grad_input.mul_(u_now).add_(torch.mul(q, a, out=g).sum(-2))  # is now by delta_t
    return grad_u, grad_delta, grad_a, grad_b, grad_c, grad_d


def _retreat(decays: Tensor, g: Tensor, carry: Tensor) -> Tensor:
    """Run the adjoint recurrence over a chunk's g in place; return what reaches the chunk before."""
    g[-1] += carry
    later = g[-1]
    for decay, g_t in zip(reversed(decays[1:].unbind()), reversed(g[:-1].unbind()), strict=True):
        later = g_t.addcmul_(decay, later)
    return decays[0] * later


def _sum_of_states(x: Tensor, weights: Tensor, out: Tensor) -> Tensor:
    """Weigh TxBxGxNxD numbers by TxBxGxN weights and sum the states, into ``out``, TxBxGxD and contiguous."""
    row = out.view(-1, 1, out.shape[-1])
    torch.bmm(weights.flatten(0, 2)[:, None], x.flatten(0, 2), out=row)
    return out


def _sum_of_channels(x: Tensor, weights: Tensor, product: Tensor, out: Tensor) -> None:
    """Weigh TxBxGxNxD numbers by TxBxGxD weights and sum the channels, into ``out``, TxBxGxN.

    By way of ``product``, of x's shape: three times as fast as ``bmm`` with a column.
    """
    torch.sum(torch.mul(x, weights[..., None, :], out=product), -1, out=out)


def _slices(n: int, length: int) -> list[slice]:
    return [slice(start, min(start + length, n)) for start in range(0, n, length)]

"""The chunked scan and its gradients against the recurrence as the formula reads."""

import pytest
import torch

from temtrack.nets.selective_scan import chunk_length, chunked_scan, scan_by, selective_scan, stepwise_scan

B, G, D, N = 2, 3, 4, 5


def operands(length, dtype=torch.float64, rate=1.0):
    rng = torch.Generator().manual_seed(length)
    u = torch.randn(length, B, G, D, generator=rng, dtype=dtype)
    delta = rate * torch.rand(length, B, G, D, generator=rng, dtype=dtype)
    a = -torch.rand(G, N, D, generator=rng, dtype=dtype) * 4
    b, c = torch.randn(2, length, B, G, N, generator=rng, dtype=dtype)
    return u, delta, a, b, c, torch.randn(G, D, generator=rng, dtype=dtype)


@pytest.mark.parametrize("length", [1, 7, 8, 20])
def test_chunks_give_what_the_plain_recurrence_gives(length):
    inputs = operands(length)
    chunked = chunked_scan(*inputs, length=4)
    torch.testing.assert_close(chunked, stepwise_scan(*inputs), atol=1e-12, rtol=0)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_gradients_are_those_of_the_plain_recurrence_in_float64(chunk):
    inputs = [x.requires_grad_() for x in operands(8)]
    pull = torch.randn(8, B, G, D, dtype=torch.float64)
    ours = torch.autograd.grad(chunked_scan(*inputs, length=chunk), inputs, pull)
    plain = torch.autograd.grad(stepwise_scan(*inputs), inputs, pull)
    for mine, true in zip(ours, plain, strict=True):
        torch.testing.assert_close(mine, true, atol=1e-11, rtol=0)


def test_gradients_are_those_of_finite_differences():
    inputs = [x.requires_grad_() for x in operands(5)]
    assert torch.autograd.gradcheck(lambda *x: chunked_scan(*x, length=2), inputs)


def test_strong_decay_over_a_long_way_stays_finite():
    inputs = [x.requires_grad_() for x in operands(300, torch.float32, rate=200.0)]
    y = selective_scan(*inputs)
    y.sum().backward()
    torch.testing.assert_close(y, stepwise_scan(*inputs))
    assert all(x.grad.isfinite().all() for x in inputs)


def test_the_scan_is_float32_even_where_the_context_is_not():
    inputs = operands(20, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = selective_scan(inputs[0].bfloat16(), *inputs[1:])
    assert torch.equal(mixed, selective_scan(inputs[0].bfloat16().float(), *inputs[1:]))


def test_between_chunks_only_boundary_states_are_kept():
    inputs = [x.requires_grad_() for x in operands(64, torch.float32)]
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()), lambda x: x):
        chunked_scan(*inputs, length=16)
    state = B * G * D * N
    assert sum(kept) == sum(x.numel() for x in inputs) + 64 // 16 * state


def test_chunks_are_short_for_wide_states_and_never_too_short():
    assert chunk_length(torch.empty(9, 1, 4, 192), torch.empty(9, 1, 4, 16)) == 65
    assert chunk_length(torch.empty(9, 8, 4, 192), torch.empty(9, 8, 4, 16)) == 16
    assert chunk_length(torch.empty(9, 1, 1, 1), torch.empty(9, 1, 1, 1)) == 128


def fused_reference(u, delta, a, b, c, d):
    """The recurrence in the layout of mamba_ssm: u, delta BxKxL, a KxN, b, c BxGxNxL, d K."""
    group = u.shape[1] // b.shape[1]
    b, c = (x.repeat_interleave(group, dim=1) for x in (b, c))  # BxKxNxL
    h, y = torch.zeros(*u.shape[:2], a.shape[1], dtype=u.dtype), []
    for t in range(u.shape[-1]):
        h = torch.exp(delta[..., t, None] * a) * h + b[..., t] * (delta * u)[..., t, None]
        y.append((c[..., t] * h).sum(-1) + d * u[..., t])
    return torch.stack(y, dim=-1)


def test_the_layout_of_a_fused_scan():
    inputs = operands(6)
    torch.testing.assert_close(scan_by(fused_reference, *inputs), stepwise_scan(*inputs))

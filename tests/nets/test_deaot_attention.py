"""Windowed attention against the formula, spelled out densely."""

import pytest
import torch

from temtrack.nets.deaot import attention
from temtrack.nets.deaot.attention import Window, attend


def tensors(grid, n_frames=1, batch=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    n = grid[0] * grid[1]
    return tuple(
        torch.randn(batch, m, c, generator=rng) for m, c in ((n, 8), (n_frames * n, 8), (n_frames * n, 5))
    )


def dense(q, k, v, valid, window, relative=None):
    """Every query with every key, one pair of tokens after another for places and windows."""
    (h, w), r = window.grid, window.radius
    scores = q @ k.mT / q.shape[-1] ** 0.5
    for i in range(h * w):
        for j in range(k.shape[1]):
            dy = (j % (h * w)) // w - i // w
            dx = j % w - i % w
            if max(abs(dy), abs(dx)) > r:
                scores[:, i, j] = -torch.inf
            elif relative is not None:
                scores[:, i, j] += relative[:, i, (dy + r) * (2 * r + 1) + dx + r]
    if valid is not None:
        scores = scores.masked_fill(~valid[:, None], -torch.inf)
    return scores.softmax(-1).nan_to_num() @ v


@pytest.mark.parametrize("grid", [(3, 4), (5, 13), (14, 7)])
@pytest.mark.parametrize("radius", [1, 3])
def test_a_window_with_preferred_places_equals_the_dense_formula_up_to_the_borders(grid, radius):
    q, k, v = tensors(grid)
    window = Window(grid, radius)
    relative = torch.randn(2, grid[0] * grid[1], (2 * radius + 1) ** 2)
    expected = dense(q, k, v, None, window, relative)
    torch.testing.assert_close(attend(q, k, v, None, window, relative), expected, atol=1e-5, rtol=0)


def test_a_window_over_several_frames_with_tokens_left_out_equals_the_dense_formula():
    grid = (6, 13)
    q, k, v = tensors(grid, n_frames=3)
    valid = torch.arange(2 * 3 * 78).view(2, -1) % 7 > 2
    valid[0, :30] = valid[0, 78:108] = valid[0, 156:186] = False  # some windows are wholly without keys
    window = Window(grid, 1)
    expected = dense(q, k, v, valid, window)
    assert (expected[0] == 0).all(-1).any()
    torch.testing.assert_close(attend(q, k, v, valid, window), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("some", [False, True])
def test_a_window_as_large_as_the_grid_equals_full_attention(some):
    q, k, v = tensors((5, 7), n_frames=2)
    valid = torch.arange(140).view(2, -1) % 3 > 0 if some else None
    windowed = attend(q, k, v, valid, Window((5, 7), 6))
    torch.testing.assert_close(windowed, attend(q, k, v, valid), atol=1e-5, rtol=0)


def test_chunks_of_queries_change_nothing(monkeypatch):
    q, k, v = tensors((9, 11))
    whole = attend(q, k, v)
    monkeypatch.setattr(attention, "MAX_SCORES", 1)
    torch.testing.assert_close(attend(q, k, v), whole)


@pytest.mark.parametrize(
    "attention_of", [attend, lambda q, k, v, valid: attend(q, k, v, valid, Window((4, 5), 2))]
)
def test_a_memory_left_out_entirely_gives_zeros_and_finite_gradients(attention_of):
    q, k, v = (x.requires_grad_() for x in tensors((4, 5)))
    out = attention_of(q, k, v, torch.zeros(2, 20, dtype=torch.bool))
    assert (out == 0).all()
    out.sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


def test_gradients_equal_those_of_the_dense_formula():
    grid, window = (5, 13), Window((5, 13), 2)
    inputs = [x.requires_grad_() for x in (*tensors(grid), torch.randn(2, 65, 25))]
    gradients = [
        torch.autograd.grad(formula(*inputs[:3], None, window, inputs[3]).square().sum(), inputs)
        for formula in (attend, dense)
    ]
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)

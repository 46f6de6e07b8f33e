import pytest
import torch

from temtrack.training.losses import clip_loss, colour_counts


def sure_of(colours, n=4):
    """Return logits 1xNxHxW that are sure of the colours (H, W)."""
    return 12.0 * torch.nn.functional.one_hot(torch.as_tensor(colours)[None], n).movedim(-1, 1).float()


def right(colours, n=4):
    return sure_of(colours, n) > 0


TRUE = torch.tensor([[0, 0, 1, 1], [0, 0, 2, 2]])


def test_the_truth_costs_nothing_and_a_wrong_colour_much():
    wrong = TRUE.clone()
    wrong[0, 2:] = 2
    assert clip_loss(sure_of(TRUE), right(TRUE), 1.0) < 0.01
    assert clip_loss(sure_of(wrong), right(TRUE), 1.0) > 1


def test_any_parents_colour_is_right_for_a_child():
    allowed = right(TRUE)
    allowed[:, 3, 0, 2:] = True
    for colour in (1, 3):
        told = TRUE.clone()
        told[0, 2:] = colour
        assert clip_loss(sure_of(told), allowed, 1.0) < 0.01
    halves = TRUE.clone()
    halves[0, 2], halves[0, 3] = 1, 3
    assert clip_loss(sure_of(halves), allowed, 1.0) < 0.01


def test_what_nobody_knows_neither_costs_nor_teaches():
    allowed = right(TRUE)
    allowed[..., 0, 2:] = False
    logits = sure_of(torch.full_like(TRUE, 3)).requires_grad_()
    clip_loss(logits, allowed, 1.0).backward()
    assert (logits.grad[..., 0, 2:] == 0).all()
    assert (logits.grad[..., 1, 2:] != 0).any()
    assert torch.isfinite(clip_loss(logits, torch.zeros_like(allowed), 1.0))


def test_the_hardest_pixels_weigh_more_the_fewer_count():
    wrong = TRUE.clone()
    wrong[0, 3] = 0
    losses = [clip_loss(sure_of(wrong), right(TRUE), share).item() for share in (1.0, 0.5, 0.125)]
    assert losses == sorted(losses)
    assert losses[-1] - losses[0] == pytest.approx(0.5 * 12 * (1 - 1 / 8), rel=0.01)


def test_counts_are_of_right_found_and_true_pixels():
    found = torch.tensor([[0, 1, 1, 2], [3, 0, 2, 0]])
    assert colour_counts(sure_of(found), right(TRUE)).tolist() == [2, 5, 4]

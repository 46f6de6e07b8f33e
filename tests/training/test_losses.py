import torch

from temtrack.training.losses import foreground_counts, iou_loss, map_loss

TARGETS = torch.zeros(2, 2, 3, 16, 16)
TARGETS[..., 4:12, 4:12] = 1
RIGHT = (TARGETS - 0.5) * 40
ALL = torch.ones(2, 2, 3)


def test_the_loss_falls_from_wrong_to_right():
    assert map_loss(RIGHT, TARGETS, ALL) < 0.01
    assert map_loss(-RIGHT, TARGETS, ALL) > 1
    assert map_loss(torch.zeros_like(RIGHT), TARGETS, ALL) > map_loss(RIGHT / 10, TARGETS, ALL)


def test_a_map_without_weight_teaches_nothing():
    weights = ALL.clone()
    weights[0, 0, 2] = 0
    wrong = RIGHT.clone()
    wrong[0, 0, 2] *= -1
    torch.testing.assert_close(
        map_loss(wrong, TARGETS, weights), map_loss(RIGHT, TARGETS, weights), atol=1e-3, rtol=0
    )
    assert map_loss(wrong, TARGETS, ALL) > 0.1


def test_a_foreground_wrong_at_its_outline_costs_more_than_wrong_elsewhere():
    wide = torch.zeros(1, 1, 3, 64, 64)
    wide[..., 16:48, 16:48] = 1
    right, one = (wide - 0.5) * 40, torch.ones(1, 1, 3)
    outline, middle = right.clone(), right.clone()
    outline[0, 0, 0, 16, 20:44] *= -1
    middle[0, 0, 0, 32, 20:44] *= -1
    assert map_loss(outline, wide, one) > 2 * map_loss(middle, wide, one)


def test_nothing_to_learn_is_no_error():
    assert torch.isfinite(map_loss(RIGHT, TARGETS * 0, torch.cat([ALL[:, :1], 0 * ALL[:, :1]], 1)))


def test_iou_estimates_are_held_against_the_true_ious():
    assert iou_loss(torch.ones(2, 2, 3), RIGHT, TARGETS, ALL) < 1e-6
    assert iou_loss(torch.zeros(2, 2, 3), RIGHT, TARGETS, ALL) > 0.01


def test_foreground_is_counted_for_the_question_for_everything():
    assert foreground_counts(RIGHT, TARGETS, ALL).tolist() == [128, 128, 128]

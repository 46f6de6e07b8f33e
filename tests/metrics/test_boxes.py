import numpy as np
import pytest
from skimage.draw import disk

from temtrack.metrics.boxes import BoxScore, score_boxes


def discs(*places):
    labels = np.zeros((100, 100), np.int32)
    for i, (y, x, radius) in enumerate(places, start=1):
        labels[disk((y, x), radius)] = i
    return labels


BOXES = np.array([[10.0, 10, 30, 30], [60.0, 60, 80, 80]])


def test_a_particle_in_the_middle_of_its_box_matches():
    assert score_boxes(discs((20, 20, 10), (70, 70, 8)), BOXES) == BoxScore(2, 2, 2)


@pytest.mark.parametrize("radius", [3, 21])
def test_one_of_another_width_does_not(radius):
    assert score_boxes(discs((20, 20, 10), (70, 70, radius)), BOXES).n_matched == 1


def test_one_whose_centre_lies_outside_does_not():
    assert score_boxes(discs((20, 20, 10), (84, 70, 10)), BOXES).n_matched == 1


def test_a_box_matches_once_alone_even_where_two_would():
    score = score_boxes(discs((17, 20, 6), (29, 20, 5), (70, 70, 8)), BOXES)
    assert score == BoxScore(3, 2, 2)
    assert score.f1 == pytest.approx(4 / 5)


def test_scores_are_pooled_and_nothing_found_of_nothing_is_right():
    assert score_boxes(discs(), np.zeros((0, 4))).f1 == 1
    assert score_boxes(discs(), BOXES).f1 == 0
    assert (BoxScore(3, 2, 2) + BoxScore(1, 2, 0)).f1 == pytest.approx(4 / 8)

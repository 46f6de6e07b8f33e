import numpy as np
import pytest

from temtrack.metrics.boundaries import BoundaryScore, score_boundaries

SQUARE = np.zeros((40, 40), np.int32)
SQUARE[10:20, 10:20] = 1
NONE = np.zeros_like(SQUARE)


def moved(dy):
    return np.roll(SQUARE, dy, axis=0)


@pytest.mark.parametrize(
    ("found", "f1"),
    [(SQUARE, 1), (moved(2), 1), (moved(20), 0), (NONE, 0)],
    ids=["same", "within two pixels", "elsewhere", "nothing"],
)
def test_right_and_wrong_boundaries(found, f1):
    assert score_boundaries(found, SQUARE).f1 == f1
    assert score_boundaries(SQUARE, found).f1 == f1


def test_one_of_two_sides_is_in_between():
    both = SQUARE + 2 * np.roll(SQUARE, 18, axis=1)
    score = score_boundaries(SQUARE, both)
    assert (score.n_found_right / score.n_found, score.n_true_right / score.n_true) == (1, 0.5)
    assert score.f1 == pytest.approx(2 / 3)


def test_touching_particles_have_a_boundary_between_them():
    halves = SQUARE.copy()
    halves[10:20, 15:20] = 2
    assert score_boundaries(halves, halves).n_true == 36 + 2 * 8
    assert score_boundaries(SQUARE, halves).f1 < 1


def test_the_border_of_the_image_is_no_boundary():
    full = np.ones((10, 10), np.int32)
    assert score_boundaries(full, full).n_true == 0
    assert BoundaryScore().f1 == 1

from itertools import pairwise

import numpy as np
import pytest
from cases import Disc, draw

from temtrack.imaging.registration import (
    MAX_GRID,
    MIN_NEAR_SIGNIFICANCE,
    MIN_SIGNIFICANCE,
    details_on_grid,
    find_mask_shift,
    find_shift,
    grid_spacing,
)


@pytest.mark.parametrize("shift", [(0, 0), (5, -3), (-12, 7)])
def test_noise_that_has_moved_is_found_again(shift):
    image = np.random.default_rng(0).normal(size=(80, 110)).astype(np.float32)
    found = find_shift(image[:60, :90], np.roll(image, shift, (0, 1))[:60, :90])
    assert found.step == pytest.approx(shift, abs=0.1)


def test_what_leaves_on_one_side_does_not_come_back_on_the_other():
    before, after = np.zeros((2, 40, 40), bool)
    before[2:6, 10:14] = after[36:40, 10:14] = True
    assert find_mask_shift(before, after) == (34, 0)


def test_a_large_jump_of_a_lattice_is_not_taken_for_a_small_one():
    rng = np.random.default_rng(0)
    world = np.zeros((400, 500), np.float32)
    for y in range(0, 380, 34):
        for x in range(0, 480, 34):
            dy, dx = rng.integers(0, 12, 2)
            world[y + dy : y + dy + 13, x + dx : x + dx + 13] = 1
    views = (details_on_grid(world[y : y + 160, x : x + 200]) for y, x in ((20, 20), (84, 91)))
    assert find_shift(*views).step == pytest.approx((-64, -71), abs=0.1)


def test_large_images_are_registered_on_a_coarse_grid():
    assert [grid_spacing(shape) for shape in ((10, MAX_GRID), (MAX_GRID + 1, 10), (4096, 4096))] == [1, 2, 8]
    before, after = np.zeros((2, 600, 1400), bool)
    before[300:360, 600:690] = after[330:390, 570:660] = True
    assert find_mask_shift(before, after) == (30, -30)


def picture(labels, rng):
    return np.where(labels > 0, 80, 180) + rng.normal(0, 8, labels.shape)


def test_a_jump_is_found_and_noise_is_not_sure():
    rng = np.random.default_rng(2)
    (labels,) = draw([Disc(1, 20, 30, 8), Disc(2, 40, 60, 6), Disc(3, 30, 80, 5)], 1)
    still = details_on_grid(picture(labels, rng))
    jumped = find_shift(still, details_on_grid(picture(np.roll(labels, (6, -9), (0, 1)), rng)))
    assert jumped.is_sure
    assert jumped.step == pytest.approx((6, -9), abs=0.2)
    again = find_shift(still, details_on_grid(picture(labels, rng)))
    assert again.is_sure
    assert again.step == pytest.approx((0, 0), abs=0.2)
    noise = details_on_grid(rng.normal(size=labels.shape))
    assert not find_shift(still, noise).is_sure
    assert not find_shift(noise, details_on_grid(rng.normal(size=labels.shape))).is_sure
    assert not find_shift(still, np.zeros_like(still)).is_sure


def test_a_field_that_hardly_moves_is_known_in_noise_that_hides_the_exact_step():
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:256, :256]
    discs = sum(np.hypot(y - a, x - b) < 14 for a, b in rng.uniform(20, 236, (14, 2)))
    frames = [details_on_grid(rng.poisson(4.0 - 0.6 * np.minimum(discs, 1))) for _ in range(4)]
    shifts = [find_shift(before, after) for before, after in pairwise(frames)]
    assert all(MIN_NEAR_SIGNIFICANCE <= shift.significance < MIN_SIGNIFICANCE for shift in shifts)
    assert all(shift.is_sure_of_place and not shift.is_sure for shift in shifts)
    empty = [details_on_grid(rng.poisson(4.0, (256, 256))) for _ in range(8)]
    assert not any(find_shift(before, after).is_sure_of_place for before, after in pairwise(empty))

import numpy as np
import pytest

from temtrack.imaging.correlation import MAX_GRID, correlate, grid_spacing


@pytest.mark.parametrize("shift", [(0, 0), (5, -3), (-12, 7)])
def test_the_peak_is_the_shift(shift):
    image = np.random.default_rng(0).normal(size=(60, 90)).astype(np.float32)
    after = np.roll(image, shift, (0, 1))
    found = correlate(image, after)
    assert found.peak == shift
    assert found.at(shift) == pytest.approx(found.sums.max())


def test_what_leaves_on_one_side_does_not_come_back_on_the_other():
    before, after = np.zeros((2, 40, 40), np.float32)
    before[2:6, 10:14] = after[36:40, 10:14] = 1
    assert correlate(before, after).peak == (34, 0)


def test_large_images_are_correlated_on_a_coarse_grid():
    assert [grid_spacing(shape) for shape in ((10, MAX_GRID), (MAX_GRID + 1, 10), (4096, 4096))] == [1, 2, 8]

import numpy as np
import pytest

from temtrack.segmentation.agreement import Agreement

STEP = 48


def discs(radius_px=10.0, left_out=0, shape=(240, 240)):
    """Return labels of discs on a grid, some of them left out, with outlines between pixels."""
    y, x = np.indices(shape)
    rows, columns = y // STEP, x // STEP
    inside = np.hypot(y % STEP - STEP / 2, x % STEP - STEP / 2) < radius_px
    ids = rows * (shape[1] // STEP) + columns + 1
    return np.where(inside & (ids > left_out), ids, 0).astype(np.int32)


def test_the_same_labels_agree_whatever_their_ids():
    one = discs()
    found = Agreement.of(one, np.where(one > 0, 30 - one, 0))
    assert (found.n_one, found.n_other, found.shared_fraction) == (25, 25, 1.0)
    assert (found.apart_px.max(), found.area_bias) == (0, 0)
    assert found.is_close


def test_outlines_are_apart_by_what_radii_differ():
    found = Agreement.of(discs(14.0), discs(14.6))
    assert np.median(found.apart_px) == pytest.approx(0.6, abs=0.15)
    assert found.area_bias == pytest.approx((14.6 / 14) ** 2 - 1, abs=0.02)
    assert not found.is_close


def test_outlines_that_waver_are_not_close_even_where_areas_are_the_same():
    one = discs()
    found = Agreement.of(one, np.roll(one, 1, axis=0))
    assert found.area_bias == 0
    assert np.median(found.apart_px) > 0.5
    assert not found.is_close


@pytest.mark.parametrize("swapped", [False, True])
def test_a_particle_that_one_of_both_lacks_is_told(swapped):
    pair = [discs(), discs(left_out=1)]
    found = Agreement.of(*(pair[::-1] if swapped else pair))
    assert found.shared_fraction == 24 / 25
    assert not found.is_close


def test_two_particles_seen_as_one_are_told():
    one = np.zeros((40, 80), np.int32)
    one[10:30, 10:30], one[10:30, 30:50] = 1, 2
    found = Agreement.of(one, np.minimum(one, 1))
    assert (found.n_one, found.n_other, len(found.shared)) == (2, 1, 0)


def test_agreements_add_up_and_nothing_agrees_with_nothing():
    empty = np.zeros((240, 240), np.int32)
    nothing = Agreement.of(empty, empty)
    assert not nothing.is_close
    both = nothing + Agreement.of(discs(), discs()) + Agreement.of(discs(), discs(left_out=1))
    assert (both.n_one, both.n_other, len(both.shared)) == (50, 49, 49)

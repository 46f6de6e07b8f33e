import numpy as np
import pytest
from scipy import ndimage

from temtrack.imaging.echo import find_echoes, log_power
from temtrack.imaging.margins import fill_margins
from temtrack.imaging.tear import explain_by_two, find_tear, tear_grid, tear_spacing

SHAPE = (160, 200)


def scene(seed, lattice=False, shape=(260, 300)):
    """Blurred spots at random, or on a disordered lattice."""
    rng = np.random.default_rng(seed)
    spots = np.zeros(shape, np.float32)
    if lattice:
        y, x = np.mgrid[5 : shape[0] - 5 : 12, 5 : shape[1] - 5 : 12]
        y, x = (one.ravel() + rng.integers(-1, 2, one.size) for one in (y, x))
    else:
        y, x = (rng.integers(0, n, 150) for n in shape)
    spots[y, x] = 100 * rng.uniform(0.5, 1, y.size)
    return ndimage.gaussian_filter(spots, 2.5) * 40


def view(world, y, x, rng, noise=5.0):
    seen = world[y : y + SHAPE[0], x : x + SHAPE[1]]
    return seen + rng.normal(0, noise, SHAPE)


@pytest.mark.parametrize("lattice", [False, True])
@pytest.mark.parametrize("apart", [(0, 7), (-9, -4), (12, 0), (15, -10)])
def test_a_second_exposure_is_found_with_its_shift(lattice, apart):
    rng = np.random.default_rng(0)
    world = scene(1, lattice)
    usual = np.mean([log_power(view(world, 40 + t, 40, rng)) for t in range(6)], axis=0)
    both = (view(world, 46, 40, rng) + view(world, 46 - apart[0], 40 - apart[1], rng)) / 2
    echo = find_echoes(log_power(both), usual, SHAPE)[0]
    assert echo.step_px in (apart, tuple(-a for a in apart))
    assert echo.significance > 8
    single = find_echoes(log_power(view(world, 46, 41, rng)), usual, SHAPE)[0]
    assert single.significance < 6


def test_two_copies_explain_two_exposures_and_not_one():
    rng = np.random.default_rng(0)
    world = scene(1)
    before, single, other = (tear_grid(view(world, y, x, rng)) for y, x in ((40, 40), (41, 40), (30, 52)))
    both = explain_by_two(before, (single + other) / 2, [(11.0, -12.0), (5.0, 5.0)])
    assert both.slopes == pytest.approx((0.5, 0.5), abs=0.1)
    assert both.log_odds > 100
    assert both.gain > 0.5
    assert explain_by_two(before, single, [(11.0, -12.0)]).gain < 0.05
    assert explain_by_two(before, single, []).gain == 0


@pytest.mark.parametrize("row", [40, 80, 120])
def test_a_tear_is_found_where_it_is(row):
    rng = np.random.default_rng(0)
    world = scene(1)
    before, after, later = (view(world, y, x, rng) for y, x in ((40, 40), (41, 40), (33, 49)))
    torn = np.concatenate([after[:row], later[row:]])
    tear = find_tear(tear_grid(before), tear_grid(torn))
    assert tear.row_fraction * SHAPE[0] == pytest.approx(row, abs=12)
    assert tear.steps_px == ((-1, 0), (7, -9))
    assert tear.log_odds > 50
    assert tear.gain > 0.1
    whole = find_tear(tear_grid(before), tear_grid(after))
    assert whole.log_odds < 10


def test_nothing_is_found_in_nothing():
    empty = np.zeros(SHAPE, np.float32)
    assert find_tear(empty, empty).log_odds == 0
    assert explain_by_two(empty, empty, [(3.0, 3.0)]).log_odds == 0
    assert find_echoes(log_power(empty), log_power(empty), SHAPE) == []


@pytest.mark.parametrize(("shape", "spacing"), [((100, 256), 1), ((512, 300), 2), ((1024, 900), 4)])
def test_a_large_frame_is_looked_at_on_a_coarse_grid(shape, spacing):
    grid = tear_grid(np.random.default_rng(0).normal(size=shape))
    assert tear_spacing(shape) == spacing
    assert grid.shape == tuple(-(-n // spacing) for n in shape)


def test_margins_without_a_picture_are_filled_from_beside_them():
    image = np.random.default_rng(0).normal(100, 5, (60, 80)).astype(np.float32)
    framed = image.copy()
    framed[:, -2:], framed[:3] = 255, 0
    filled = fill_margins(framed)
    np.testing.assert_array_equal(filled[3:, :-2], image[3:, :-2])
    np.testing.assert_array_equal(filled[3:, -1], image[3:, -3])
    np.testing.assert_array_equal(filled[0, :-2], image[3, :-2])
    assert fill_margins(image) is image
    flat = np.zeros((9, 9), np.float32)
    np.testing.assert_array_equal(fill_margins(flat), flat)

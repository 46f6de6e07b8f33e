import time

import numpy as np
import pytest

from temtrack.imaging.constellation import register_regions
from temtrack.imaging.labels import Regions

SIZE = 300


def regions(points, areas, size=SIZE):
    radius = np.sqrt(areas / np.pi)[:, None]
    cut = ((points < radius) | (points > size - 1 - radius)).any(axis=1)
    whole = np.maximum(np.rint(areas), 1).astype(np.int64)
    return Regions(np.arange(1, len(points) + 1), whole, points[:, 0], points[:, 1], cut)


def film(rng, spacing, diameter, spread=0.2, size=SIZE):
    """A lattice of particles, each somewhat off its place, a twentieth vacant, larger than the view."""
    y, x = np.mgrid[-size / 2 : 1.5 * size : spacing, -size / 2 : 1.5 * size : spacing]
    points = np.stack([y.ravel(), x.ravel()], axis=1) + rng.normal(0, 0.08 * spacing, (y.size, 2))
    points = points[rng.random(len(points)) > 0.05]
    return points, np.pi / 4 * diameter**2 * np.exp(rng.normal(0, spread, len(points)))


def loose(rng, n, diameter, size=SIZE):
    """Particles anywhere, so many in the view."""
    points = rng.uniform(-size / 2, 1.5 * size, (4 * n, 2))
    return points, np.pi / 4 * diameter**2 * np.exp(rng.normal(0, 0.2, len(points)))


def two_views(rng, points, areas, step, own_px=0.3, missed=0.2, size=SIZE):
    """Both frames: a step of all, own motion, areas that jitter by a tenth, particles missed in either."""

    def view(at):
        jitter = np.exp(rng.normal(0, 0.1, len(at)))
        seen = ((at > 0) & (at < size - 1)).all(axis=1) & (rng.random(len(at)) > missed)
        order = rng.permutation(np.flatnonzero(seen))
        return regions(at[order], (areas * jitter)[order], size)

    return view(points), view(points + np.array(step) + rng.normal(0, own_px, points.shape))


@pytest.mark.parametrize("step", [(0.2, -0.3), (-9, -4), (10, 0), (-20, 30), (83, -61)])
@pytest.mark.parametrize("seed", range(4))
def test_the_step_of_a_dense_film_is_not_mistaken_for_another_by_a_lattice_vector(step, seed):
    rng = np.random.default_rng(seed)
    found, share = register_regions(*two_views(rng, *film(rng, 10, 6), step))
    assert found == pytest.approx(step, abs=0.2)
    assert share == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("step", [(-9, -4), (83, -61)])
def test_vacancies_and_places_tell_where_all_are_of_one_size(step):
    rng = np.random.default_rng(0)
    found, _ = register_regions(*two_views(rng, *film(rng, 10, 6, spread=0.0), step, missed=0.05))
    assert found == pytest.approx(step, abs=0.2)


@pytest.mark.parametrize("step", [(0, 0), (-40, 25), (90, 70)])
def test_particles_that_move_by_up_to_a_diameter_and_are_missed_hide_no_jump(step):
    rng = np.random.default_rng(1)
    found, share = register_regions(*two_views(rng, *loose(rng, 60, 9), step, own_px=4))
    assert found == pytest.approx(step, abs=4)
    assert share > 0.5


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_a_few_particles_that_move_by_themselves_are_no_jump(n):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found, _ = register_regions(*two_views(rng, *loose(rng, n, 9), (2, -1), own_px=4), (2, -1))
        assert np.hypot(found[0] - 2, found[1] + 1) < 9


def test_three_particles_that_keep_their_triangle_have_jumped():
    points, areas = np.array([[30.0, 40.0], [90.0, 55.0], [60.0, 120.0]]), np.array([60.0, 90.0, 140.0])
    found, share = register_regions(
        regions(points, areas), regions(points[::-1] + np.array([70, 31]), areas[::-1])
    )
    assert found == pytest.approx((70, 31), abs=0.2)
    assert share == 1


def test_one_particle_that_is_elsewhere_tells_no_jump():
    one, other = (regions(np.array([at]), np.array([60.0])) for at in ((40.0, 50.0), (200.0, 90.0)))
    assert register_regions(one, other, (1.0, 2.0))[0] == (1.0, 2.0)


def test_nothing_before_or_after_leaves_the_expected_step():
    none, some = regions(np.zeros((0, 2)), np.zeros(0)), regions(np.array([[3.0, 4.0]]), np.array([9.0]))
    for pair in ((none, some), (some, none), (none, none)):
        assert register_regions(*pair, (1.0, 2.0)) == ((1.0, 2.0), 0.0)


def test_a_field_that_grows_by_a_fifth_of_a_percent_is_no_jump():
    rng = np.random.default_rng(0)
    before, after = two_views(rng, *film(rng, 10, 6), (0, 0))
    grown = Regions(after.ids, after.area_px, after.y_px * 1.002, after.x_px * 1.002, after.touches_border)
    assert register_regions(before, grown)[0] == pytest.approx((0.3, 0.3), abs=0.2)


def test_ids_mean_nothing():
    rng = np.random.default_rng(0)
    before, after = two_views(rng, *film(rng, 10, 6), (-9, -4))
    order = rng.permutation(after.ids.size)
    columns = (after.area_px, after.y_px, after.x_px, after.touches_border)
    shuffled = Regions(after.ids, *(column[order] for column in columns))
    assert register_regions(before, shuffled)[0] == pytest.approx(
        register_regions(before, after)[0], abs=1e-6
    )


def test_thousands_of_particles_cost_little():
    rng = np.random.default_rng(0)
    scene = film(rng, 14, 8, size=1000)
    pairs = [two_views(rng, *scene, step, size=1000) for step in ((0.5, 0.5), (-13, -6))]
    assert pairs[0][0].ids.size > 3500
    spent = []
    for pair in pairs:
        start = time.process_time()
        register_regions(*pair)
        spent.append(time.process_time() - start)
    assert spent[0] < 0.1  # no step needs to be tried but the expected one
    assert spent[1] < 0.5

from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import NM_PER_PX, growing

from temtrack.kinetics.bootstrap import (
    CONTOUR_ERRORS_PX,
    PowerSums,
    draw_contour_errors,
    gather_power_sums,
)

rng = np.random.default_rng


def test_a_draw_moves_all_contours_together():
    """One family is drawn whole each time, so only the contours differ from draw to draw."""
    diameters = np.array([[8.0, 9.0, 12.0], [20.0, 22.0, 23.0]])
    powers = np.stack([(diameters**power).sum(axis=0)[None] for power in range(4)])
    drawn = PowerSums(np.arange(3.0), powers, 6, pixel=2.0).resample(rng(0))
    moved = (drawn[1] - powers[1]) / drawn[0]
    for power in (2, 3):
        expected = [((diameters + by) ** power).sum(axis=0) for by in moved]
        np.testing.assert_allclose(drawn[power], expected)
    throughout, along, bent = CONTOUR_ERRORS_PX
    assert moved[:, 0].std() == pytest.approx(2 * np.hypot(throughout, np.hypot(along, bent)), rel=0.1)
    assert (moved[:, 2] - moved[:, 0]).std() == pytest.approx(4 * along, rel=0.1)


def test_particles_that_do_not_grow_are_off_by_one_and_the_same():
    powers = np.stack([np.full((1, 4), 10.0**power) for power in range(4)])
    drawn = PowerSums(np.arange(4.0), powers, 4, pixel=1.0).resample(rng(0))
    assert np.isfinite(drawn).all()
    assert np.ptp(drawn[1], axis=1) == pytest.approx(0)


def test_the_error_of_contours_is_in_the_runs_unit():
    assert gather_power_sums(growing(rng(0))).pixel == NM_PER_PX


def test_contours_of_small_particles_are_off_more_and_what_that_does_to_speeds():
    errors = draw_contour_errors(np.linspace(4.0, 40.0, 50), pixel=0.5, rng=rng(0))
    small, large = (np.array([e.speed_factor(np.array([d]), 0.5)[0] for e in errors]) for d in (5.0, 30.0))
    assert small.std() > 10 * large.std() > 0.01
    (one,) = (e for e in errors if e.small_px2 == max(e.small_px2 for e in errors))
    before, after = (one.moved(np.array([d]), 0.5)[0] for d in (10.0, 9.99))
    steeper = replace(one, tilt=0.0).speed_factor(np.array([10.0]), 0.5)[0]
    assert (before - after) / 0.01 == pytest.approx(steeper, rel=0.01)

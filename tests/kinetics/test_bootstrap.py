import numpy as np
import pytest
from kinetic_laws import NM_PER_PX, growing

from temtrack.kinetics.bootstrap import CONTOUR_ERRORS_PX, PowerSums, gather_power_sums

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

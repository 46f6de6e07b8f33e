import numpy as np
import pytest
from kinetic_laws import NM_PER_PX, growing

from temtrack.analysis.kinetics.bootstrap import OUTLINE_ERROR_PX, PowerSums, gather_power_sums

rng = np.random.default_rng


def test_a_draw_moves_all_outlines_together():
    """One family is drawn whole each time, so only the outlines differ from draw to draw."""
    diameters = np.array([[8.0, 9.0], [20.0, 22.0]])
    powers = np.stack([(diameters**power).sum(axis=0)[None] for power in range(4)])
    drawn = PowerSums(np.array([0.0, 1.0]), powers, 4, outline_error=0.5).resample(rng(0))
    moved = (drawn[1] - powers[1]) / drawn[0]
    assert moved[:, 0] == pytest.approx(moved[:, 1])
    assert moved.std() == pytest.approx(0.5, rel=0.1)
    for power in (2, 3):
        expected = [((diameters + by) ** power).sum(axis=0) for by in moved[:, 0]]
        np.testing.assert_allclose(drawn[power], expected)


def test_the_error_of_outlines_is_in_the_runs_unit():
    assert gather_power_sums(growing(rng(0))).outline_error == OUTLINE_ERROR_PX * NM_PER_PX

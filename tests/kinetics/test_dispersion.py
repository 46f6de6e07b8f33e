import numpy as np
import pytest
from kinetic_laws import World, growing, losing_dispersion

from temtrack.kinetics.bootstrap import gather_power_sums
from temtrack.kinetics.dispersion import measure_dispersion

rng = np.random.default_rng


def fit(run, seed=0):
    return {row.quantity: row for row in measure_dispersion(gather_power_sums(run), rng(seed))}


@pytest.mark.parametrize("order", [1, 2])
def test_rate_final_dispersion_and_order_are_found_in_most_seeds(order):
    fits = [fit(losing_dispersion(rng(seed), order, rate=0.05, final=0.3)) for seed in range(20)]
    for name, truth in ((f"gple_rate_n{order}", 0.05), (f"gple_final_dispersion_n{order}", 0.3)):
        assert sum(rows[name].low <= truth <= rows[name].high for rows in fits) >= 17
    support = np.array([rows["gple_order_2_support"].value for rows in fits])
    assert np.mean((support > 0.5) == (order == 2)) >= 0.95


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (growing(rng(0), ratio=1.0), "does not fall"),
        (growing(rng(0), world=World(n_particles=4)), "too few particles: 4"),
        (growing(rng(0), world=World(n_frames=5)), "too few times: 5"),
    ],
)
def test_what_cannot_be_told_is_refused(run, reason):
    row = fit(run)["gple_rate_n2"]
    assert row.value is None
    assert reason in row.reason


def test_without_times_all_is_refused():
    assert all("--frame-time" in row.reason for row in measure_dispersion(None, rng(0)))

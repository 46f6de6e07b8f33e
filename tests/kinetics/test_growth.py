from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, growing, growth_constant

from temtrack.kinetics.bootstrap import gather_power_sums
from temtrack.kinetics.growth import measure_growth

rng = np.random.default_rng


def fit(run, seed=0):
    return {row.quantity: row for row in measure_growth(gather_power_sums(run), run.length_unit, rng(seed))}


def test_the_true_exponent_lies_in_the_interval_in_most_seeds():
    rows = [fit(growing(rng(seed), exponent=3.0))["growth_exponent"] for seed in range(20)]
    assert sum(row.low <= 3 <= row.high for row in rows) >= 17
    assert np.median([row.high - row.low for row in rows]) < 0.8


def test_the_exponent_is_told_apart_from_others():
    row = fit(growing(rng(1), exponent=5.0))["growth_exponent"]
    assert row.low > 3
    assert row.low <= 5 <= row.high


def test_the_constant_is_that_of_its_exponent():
    world = World(n_particles=400, spread=0.05)
    row = fit(growing(rng(2), exponent=4.0, world=world))["growth_constant_n4"]
    assert row.unit == "nm4/s"
    assert row.value == pytest.approx(growth_constant(4.0, world=world), rel=0.05)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (growing(rng(0), ratio=1.0), "does not grow"),
        (growing(rng(0), world=World(n_particles=5)), "too few particles: 5"),
        (growing(rng(0), world=World(n_frames=4)), "too few times: 4"),
    ],
)
def test_what_cannot_be_told_is_refused(run, reason):
    row = fit(run)["growth_exponent"]
    assert (row.value, row.low, row.high) == (None, None, None)
    assert reason in row.reason


def test_without_scale_the_exponent_stays_and_the_constants_are_refused():
    rows = fit(replace(growing(rng(0)), pixel_size_nm=None))
    assert rows["growth_exponent"].value == pytest.approx(3, abs=0.3)
    assert "--pixel-size" in rows["growth_constant_n3"].reason


def test_without_times_all_is_refused():
    rows = measure_growth(None, "nm", rng(0))
    assert all(row.value is None and "--frame-time" in row.reason for row in rows)

from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, coalescing, evaporating, growing, ripening, ripening_constant

from temtrack.kinetics.rates import gather_rates, measure_rates
from temtrack.kinetics.ripening import measure_ripening

rng = np.random.default_rng
LARGE = World(n_particles=150, spread=0.3)


def found(run, seed=0):
    return {row.quantity: row for row in measure_ripening(run, rng(seed))}


@pytest.mark.parametrize(("power", "rate", "name"), [(0.0, 100.0, "diffusion"), (1.0, 15.0, "interface")])
def test_diffusion_and_interface_are_told_apart(power, rate, name):
    rows = found(ripening(rng(1), rate, LARGE, power))
    assert rows["ripening_power"].low < power < rows["ripening_power"].high
    assert not rows["ripening_power"].low < 1 - power < rows["ripening_power"].high
    assert rows["interface_law_support"].value == pytest.approx(power, abs=0.03)
    constant = rows[f"ripening_constant_{name}"]
    assert constant.low < ripening_constant(rate, power) < constant.high


def test_the_critical_radius_is_where_particles_of_that_window_neither_grow_nor_shrink():
    run = ripening(rng(2), 15.0, LARGE, 1.0)
    rows = [
        r for r in measure_ripening(run, rng(0)) if r.quantity == "critical_radius" and r.value is not None
    ]
    assert len(rows) >= 4
    for row in rows:
        d = run.whole.loc[run.whole["frame"] == row.frame, "diameter"]
        assert row.low - 0.3 < d.mean() / 2 < row.high + 0.3  # of the interface law it is the mean radius
    assert rows[-1].value > rows[0].value


def test_the_rates_cross_zero_at_it():
    run = ripening(rng(2), 15.0, LARGE, 1.0)
    rows = measure_rates(run, rng(0))
    for name in ("volume_rate", "radius_rate"):
        curve = [row for row in rows if row.quantity == name]
        assert [row.at for row in curve] == sorted(row.at for row in curve)
        assert curve[0].high < 0 < curve[-1].low
        assert all(row.low < row.value < row.high for row in curve)


def test_the_rate_of_what_shrinks_at_one_speed_is_that_speed():
    rows = [row for row in measure_rates(evaporating(rng(0), 0.05), rng(0)) if row.quantity == "radius_rate"]
    assert sum(row.low < -0.025 < row.high for row in rows) >= len(rows) - 1


def test_a_diameter_that_leaps_is_no_speed():
    run = evaporating(rng(0), 0.05)
    leaping = run.particles["particle_id"].isin([3, 8, 20]) & (run.particles["frame"] >= 25)
    wrong = run.particles.assign(
        equivalent_diameter_px=run.particles["equivalent_diameter_px"] + 9.0 * leaping.to_numpy()
    )
    with_leaps = replace(run, particles=wrong)
    assert gather_rates(with_leaps).speed.max() < 0
    assert gather_rates(run).speed.size == pytest.approx(gather_rates(with_leaps).speed.size, abs=4)


def test_evaporation_that_small_particles_speed_up_is_told_from_one_that_they_do_not():
    speeds = ((0.05, 0.0), (0.02, 2.0))
    slow, fast = (
        found(evaporating(rng(1), speed, length_nm=length))["gibbs_thomson_length"]
        for speed, length in speeds
    )
    assert slow.low < 0 < slow.high
    assert 0 < fast.low < 2 < fast.high


def test_what_does_not_ripen_is_refused():
    rows = found(growing(rng(0)))
    assert "small particles shrink" in rows["ripening_power"].reason
    assert "do not shrink" in rows["gibbs_thomson_length"].reason
    assert all(row.value is None for row in rows.values())
    assert all(row.value is None for row in measure_ripening(evaporating(rng(0)), rng(0))[:5])


def test_what_is_missing_is_named():
    run = ripening(rng(0))
    few = ripening(rng(0), world=World(n_particles=6))
    for measure in (measure_rates, measure_ripening):
        assert all("--frame-time" in row.reason for row in measure(replace(run, seconds=None), rng(0)))
        assert all("too few" in row.reason for row in measure(few, rng(0)))
        units = {row.unit for row in measure(replace(run, pixel_size_nm=None), rng(0))}
        assert units <= {"px3/s", "px4/s", "px/s", "px", "1"}


def test_a_child_that_becomes_round_does_not_shrink():
    run = coalescing(rng(2), n_merges=40)
    aspect = run.particles["major_axis_px"] / run.particles["minor_axis_px"]
    wider = run.particles["equivalent_diameter_px"] * aspect ** (1 / 6)  # a spheroid of the same volume
    run = replace(run, particles=run.particles.assign(equivalent_diameter_px=wider))
    told = [row for row in measure_rates(run, rng(0)) if row.quantity == "radius_rate"]
    assert all(row.low < 0 < row.high for row in told)
    whole = replace(run, merges=run.merges.iloc[:0])
    assert min(row.high for row in measure_rates(whole, rng(0)) if row.quantity == "radius_rate") < 0

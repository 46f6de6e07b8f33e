from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, disappearing, observe, uncalibrated

from temtrack.errors import InputError
from temtrack.formats.run_log import read_run_log
from temtrack.kinetics.conditions import measure_conditions

rng = np.random.default_rng


def test_rates_follow_what_was_logged():
    run = disappearing(rng(0), 1.0, 0.003, change_s=100, change=4.0)
    pressure = np.where(run.seconds > 100, 8.0, 2.0) + run.seconds / 1e3
    rows = [
        row
        for row in measure_conditions(run, "Gas pressure", "mbar", pressure, rng(0))
        if "coalescence" in row.quantity
    ]
    assert {row.quantity for row in rows} == {"coalescence_rate_over_gas_pressure"}
    assert [row.at_unit for row in rows] == ["mbar"] * 4
    low, high = (row for row in (rows[0], rows[-1]))
    assert low.at < 3 < 7 < high.at
    assert low.low < 0.003 < low.high < high.low < 0.012 < high.high
    same, *_ = measure_conditions(run, "dose", "1", np.full(run.n_frames, 3.0), rng(0))
    assert same.reason == "dose is the same in all frames"
    some = np.where(np.arange(run.n_frames) < 5, 1.0, np.nan)
    few, *_ = measure_conditions(run, "dose", "1", some, rng(0))
    assert "too few frames with a dose" in few.reason
    unknown = measure_conditions(replace(run, merges=None), "dose", "1", pressure, rng(0))
    assert "--merges" in unknown[0].reason
    growth = [row for row in unknown if row.quantity == "radius_rate_over_dose"]
    assert growth[-1].value is not None  # growth needs no merges


def test_levels_of_what_was_logged_are_kept_apart():
    run = disappearing(rng(0), 1.0, 0.003, change_s=60, change=4.0)
    level = np.where(run.seconds > 60, 300.0, 100.0)
    told = measure_conditions(run, "dose rate", "e/nm2/s", level, rng(0))
    rows = [row for row in told if "coalescence" in row.quantity]
    assert [row.at for row in rows] == [100, 300]
    assert rows[0].high < rows[1].low


def test_growth_follows_what_was_logged():
    world = World(n_frames=40)
    slow, fast = 0.01, 0.06  # nm/s of the radius
    speed = np.where(np.arange(world.n_frames) < 20, slow, fast)
    gained = np.append(0.0, 2 * np.cumsum(speed * world.frame_time_s)[:-1])
    sizes = world.diameter_nm * world.relative_sizes(rng(1))[:, None] + gained
    run = observe(world, sizes, rng(2))
    heat = np.where(np.arange(world.n_frames) < 20, 300.0, 700.0)
    told = measure_conditions(run, "temperature", "°C", heat, rng(0))
    cold, hot = (row for row in told if row.quantity == "radius_rate_over_temperature")
    assert (cold.at, hot.at, hot.unit, hot.at_unit) == (300, 700, "nm/s", "°C")
    assert cold.low < slow < cold.high < hot.low < fast < hot.high
    nucleation = [row for row in told if row.quantity == "nucleation_rate_over_temperature"]
    assert [(row.value, row.unit) for row in nucleation] == [(0, "1/nm2/s")] * 2


def test_diffusion_follows_what_was_logged():
    world = World(n_frames=60)
    slow, fast = 0.1, 0.8  # nm2/s
    heat = np.where(np.arange(world.n_frames) < 30, 300.0, 700.0)
    spread = np.sqrt(2 * np.where(heat < 500, slow, fast) * world.frame_time_s)
    steps = rng(1).normal(0, 1, (world.n_particles, world.n_frames, 2)) * spread[:, None]
    sizes = np.broadcast_to(world.diameter_nm * world.relative_sizes(rng(2))[:, None], steps.shape[:2])
    run = observe(world, sizes, rng(3), steps_nm=np.cumsum(steps, axis=1))
    told = measure_conditions(run, "temperature", "°C", heat, rng(0))
    cold, hot = (row for row in told if row.quantity == "diffusion_over_temperature")
    assert (cold.at, hot.at, hot.unit, hot.at_unit) == (300, 700, "nm2/s", "°C")
    assert cold.low < slow < cold.high < hot.low < fast < hot.high
    no_scale = measure_conditions(uncalibrated(run, times=False), "temperature", "°C", heat, rng(0))
    assert "pixel size" in no_scale[-1].reason


def test_a_dose_rate_gives_the_dose(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("time (s),dose rate (e-/A2/s),pressure (mbar/s)\n0,1,2\n10,3,2\n30,3,2\n")
    rate, pressure = read_run_log(path)
    assert (rate.dose.name, rate.dose.unit, pressure.dose) == ("cumulative dose", "e-/A2", None)
    np.testing.assert_allclose(rate.dose.at(np.array([0.0, 10.0, 20.0])), [0, 20, 50])


def test_a_log_is_read_with_its_units(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("Time (min),pressure [mbar],note,dose rate (e/nm2/s)\n0,1,a,5\n1,3,b,\n2,5,c,9\n")
    pressure, dose = read_run_log(path)
    assert (pressure.name, pressure.unit, dose.unit) == ("pressure", "mbar", "e/nm2/s")
    np.testing.assert_allclose(pressure.at(np.array([30.0, 120.0, 121.0])), [2, 5, np.nan])
    np.testing.assert_allclose(dose.seconds, [0, 120])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no column of time among 'a', 'b'"),
        ("time,b\n1,2\n", "'time' has no unit of time"),
        ("time (s),b\n1,x\n2,y\n", "no column of numbers beside the time"),
        (
            "time (s),b\n2026-05-01 12:00:00,1\n2026-05-01 12:00:09,2\n",
            "holds no numbers; give the time since",
        ),
    ],
)
def test_a_log_that_says_too_little_is_one_clear_line(tmp_path, text, words):
    path = tmp_path / "run.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_run_log(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_run_log(tmp_path / "none.csv")

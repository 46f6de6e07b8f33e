from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, disappearing, growing, ripening

from temtrack.kinetics.events import count_present
from temtrack.kinetics.forecast import Rates, advance, first_half, measure_forecast

rng = np.random.default_rng
LARGE = World(n_particles=150, spread=0.3)


@pytest.mark.parametrize("simulate", [lambda r: ripening(r, 15.0, LARGE, 1.0), disappearing])
def test_the_number_at_twice_the_time_is_forecast(simulate):
    run = simulate(rng(1))
    *curve, score = measure_forecast(run, rng(0))
    assert abs(score.value) < 0.15
    assert score.low < 0 < score.high
    seen = np.interp([row.at for row in curve], run.seconds, count_present(run))
    assert all(abs(row.value / n - 1) < 0.15 for row, n in zip(curve, seen, strict=True))


def test_nothing_of_the_second_half_is_known():
    run = ripening(rng(1), 15.0, LARGE, 1.0)
    later = run.particles["frame"] >= 30
    other = replace(run, particles=run.particles.assign(area_px=run.particles["area_px"].mask(later, 1.0)))
    assert first_half(run, 30).particles.equals(first_half(other, 30).particles)
    assert set(first_half(run, 30).tracks["end_frame"]) <= set(range(30))


def test_volume_stays_and_ripening_thins_out():
    rates = Rates(1.0, np.full(3, 20.0), np.zeros(3))
    numbers = advance(rng(0).uniform(2, 6, (3, 200)), np.array([10.0, 50.0]), rates, (1.0, 100, 100), rng(0))
    assert (numbers[:, 1] < numbers[:, 0]).all()
    still = advance(
        np.full((3, 50), 4.0), np.array([10.0]), replace(rates, ripening=np.zeros(3)), (1.0, 9, 9), rng(0)
    )
    assert (still == 50).all()


def test_what_cannot_be_carried_on_is_refused():
    assert "nothing to carry on" in measure_forecast(growing(rng(0)), rng(0))[-1].reason
    assert "--frame-time" in measure_forecast(replace(growing(rng(0)), seconds=None), rng(0))[-1].reason
    short = growing(rng(0), world=World(n_frames=20))
    assert "too few frames in the first half" in measure_forecast(short, rng(0))[-1].reason

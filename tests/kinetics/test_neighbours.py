from dataclasses import replace

import numpy as np
from kinetic_laws import World, exchanging, ripening

from temtrack.kinetics.neighbours import measure_neighbours

rng = np.random.default_rng


def measure(run):
    return measure_neighbours(run, rng(0))


def test_exchange_with_neighbours_is_told_and_so_is_its_length():
    correlation, p, length = measure(exchanging(rng(2), screening_nm=20.0))
    assert correlation.low > 0
    assert p.value is None or p.value < 0.01
    assert length.low < 20 < length.high


def test_in_a_mean_field_gains_do_not_follow_neighbours():
    correlation, p, length = measure(exchanging(rng(1)))
    assert correlation.low < 0 < correlation.high
    assert p.value > 0.05
    assert "do not follow" in length.reason


def test_what_is_missing_is_named():
    run = exchanging(rng(1))
    assert all("--frame-time" in row.reason for row in measure(replace(run, seconds=None)))
    assert measure(replace(run, pixel_size_nm=None))[2].unit == "px"
    few = measure(ripening(rng(0), world=World(n_particles=15, spread=0.1)))
    assert all("too few" in row.reason for row in few)
    flat = run.particles.assign(y_px=100.0)
    assert all("on one line" in row.reason for row in measure(replace(run, particles=flat)))

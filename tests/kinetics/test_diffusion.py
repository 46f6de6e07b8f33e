from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, diffusing

from temtrack.kinetics.diffusion import displacement_sums, measure_diffusion

rng = np.random.default_rng


def test_diffusion_and_error_lie_in_their_intervals_in_most_seeds():
    rows = [measure_diffusion(diffusing(rng(seed), 0.5, 0.3), rng(0)) for seed in range(20)]
    assert sum(one.low <= 0.5 <= one.high for one, _ in rows) >= 17
    assert sum(one.low <= 0.3 <= one.high for _, one in rows) >= 17


def test_drift_alone_is_no_diffusion():
    (row, _) = measure_diffusion(diffusing(rng(0), diffusion=0.0, error_nm=0.3, drift_nm=5.0), rng(0))
    assert row.value is None or row.value < 0.01


def test_a_gap_in_a_track_bridges_no_displacement():
    run = diffusing(rng(0), error_nm=0.0, drift_nm=0.0)
    gap = (run.particles["particle_id"] == 1) & (run.particles["frame"] == 30)
    whole, holed = (displacement_sums(one)[1] for one in (run, replace(run, particles=run.particles[~gap])))
    assert (whole - holed)[0].tolist() == [2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pixel_size_nm": None}, "--pixel-size"),
        ({"seconds": None}, "--frame-time"),
        ({"seconds": np.arange(60.0) ** 2}, "not evenly spaced"),
    ],
)
def test_what_it_needs_is_named(change, reason):
    rows = measure_diffusion(replace(diffusing(rng(0)), **change), rng(0))
    assert all(row.value is None and reason in row.reason for row in rows)


def test_few_particles_are_refused():
    (row, _) = measure_diffusion(diffusing(rng(0), world=World(n_particles=6)), rng(0))
    assert "too few families" in row.reason

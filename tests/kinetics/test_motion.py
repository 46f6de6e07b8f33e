from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, diffusing

from temtrack.kinetics.diffusion import displacement_sums, fit_line
from temtrack.kinetics.motion import measure_motion

rng = np.random.default_rng
MANY = World(n_particles=120, spread=0.35)


def measure(seed=0, **how):
    rows = measure_motion(diffusing(rng(seed), world=MANY, **how), rng(0))
    first = {}
    for row in rows:
        first.setdefault(row.quantity, row)
    return rows, first


@pytest.mark.parametrize("exponent", [0.0, 3.0])
def test_how_diffusion_falls_with_size_is_told(exponent):
    rows, told = measure(seed=2, size_exponent=exponent)
    row = told["diffusion_size_exponent"]
    assert row.low < exponent < row.high
    assert not row.low < 3 - exponent < row.high
    curve = [row for row in rows if row.quantity == "diffusion_over_radius"]
    assert len(curve) == 6
    assert sum(r.low < 0.5 * (r.at / 5) ** -exponent < r.high for r in curve) >= 4


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.5])
def test_anomalous_motion_is_told_from_brownian(alpha):
    row = measure(seed=1, hurst=alpha / 2)[1]["anomalous_exponent"]
    assert row.low - 0.05 < alpha < row.high + 0.05
    assert alpha == 1 or not row.low < 1 < row.high


def test_a_share_of_the_particles_is_mobile():
    told = measure(mobile=0.4)[1]
    assert told["mobile_share"].low < 0.4 < told["mobile_share"].high
    diffusion = told["mobile_diffusion_coefficient"]
    assert diffusion.low < 0.5 < diffusion.high
    assert told["non_gaussian_parameter"].low > 0.2
    alike = measure()[1]
    assert "move alike" in alike["mobile_share"].reason
    assert abs(alike["non_gaussian_parameter"].value) < 0.05


def test_steps_remember_only_where_the_motion_does():
    assert measure(hurst=0.75)[1]["velocity_correlation"].low > 0.2
    assert measure(hurst=0.35)[1]["velocity_correlation"].high < -0.1
    assert abs(measure(error_nm=0.0)[1]["velocity_correlation"].value) < 0.05


def test_the_line_goes_through_the_mean_squared_displacements():
    run = diffusing(rng(0), diffusion=0.5, error_nm=0.0)
    squares, n_steps = (one.sum(axis=0)[None] for one in displacement_sums(run))
    slope, offset = fit_line(squares, n_steps, 2.0)
    line = 4 * (slope * 2.0 * np.arange(1, 6) + offset)
    assert np.abs((line - squares[0] / n_steps[0]) / line).max() < 0.1


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"pixel_size_nm": None}, "--pixel-size"), ({"seconds": None}, "--frame-time")],
)
def test_what_it_needs_is_named(change, reason):
    rows = measure_motion(replace(diffusing(rng(0)), **change), rng(0))
    assert all(row.value is None and reason in row.reason for row in rows)
    few = measure_motion(diffusing(rng(0), world=World(n_particles=6)), rng(0))
    assert all("too few families" in row.reason for row in few)

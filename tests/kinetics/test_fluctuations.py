from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, coalescing, evaporating, fluctuating, uncalibrated

from temtrack.kinetics.fluctuations import measure_fluctuations

rng = np.random.default_rng


def found(run, seed=0):
    return {row.quantity: row for row in measure_fluctuations(run, rng(seed)) if row.at is None}


def test_wandering_volumes_are_told_from_drift_and_noise():
    rows = found(fluctuating(rng(1), diffusion=100.0, rate=5.0))
    told = rows["volume_diffusion"]
    assert told.low < 100 < told.high
    assert told.unit == "nm6/s"
    assert rows["volume_noise"].low < np.pi / 2 * 10**2 * 0.15 * 1.1 < rows["volume_noise"].high


def test_a_drift_alone_is_no_fluctuation():
    told = found(fluctuating(rng(2), diffusion=0.0, rate=5.0))["volume_diffusion"]
    assert told.value is None
    assert told.reason.startswith("no fluctuation beyond drift and noise: D at most ")


def test_what_evaporates_ever_faster_does_not_fluctuate():
    run = evaporating(rng(1), 0.05, World(size_noise_nm=0.05))
    assert found(run)["volume_diffusion"].value is None  # second differences told 0.3 to 1.4 nm6/s


def test_faults_of_single_masks_are_left_out():
    run = fluctuating(rng(3), diffusion=100.0)
    rows = run.particles.copy()
    hit = rng(0).random(len(rows)) < 0.01
    rows.loc[hit, "equivalent_diameter_px"] *= 2
    told, spoiled = (found(one)["volume_diffusion"] for one in (run, replace(run, particles=rows)))
    assert spoiled.low < told.value < spoiled.high


def test_a_merge_under_a_kept_id_is_no_fluctuation():
    run = coalescing(rng(4), n_merges=40)
    parent = dict(zip(run.merges["child_id"], (ids[0] for ids in run.merges["parent_ids"]), strict=True))
    kept = run.particles.assign(particle_id=run.particles["particle_id"].replace(parent))
    merges = run.merges.assign(child_id=[ids[0] for ids in run.merges["parent_ids"]])
    assert found(replace(run, particles=kept, merges=merges))["volume_diffusion"].value is None


def test_the_curve_over_radius_is_level_where_all_wander_alike():
    rows = measure_fluctuations(fluctuating(rng(5), diffusion=200.0), rng(0))
    curve = [row for row in rows if row.at is not None]
    assert len(curve) == 4
    assert sorted(row.at for row in curve) == [row.at for row in curve]
    assert all(row.low < 200 < row.high for row in curve)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (fluctuating(rng(0), world=World(n_particles=6)), "too few families"),
        (uncalibrated(fluctuating(rng(0)), scale=False), "frame times unknown"),
    ],
)
def test_it_is_refused_where_nothing_can_be_told(run, reason):
    assert all(row.value is None and reason in row.reason for row in measure_fluctuations(run, rng(0)))

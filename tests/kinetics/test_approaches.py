from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import coalescing

from temtrack.kinetics.approaches import measure_approaches
from temtrack.kinetics.conservation import measure_conservation
from temtrack.kinetics.necks import measure_necks

rng = np.random.default_rng


def named(rows):
    return {row.quantity: row for row in rows}


def test_speed_way_and_contact_are_those_simulated():
    rows = measure_approaches(coalescing(rng(0), speed_nm_s=0.3))
    speeds = [row for row in rows if row.quantity == "approach_speed" and row.value is not None]
    assert sum(row.low < 0.3 < row.high for row in speeds) >= 0.85 * len(speeds) > 20
    told = named(rows)
    assert told["approach_speed_median"].low < 0.3 < told["approach_speed_median"].high
    assert told["smaller_parent_way_share"].value > 0.95
    assert told["contact_time_median"].value == 2
    assert told["contact_time_median"].low < 2 < told["contact_time_median"].high


def test_the_gap_closes_towards_the_merge():
    curve = [r for r in measure_approaches(coalescing(rng(0))) if r.quantity == "gap_before_merge"]
    assert [row.at for row in curve] == [-2.0 * lag for lag in range(20, 0, -1)]
    assert all(row.value == pytest.approx(-0.3 * row.at, abs=0.1) for row in curve)
    assert all(row.low <= row.value <= row.high for row in curve)


@pytest.mark.parametrize("power", [2.0, 3.0])
def test_the_power_that_merges_conserve_is_found(power):
    rows = named(measure_conservation(coalescing(rng(1), power=power, relax_s=5.0), rng(0)))
    assert rows["merge_conserved_power"].low < power < rows["merge_conserved_power"].high
    assert not rows["merge_conserved_power"].low < 5 - power < rows["merge_conserved_power"].high
    ratio = rows["merge_area_ratio" if power == 2 else "merge_volume_ratio"]
    assert ratio.low < 1 < ratio.high
    assert "too few" in rows["merge_mass_ratio"].reason


def test_optical_mass_is_conserved_where_it_is_known():
    run = coalescing(rng(1))
    particles = run.particles.assign(optical_mass=run.particles["equivalent_diameter_px"] ** 3)
    row = named(measure_conservation(replace(run, particles=particles), rng(0)))["merge_mass_ratio"]
    assert row.low < row.value < row.high
    assert row.value == pytest.approx(1, abs=0.03)


def test_the_neck_exponent_of_all_is_surer_than_that_of_one():
    rows = measure_necks(coalescing(rng(0)))
    told = named(rows)
    single = [row.high - row.low for row in rows if row.quantity == "neck_exponent" and row.low and row.high]
    for stage in ("", "_early", "_late"):
        row = told[f"neck_exponent{stage}_pooled"]
        assert row.low < 5 < row.high
    pooled = told["neck_exponent_pooled"]
    assert pooled.high - pooled.low < np.median(single) / 3


def test_too_few_and_unknown_merges_are_refused():
    run = coalescing(rng(0), n_merges=3)
    few = named([*measure_approaches(run), *measure_conservation(run, rng(0))])
    assert "too few merges" in few["approach_speed_median"].reason
    assert "too few merges" in few["merge_conserved_power"].reason
    unknown = replace(run, merges=None)
    for rows in (measure_approaches(unknown), measure_conservation(unknown, rng(0)), measure_necks(unknown)):
        assert all("--merges" in row.reason for row in rows)
    untimed = named(measure_approaches(replace(coalescing(rng(0)), seconds=None)))
    assert "--frame-time" in untimed["approach_speed"].reason
    assert untimed["gap_before_merge"].at_unit == "frame"


def test_bad_frames_leave_gaps_out():
    run = coalescing(rng(0))
    bad = frozenset(int(frame) - 2 for frame in run.merges["frame"])
    lags = {
        r.at for r in measure_approaches(replace(run, bad_frames=bad)) if r.quantity == "gap_before_merge"
    }
    assert -4.0 not in lags

"""Frames whose masks the tracker did not believe, and what it filled in, leave every quantity alone."""

from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import coalescing, diffusing, growing, ripening

from temtrack.kinetics.diffusion import measure_diffusion
from temtrack.kinetics.measure import measure_kinetics, sampled_frames

BAD = frozenset({10, 11, 25, 40})

RUNS = {"growing": growing, "ripening": ripening, "coalescing": coalescing, "diffusing": diffusing}


def spoiled(run, rng, which):
    """The run with some of its rows anywhere and of any size."""
    rows = run.particles.copy()
    n = int(which.sum())
    rows.loc[which, ["y_px", "x_px"]] = rng.uniform(0, 500, (n, 2))
    rows.loc[which, "area_px"] *= rng.uniform(0.2, 5, n)
    rows.loc[which, "equivalent_diameter_px"] *= rng.uniform(0.4, 2.2, n)
    rows.loc[which, ["major_axis_px", "minor_axis_px"]] *= rng.uniform(0.5, 2, (n, 2))
    return replace(run, particles=rows)


def told(run):
    return [
        (one.quantity, one.frame, one.event_id, one.value, one.low, one.high, one.n)
        for one in measure_kinetics(run, np.random.default_rng(0))
    ]


@pytest.mark.parametrize("name", RUNS)
def test_what_bad_frames_show_changes_nothing(name):
    rng = np.random.default_rng(1)
    run = replace(RUNS[name](rng), bad_frames=BAD)
    assert told(spoiled(run, rng, run.particles["frame"].isin(BAD).to_numpy())) == told(run)


@pytest.mark.parametrize("name", RUNS)
def test_what_was_filled_in_changes_nothing(name):
    rng = np.random.default_rng(1)
    run = RUNS[name](rng)
    filled = rng.random(len(run.particles)) < 0.05
    run = replace(run, particles=run.particles.assign(gap_filled=filled))
    assert told(spoiled(run, rng, filled)) == told(run)


def test_the_drift_over_a_bad_frame_is_no_diffusion():
    run = diffusing(np.random.default_rng(0), diffusion=0.0, error_nm=0.3, drift_nm=5.0)
    (row, _) = measure_diffusion(replace(run, bad_frames=BAD), np.random.default_rng(0))
    assert row.value is None or row.value < 0.01


def test_ripening_is_told_from_evaporation_though_frames_are_missing():
    rng = np.random.default_rng(1)
    run = ripening(rng)
    last = run.tracks.loc[run.tracks["fate"] == "dissolved", "end_frame"].to_numpy()
    bad = frozenset((last + 1).tolist()[::3]) - set(last.tolist())
    shares = [
        {one.quantity: one.value for one in measure_kinetics(each, np.random.default_rng(0))}[
            "ripening_fraction"
        ]
        for each in (run, replace(run, bad_frames=bad))
    ]
    assert shares[1] == pytest.approx(shares[0], abs=0.1)


def test_no_bad_frame_is_described():
    assert sampled_frames(np.array([2, 3, 7])) == [2, 3, 7]
    assert sampled_frames(np.array([], dtype=np.intp)) == []

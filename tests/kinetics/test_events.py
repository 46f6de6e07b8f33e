from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import World, coalescing, disappearing, growing, ripening
from scipy import stats

from temtrack.kinetics.events import count_present, lifetimes, measure_events

rng = np.random.default_rng


def measure(run):
    rows = measure_events(run, rng(0))
    return rows, {row.quantity: row for row in rows}


@pytest.mark.parametrize("order", [1.0, 2.0])
def test_the_order_of_coalescence_is_told_from_the_other(order):
    for seed in range(4):
        row = measure(disappearing(rng(seed), order))[1]["coalescence_order"]
        assert not row.low <= 3 - order <= row.high
        assert row.low - 0.25 < order < row.high + 0.25


def test_a_change_of_the_rate_is_found_where_there_is_one():
    told = measure(disappearing(rng(0), 1.0, 0.003, change_s=100, change=4.0))[1]
    assert told["coalescence_rate_change_time"].low < 100 < told["coalescence_rate_change_time"].high
    assert told["coalescence_rate_change_p_value"].high < 0.003
    steady = measure(disappearing(rng(0), 1.0))[1]
    assert "does not change" in steady["coalescence_rate_change_time"].reason


def test_rates_and_hazard_agree_with_the_events():
    run = disappearing(rng(1), 1.0)
    rows, told = measure(run)
    assert count_present(run)[0] == 240
    assert count_present(run)[-1] == 240 - len(run.merges)
    pieces = [row for row in rows if row.quantity == "coalescence_rate_over_time"]
    assert sum(row.n for row in pieces) == len(run.merges)
    rate = 3 / run.seconds[-1]
    assert all(row.low < rate < row.high for row in pieces)
    hazard = [row for row in rows if row.quantity == "coalescence_cumulative_hazard"]
    assert all(row.low < row.value < row.high for row in hazard)
    assert sum(row.low < rate * row.at < row.high for row in hazard) >= 0.8 * len(hazard)
    assert told["dissolution_cumulative_hazard"].reason == "no dissolution"
    assert told["nucleation_rate_over_time"].unit == "1/nm2/s"


def test_survival_is_that_of_two_parents_for_each_event():
    rows = [row for row in measure(disappearing(rng(2), 1.0))[0] if row.quantity == "survival" and row.low]
    assert len(rows) > 15
    truth = [np.exp(-2 * 3 / 198 * row.at) for row in rows]
    assert np.mean([row.low <= s <= row.high for row, s in zip(rows, truth, strict=True)]) > 0.7
    assert [row.value for row in rows] == sorted((row.value for row in rows), reverse=True)


def test_runs_that_differ_are_told_apart_by_their_lifetimes():
    slow, fast, again = (
        lifetimes(disappearing(rng(s), 1.0, k)) for s, k in ((1, 0.005), (2, 0.01), (3, 0.005))
    )
    assert stats.logrank(slow, fast).pvalue < 0.001 < stats.logrank(slow, again).pvalue


def test_doubtful_merges_count_as_often_as_they_are_sure():
    run = disappearing(rng(1), 1.0)
    half = replace(run, merges=run.merges.assign(confidence=0.5))
    sure, doubted = (measure(one)[1]["coalescence_cumulative_hazard"] for one in (run, half))
    assert doubted.value == pytest.approx(sure.value / 2)
    assert (doubted.high - doubted.low) / doubted.value > (sure.high - sure.low) / sure.value


def test_what_is_missing_is_named():
    assert all("--merges" in row.reason for row in measure(replace(growing(rng(0)), merges=None))[0])
    assert all("--frame-time" in row.reason for row in measure(replace(growing(rng(0)), seconds=None))[0])
    told = measure(coalescing(rng(0), n_merges=3, world=World(n_particles=30)))[1]
    assert "too few merges: 3" in told["coalescence_order"].reason
    assert "too few events" in told["coalescence_rate_change_time"].reason
    assert "too few particles that merged or dissolved" in measure(growing(rng(0)))[1]["survival"].reason


def test_dissolved_particles_have_their_own_rate():
    rows, told = measure(ripening(rng(0)))
    assert told["dissolution_cumulative_hazard"].value > 0.3
    assert sum(row.n for row in rows if row.quantity == "dissolution_rate_over_time") > 20

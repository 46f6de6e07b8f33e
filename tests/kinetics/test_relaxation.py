from dataclasses import replace

import numpy as np
from kinetic_laws import coalescing, growing

from temtrack.kinetics.necks import measure_necks
from temtrack.kinetics.relaxation import measure_relaxations

rng = np.random.default_rng


def rows_of(run, name):
    return [row for row in (*measure_relaxations(run), *measure_necks(run)) if row.quantity == name]


def test_relaxation_time_lies_in_the_interval_of_most_merges():
    rows = rows_of(coalescing(rng(0), relax_s=10.0), "relaxation_time")
    found = [row for row in rows if row.value is not None]
    assert len(found) >= 25
    assert np.mean([row.low <= 10 <= (row.high or np.inf) for row in found]) >= 0.85
    (median,) = rows_of(coalescing(rng(0), relax_s=10.0), "relaxation_time_median")
    assert median.low <= 10 <= median.high


def test_neck_exponent_lies_in_the_interval_of_most_merges():
    rows = [row for row in rows_of(coalescing(rng(0)), "neck_exponent") if row.value is not None]
    assert np.mean([row.low <= 5 <= row.high for row in rows]) >= 0.85


def test_a_contact_that_nobody_saw_lets_the_neck_begin_in_the_frame_before_the_merge():
    run = coalescing(rng(0))
    unseen = replace(run, merges=run.merges.assign(contact_frame=np.nan))
    within = replace(run, merges=run.merges.assign(contact_frame=run.merges["frame"]))
    assert rows_of(unseen, "neck_exponent") == rows_of(within, "neck_exponent")
    assert any(row.value is not None for row in rows_of(unseen, "neck_exponent"))


def test_refusals_say_why():
    run = coalescing(rng(0), n_merges=2, relax_s=1e6)
    assert "does not relax" in rows_of(run, "relaxation_time")[0].reason
    assert "too few merges" in rows_of(run, "relaxation_time_median")[0].reason
    assert "--frame-time" in rows_of(replace(run, seconds=None), "neck_exponent")[0].reason
    assert "--merges" in rows_of(replace(run, merges=None), "relaxation_time_median")[0].reason
    assert rows_of(growing(rng(0)), "relaxation_time_median")[0].reason == "no merge"
    blind = run.merges.assign(neck_ratios=[None, None])
    assert "no neck" in rows_of(replace(run, merges=blind), "neck_exponent")[0].reason

from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import coalescing, growing

from temtrack.errors import InputError
from temtrack.kinetics.bootstrap import gather_power_sums
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.growth import measure_growth
from temtrack.kinetics.measure import measure_kinetics
from temtrack.kinetics.selection import leave_out, measure_sensitivity

rng = np.random.default_rng


def test_what_is_left_out_is_gone_and_the_rest_is_as_it_was():
    run = coalescing(rng(0), n_merges=5)
    parents = run.merges["parent_ids"][0]
    less = leave_out(run, frames=[3, 4], ids=[parents[0]])
    assert less.bad_frames == {3, 4}
    assert parents[0] not in set(less.particles["particle_id"]) | set(less.tracks["particle_id"])
    assert parents[1] in set(less.tracks["particle_id"])
    assert less.merges["event_id"].tolist() == [2, 3, 4, 5]
    assert leave_out(run).particles.equals(run.particles)


def test_particles_are_left_out_while_they_are_small():
    run = growing(rng(0))
    less = leave_out(run, min_diameter_px=20)
    assert less.particles["equivalent_diameter_px"].min() >= 20
    assert 0 < len(less.particles) < len(run.particles)


def test_particles_are_left_out_where_they_are_unsure():
    run = growing(rng(0))
    score = np.where(run.particles["particle_id"] == 3, 0.2, 0.9)
    score[run.particles["particle_id"] == 4] = np.nan
    less = leave_out(replace(run, particles=run.particles.assign(score=score)), min_score=0.5)
    assert set(run.particles["particle_id"]) - set(less.particles["particle_id"]) == {3}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"frames": [60]}, "no frame 60; frames are 0 to 59"),
        ({"ids": [5, 900]}, "no particle has the id 900"),
        ({"min_diameter_px": 1e4}, "nothing is left"),
        ({"min_score": 0.5}, "no particle has a score, as of `otsu` and of masks that were given"),
        ({"frames": range(60)}, "nothing is left"),
    ],
)
def test_what_does_not_exist_is_one_clear_line(what, words):
    with pytest.raises(InputError, match=words):
        leave_out(growing(rng(0)), **what)


def test_a_frame_left_out_changes_nothing_else_than_a_bad_one():
    run = growing(rng(0))
    rows = [
        measure_growth(gather_power_sums(one), "nm", rng(0))
        for one in (leave_out(run, frames=[7]), replace(run, bad_frames=frozenset({7})))
    ]
    assert rows[0] == rows[1]


def test_sensitivity_is_the_change_of_each_quantity_of_the_run():
    base = [Estimate("a", "nm", "m", "s", value=2.0, n=5), Estimate("b", "nm", "m", "s", frame=3, value=1.0)]
    others = [
        Estimate("a", "nm", "m", "s", value=2.5, n=4),
        Estimate("b", "nm", "m", "s", frame=3, value=9.0),
    ]
    refused = [Estimate("a", "nm", "m", "s", reason="too few")]
    first, second = measure_sensitivity(base, {"without x": others, "without y": refused})
    assert (first.quantity, first.value, first.n) == ("sensitivity_of_a", 0.5, 4)
    assert first.method == "change of the value without x"
    assert (second.value, second.reason) == (None, "too few")


def test_a_jump_of_the_field_moves_nothing_beyond_its_interval():
    run = coalescing(rng(3))
    rows = run.particles.copy()
    rows.loc[rows["frame"] >= 30, "y_px"] += 55.0
    jumped = replace(run, particles=rows)
    before, after = (
        {
            row.quantity: row
            for row in measure_kinetics(one, rng(0))
            if row.frame is None and row.event_id is None
        }
        for one in (run, jumped)
    )
    for name, row in before.items():
        if row.value is not None and row.low is not None and row.high is not None:
            assert row.low <= after[name].value <= row.high, name

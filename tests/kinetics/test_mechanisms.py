from dataclasses import replace

import numpy as np
import pytest
from kinetic_laws import coalescing, evaporating, growing, mixed, ripening

from temtrack.kinetics.mechanisms import MECHANISMS, count_vanished, measure_mechanisms

rng = np.random.default_rng
WORLDS = {"coalescence": coalescing, "ripening": ripening, "evaporation": evaporating}


def measure(run):
    return {row.quantity: row for row in measure_mechanisms(run, rng(0))}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_three_are_told_apart(mechanism):
    for seed in range(8):
        rows = measure(WORLDS[mechanism](rng(seed)))
        assert rows[f"{mechanism}_fraction"].value > 0.9
        assert rows[f"{mechanism}_fraction"].low > 0.5
        assert rows[f"{mechanism}_rate"].low > 0


def test_volume_stays_but_in_evaporation():
    assert measure(coalescing(rng(0)))["total_volume_ratio"].value == pytest.approx(1, abs=0.02)
    assert measure(ripening(rng(0)))["total_volume_ratio"].value == pytest.approx(1, abs=0.05)
    assert measure(evaporating(rng(0)))["total_volume_ratio"].high < 0.5


def test_merges_close_where_nobody_saw_contact():
    run = coalescing(rng(0), n_merges=10)
    unseen = replace(run, merges=run.merges.assign(contact_frame=np.nan))
    assert count_vanished(unseen).counts == count_vanished(run).counts


def test_a_merge_whose_volume_does_not_close_is_no_coalescence():
    run = coalescing(rng(0), n_merges=10)
    child = run.merges["child_id"][0]
    particles = run.particles.copy()
    particles.loc[particles["particle_id"] == child, "area_px"] *= 0.3
    vanished = count_vanished(replace(run, particles=particles))
    assert vanished.counts["coalescence"] == 9
    assert vanished.n_unclosed == 1


@pytest.mark.parametrize("seed", range(6))
def test_doubtful_merges_widen_the_share_and_do_not_shift_it(seed):
    run = mixed(rng(seed), n_true=14, n_doubtful=8, n_dissolved=14)
    rows = measure(run)
    assert rows["coalescence_fraction"].low < 0.5 < rows["coalescence_fraction"].high
    sure = measure(replace(run, merges=run.merges.assign(confidence=1.0)))
    assert sure["coalescence_fraction"].value > rows["coalescence_fraction"].value
    assert rows["coalescence_rate"].high < sure["coalescence_rate"].high
    assert rows["evaporation_fraction"].n == 36


def test_the_interval_holds_a_share_of_all_or_of_none():
    run = coalescing(rng(0), n_merges=10)
    rows = measure(replace(run, merges=run.merges.assign(confidence=0.9)))
    assert (rows["coalescence_fraction"].value, rows["coalescence_fraction"].high) == (1, 1)
    assert (rows["ripening_fraction"].value, rows["ripening_fraction"].low) == (0, 0)


def test_where_the_others_are_too_noisy_ripening_and_evaporation_are_both_possible():
    few = coalescing(rng(3), n_merges=12)
    fates = few.tracks["fate"].where(~few.tracks["particle_id"].isin([101, 102]), "dissolved")
    gone = few.particles["particle_id"].isin([101, 102]) & (few.particles["frame"] > 30)
    noise = rng(0).normal(1, 0.2, len(few.particles))
    noisy = few.particles.assign(area_px=few.particles["area_px"] * noise)[~gone]
    rows = measure(replace(few, particles=noisy, tracks=few.tracks.assign(fate=fates)))
    assert rows["coalescence_fraction"].low < 12 / 14 < rows["coalescence_fraction"].high
    for name in ("ripening", "evaporation"):
        assert 0 < rows[f"{name}_fraction"].value < 2 / 14
        assert rows[f"{name}_fraction"].high > 2 / 14


def test_nothing_vanished_and_nothing_known_are_refused():
    assert measure(growing(rng(0)))["ripening_fraction"].reason == "no particle vanished"
    unknown = measure(replace(growing(rng(0)), merges=None))
    assert "--merges" in unknown["coalescence_fraction"].reason
    untimed = measure(replace(ripening(rng(0)), seconds=None))
    assert "--frame-time" in untimed["ripening_rate"].reason
    assert untimed["ripening_fraction"].value == 1


def test_what_grows_on_the_others_counts_where_the_border_cuts_it():
    run = ripening(rng(0))
    ends = run.particles.groupby("particle_id")["equivalent_diameter_px"].last()
    largest = ends.nlargest(10).index
    cut = run.particles.assign(touches_border=run.particles["particle_id"].isin(largest))
    assert measure(replace(run, particles=cut))["ripening_fraction"].value == 1

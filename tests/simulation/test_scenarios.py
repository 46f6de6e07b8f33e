"""The two generators of movies for linking: their truth holds together, and they are what was asked for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scenarios import REGIMES, Regime, Scenario, fitting, judging
from scipy.ndimage import center_of_mass, distance_transform_edt

from temtrack.lineage import MIN_CHILD_FRAMES

GENERATORS = pytest.mark.parametrize(
    "scenario", [fitting.scenario, judging.scenario], ids=["fitting", "judging"]
)
Generator = Callable[[str | Regime, int], Scenario]
_SHORT = {
    name: replace(r, n_frames=min(r.n_frames, 70)) for name, r in REGIMES.items() if r.n_particles < 200
}


@GENERATORS
@pytest.mark.parametrize("name", sorted(_SHORT))
def test_lineage_tells_of_the_masks(scenario: Generator, name: str) -> None:
    movie = scenario(_SHORT[name], 3)
    seen = [set(np.unique(mask)) - {0} for mask in movie.masks]
    tracks = {track.id: track for track in movie.lineage.tracks}
    assert set().union(*seen) == set(tracks)
    for track in movie.lineage.tracks:
        assert track.id in seen[track.start]
        assert track.id in seen[track.end]
        assert not any(track.id in ids for t, ids in enumerate(seen) if not track.start <= t <= track.end)
        assert (track.origin == "merge") == (len(track.parents) > 1)
    for merge in movie.lineage.merges:
        assert tracks[merge.child].start == merge.frame
        assert all(tracks[p].end == merge.frame - 1 and tracks[p].fate == "merged" for p in merge.parents)
        assert merge.contact_frame is None or 0 < merge.contact_frame < merge.frame
        born = [tracks[p].start for p in merge.parents if tracks[p].origin == "merge"]
        assert all(merge.frame - start >= MIN_CHILD_FRAMES for start in born)


@GENERATORS
@pytest.mark.parametrize("name", ["cascades", "slow_contacts", "unfilmed_contacts", "half_step"])
def test_as_many_merges_as_were_asked_for(scenario: Generator, name: str) -> None:
    regime = REGIMES[name]
    merges = scenario(regime, 4).lineage.merges
    of_three = [m for m in merges if len(m.parents) == 3]
    wanted = regime.merges + regime.touch_and_merge + 2 * regime.cascades
    assert len(of_three) == regime.at_once
    assert 0.7 * wanted <= len(merges) - len(of_three) <= wanted + regime.cascades + 1


@GENERATORS
def test_parents_that_never_touched_are_apart_the_frame_before(scenario: Generator) -> None:
    movie = scenario("plain", 5)
    gaps = []
    for merge in movie.lineage.merges:
        away = distance_transform_edt(movie.masks[merge.frame - 1] != merge.parents[0])
        gaps.append(away[movie.masks[merge.frame - 1] == merge.parents[1]].min() - 1)
        assert merge.contact_frame is None
    assert len(gaps) >= 4
    assert 0 < np.median(gaps) < 6


@GENERATORS
@pytest.mark.parametrize(("power", "expected"), [(2.0, 1.0), (3.0, 0.8)])
def test_what_a_child_keeps(scenario: Generator, power: float, expected: float) -> None:
    regime = replace(REGIMES["spheres"], conserved_power=power, diameter_px=14.0, size_spread=0.05)
    movie = scenario(regime, 6)
    ratios = []
    for merge in movie.lineage.merges:
        before = movie.masks[merge.frame - 1]
        after = movie.masks[min(merge.frame + 3, regime.n_frames - 1)]
        ratios.append((after == merge.child).sum() / np.isin(before, merge.parents).sum())
    assert np.median(ratios) == pytest.approx(expected, abs=0.04)


@GENERATORS
@pytest.mark.parametrize("step", [0.05, 0.3, 1.0])
def test_steps_are_as_long_as_asked_for(scenario: Generator, step: float) -> None:
    movie = scenario(Regime(step=step, gap=3.0, n_particles=25, size_spread=0.02), 7)
    ways = []
    for before, after in zip(movie.masks, movie.masks[1:], strict=False):
        both = np.intersect1d(before[before > 0], after[after > 0])
        there, here = (np.array(center_of_mass(m > 0, m, both)) for m in (after, before))
        ways += ((there - here) ** 2).sum(axis=1).tolist()
    assert np.mean(ways) ** 0.5 == pytest.approx(step * 8.0, rel=0.25)


@GENERATORS
@pytest.mark.parametrize(("miss", "noise"), [(0.0, 0.02), (0.2, 0.12)])
def test_observed_misses_and_errs_as_asked_for(scenario: Generator, miss: float, noise: float) -> None:
    regime = replace(REGIMES["plain"], diameter_px=14.0, miss_rate=miss, area_noise=noise, fuse_rate=0.0)
    movie = scenario(regime, 8)
    n_true = n_found = 0
    errors = []
    for mask, labels, source in zip(movie.masks, movie.observed, movie.sources, strict=True):
        assert set(np.unique(labels)) - {0} == set(source) == set(range(1, len(source) + 1))
        true_area, area = np.bincount(mask.ravel()), np.bincount(labels.ravel())
        inner = set(np.unique(mask)) - set(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]))
        n_true += len(inner)
        for number, ids in source.items():
            if len(ids) == 1 and ids[0] in inner:
                n_found += 1
                errors.append(area[number] / true_area[ids[0]] - 1)
    assert 1 - n_found / n_true == pytest.approx(miss, abs=0.04)
    assert np.std(errors) == pytest.approx(noise, abs=0.025)


@GENERATORS
def test_dissolving_particles_leave_no_merge(scenario: Generator) -> None:
    regime = replace(REGIMES["dissolution"], n_particles=80, dissolutions=80)
    movie = scenario(regime, 9)
    assert movie.lineage.merges == ()
    fates = [track.fate for track in movie.lineage.tracks]
    assert fates.count("dissolved") > 70
    last = [int((movie.masks[t.end] == t.id).sum()) for t in movie.lineage.tracks if t.fate == "dissolved"]
    assert min(last) <= 8 < 20 < max(last)  # some shrink to the end, some vanish at once


@GENERATORS
def test_lattice_jumps_by_its_own_pitch_and_double_exposures_show_twice_as_much(scenario: Generator) -> None:
    movie = scenario(replace(REGIMES["lattice"], n_particles=200), 10)
    jumps = np.hypot(*np.diff(movie.positions, axis=0).T)
    assert np.sort(jumps)[-2:] == pytest.approx([10, 10], abs=1.6)
    assert list(movie.bad_frames.values()) == ["double", "double"]
    cover = [float((labels > 0).mean()) for labels in movie.observed]
    for t in movie.bad_frames:
        assert cover[t] > 1.3 * cover[t - 1]


@GENERATORS
def test_positions_tell_where_the_field_went(scenario: Generator) -> None:
    movie = scenario(replace(REGIMES["settling"], step=0.02, merges=0, drift_px=(0.3, 0.0)), 11)
    stays = [t for t in movie.lineage.tracks if t.start == 0 and t.end == 99]
    shifts = []
    for track in stays:
        first, last = (np.argwhere(movie.masks[t] == track.id).mean(axis=0) for t in (0, 99))
        shifts.append(last - first)
    assert len(shifts) > 5
    assert np.median(shifts, axis=0) == pytest.approx(movie.positions[-1], abs=1.5)


@GENERATORS
def test_a_single_rod_is_as_large_as_asked_for_and_never_leaves(scenario: Generator) -> None:
    movie = scenario("single_rod", 12)
    assert [(t.start, t.end) for t in movie.lineage.tracks] == [(0, 49)]
    areas = [np.count_nonzero(mask) for mask in movie.masks]
    assert 0.85 * 16 * 60 < np.median(areas) < 1.15 * 16 * 60


@GENERATORS
def test_the_same_seed_gives_the_same_movie(scenario: Generator) -> None:
    one, two, other = (scenario("faulty", seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one.observed, two.observed, strict=True))
    assert one.lineage == two.lineage
    assert one.lineage != other.lineage
    blank = next(t for t, kind in one.bad_frames.items() if kind == "blank")
    assert not one.observed[blank].any()
    assert one.masks[blank].any()

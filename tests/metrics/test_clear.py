import numpy as np
import pytest
from ctc_metrics.scripts.evaluate import calculate_metrics, match_computed_to_reference_masks

from temtrack.formats.store.masks import write_mask
from temtrack.metrics.clear import score_clear
from temtrack.metrics.overlaps import measure_overlaps

TRUE = np.zeros((10, 12, 40), np.int32)
TRUE[:, 1:6, 1:6] = 1
TRUE[:, 1:6, 10:15] = 2
TRUE[:, 1:6, 20:25] = 3


def score(found, true=TRUE, found_parents=None, true_parents=None):
    return score_clear(measure_overlaps(found, true), found_parents or {}, true_parents or {})


def test_the_truth_scores_one_and_nothing_zero():
    perfect, empty = score(TRUE * 7), score(np.zeros_like(TRUE))
    assert (perfect.mota, perfect.motp, perfect.mt, perfect.ml, perfect.chota) == (1, 1, 1, 0, 1)
    assert (empty.mota, empty.mt, empty.ml, empty.chota) == (0, 0, 1, 0)
    assert np.isnan(empty.motp)


def test_each_fault_counts_once():
    """30 true detections: one missed, two false, one that two are in, two switches of an exchange."""
    found = TRUE.copy()
    found[0][TRUE[0] == 1] = 0
    found[1:3, 8:11, 30:33] = 9
    found[4, 1:6, 6:10] = 1
    found[4][TRUE[4] == 2] = 1
    found[6:] = np.array([0, 1, 3, 2])[TRUE[6:]]
    faults = score(found)
    assert (faults.n_missed, faults.n_false, faults.n_doubled) == (1, 2, 1)
    assert faults.n_switches == 4  # the doubled frame is a switch there and back
    assert faults.mota == pytest.approx(1 - 8 / 30)


def test_a_track_is_mostly_tracked_by_one_id():
    """1 is held for 8 of 10 frames, 2 for 5 and 5 by two ids, 3 for 1 frame."""
    found = TRUE.copy()
    found[8:][TRUE[8:] == 1] = 0
    found[5:][TRUE[5:] == 2] = 8
    found[1:][TRUE[1:] == 3] = 0
    assert score(found).held.tolist() == [0.8, 0.5, 0.1]
    assert (score(found).mt, score(found).ml) == (1 / 3, 1 / 3)


def test_a_shift_lowers_motp_alone():
    shifted = score(np.roll(TRUE, 1, axis=2))
    assert (shifted.mota, shifted.motp) == (1, pytest.approx(2 / 3))


def test_an_only_child_goes_on_in_its_parent():
    found = TRUE.copy()
    found[5:][TRUE[5:] == 1] = 4
    assert score(found).n_switches == 1
    assert score(found, found_parents={4: 1}).mota == score(found, found_parents={4: 1}).chota == 1


def test_a_table_that_goes_round_in_circles_ends():
    circle = {1: 2, 2: 1, 3: 2}
    assert 0 < score(TRUE, found_parents=circle).chota < 1


def test_without_a_particle_there_is_nothing_to_measure():
    none = np.zeros_like(TRUE)
    empty = score(none, none)
    assert np.isnan([empty.mota, empty.motp, empty.mt, empty.ml, empty.chota]).all()


def messy_movie(seed):
    """Return found and true labels (T, Y, X) and their parents: wrong ids, misses, fusions, splits, heirs."""
    rng = np.random.default_rng(seed)
    true, found = np.zeros((2, 12, 48, 64), np.int32)
    for t in range(12):
        for j in range(12):
            y, x = 4 + 16 * (j // 4), 4 + 16 * (j % 4)
            half = slice(x, x + 4), slice(x + 4, x + 8)
            if j < 3 and t >= 5:  # 1, 2 and 3 split in two
                true[t, y : y + 8, half[0]], true[t, y : y + 8, half[1]] = 20 + 2 * j, 21 + 2 * j
            else:
                true[t, y : y + 8, x : x + 8] = (
                    30 + j if j < 5 and t >= 7 else j + 1
                )  # 4 and 5 go on as others
            if rng.random() < 0.9:
                dy, dx = rng.integers(-2, 3, 2)
                wide = 20 if rng.random() < 0.1 else 9
                name = 70 + j if rng.random() < 0.15 else (40 if t > 4 + j % 4 else 1) + j
                if j < 2 and t >= 6:
                    found[t, y : y + 8, half[0]], found[t, y : y + 8, half[1]] = 60 + 2 * j, 61 + 2 * j
                else:
                    found[t, y + dy : y + dy + 9, x + dx : x + dx + wide] = name
    true_parents = {20 + k: k // 2 + 1 for k in range(6)} | {33: 4, 34: 5}
    found_parents = {60: 1, 61: 1, 62: 2, 63: 2, 43: 4, 45: 6}
    return found, true, _in_order(found, found_parents), _in_order(true, true_parents)


def _in_order(labels, parents):
    """Keep the parents that end before their child begins, as the table's rules are."""
    frames = {i: [t for t in range(len(labels)) if (labels[t] == i).any()] for i in np.unique(labels)}
    return {
        c: p for c, p in parents.items() if frames.get(c) and frames.get(p) and frames[p][-1] < frames[c][0]
    }


def of_ctcmetrics(folder, found, true, found_parents, true_parents):
    """What py-ctcmetrics makes of the same masks, without its check that no track has a gap."""

    def write(name, labels, parents):
        paths = [folder / f"{name}{t}.tif" for t in range(len(labels))]
        for path, one in zip(paths, labels, strict=True):
            write_mask(path, one)
        ids = np.unique(labels[labels > 0])
        frames = [np.flatnonzero((labels == i).any(axis=(1, 2))) for i in ids]
        rows = [[i, f[0], f[-1], parents.get(int(i), 0)] for i, f in zip(ids, frames, strict=True)]
        return [str(path) for path in paths], np.array(rows)

    true_paths, true_table = write("true", true, true_parents)
    found_paths, found_table = write("found", found, found_parents)
    matched = match_computed_to_reference_masks(true_paths, found_paths, threads=1)
    names = ["MOTA", "MTML", "CHOTA"]
    told = calculate_metrics(found_table, true_table, matched, {}, names, is_valid=True)
    return [float(told[name]) for name in ("MOTA", "MT", "ML", "CHOTA")]


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_py_ctcmetrics(seed, tmp_path):
    movie = messy_movie(seed)
    ours = score(*movie)
    expected = of_ctcmetrics(tmp_path, *movie)
    assert (ours.mota, ours.mt, ours.ml, ours.chota) == pytest.approx(expected, abs=1e-12)


def test_numbers_of_py_ctcmetrics_1_3_3():
    ours = score(*messy_movie(0))
    assert (ours.mota, ours.mt, ours.chota) == pytest.approx((0.678788, 0.333333, 0.688010), abs=1e-6)

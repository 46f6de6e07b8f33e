import numpy as np
import pytest
from ctc_metrics.metrics import det, lnk, seg, tra
from ctc_metrics.utils.representations import count_acyclic_graph_correction_operations

from temtrack.metrics.ctc import measure_seg, score_ctc
from temtrack.metrics.overlaps import measure_overlaps

TRUE = np.zeros((6, 12, 30), np.int32)
TRUE[:3, 1:6, 1:6] = 1
TRUE[:3, 1:6, 8:13] = 2
TRUE[3:, 1:6, 1:13] = 3
TRUE[:, 1:6, 20:25] = 4
PARENTS = {3: 1}


def score(found, parents=PARENTS):
    return score_ctc(measure_overlaps(found, TRUE), parents, PARENTS)


def test_the_truth_scores_one_and_nothing_zero():
    perfect, empty = score(TRUE), score(np.zeros_like(TRUE))
    assert (perfect.det, perfect.tra, perfect.lnk) == (1, 1, 1)
    assert (empty.det, empty.tra, empty.lnk) == (0, 0, 0)
    assert measure_seg(measure_overlaps(TRUE, TRUE)) == 1
    assert measure_seg(measure_overlaps(np.zeros_like(TRUE), TRUE)) == 0


def test_a_missing_parent_link_and_a_wrong_kind_of_link():
    """12 links in the truth: 2 + 2 + 2 + 5 within tracks and one to the parent."""
    assert score(TRUE, {}).lnk == pytest.approx(1 - 1 / 12)
    kept_on = np.where(TRUE == 3, 1, TRUE)  # the link is there, but within a track
    assert score(kept_on, {}).lnk == pytest.approx(1 - 1 / (1.5 * 12))
    assert score(kept_on, {}).det == 1


def test_one_for_two_is_a_split():
    fused = np.where(TRUE == 2, 1, TRUE)
    fused[:3, 1:6, 6:8] = 1
    # 3 frames with one split each, of 15 particles
    assert score(fused).det == pytest.approx(1 - 3 * 5 / (10 * 15))


def test_without_a_true_particle_there_is_nothing_to_measure():
    none = np.zeros_like(TRUE)
    empty = score_ctc(measure_overlaps(TRUE, none), {}, {})
    assert all(np.isnan([empty.det, empty.tra, empty.lnk]))
    assert np.isnan(measure_seg(measure_overlaps(TRUE, none)))


def reference(overlaps, found_parents, true_parents):
    """What py-ctcmetrics makes of the same matches."""

    def table(detections, parents):
        ids = np.unique(detections.id)
        frames = [detections.frame[detections.id == i] for i in ids]
        return np.array([[i, f.min(), f.max(), parents.get(i, 0)] for i, f in zip(ids, frames, strict=True)])

    def per_frame(frame, values):
        return [values[frame == t].tolist() for t in range(overlaps.n_frames)]

    covered = overlaps.fraction_of_true > 0.5
    frame = overlaps.frame[covered]
    labels = [per_frame(side.frame, side.id) for side in (overlaps.true, overlaps.found)]
    mapped_true = per_frame(frame, overlaps.true.id[overlaps.true_row[covered]])
    mapped_found = per_frame(frame, overlaps.found.id[overlaps.found_row[covered]])
    operations = count_acyclic_graph_correction_operations(
        table(overlaps.true, true_parents),
        table(overlaps.found, found_parents),
        *labels,
        mapped_true,
        mapped_found,
    )
    ious = per_frame(frame, overlaps.iou[covered])
    return det(**operations), tra(**operations)[0], lnk(**operations), seg(labels[0], ious)


@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_py_ctcmetrics_on_messy_tracks(seed):
    rng = np.random.default_rng(seed)
    true, found = np.zeros((2, 10, 48, 48), np.int32)
    for t in range(10):
        for j in range(9):
            y, x = 4 + 16 * (j // 3), 4 + 16 * (j % 3)
            true[t, y : y + 8, x : x + 8] = j + 1 if t < 5 or j > 4 else j + 11
            dy, dx = rng.integers(-3, 4, 2)
            if rng.random() < 0.9:
                wrong = rng.random() < 0.1
                found[t, y + dy : y + dy + 9, x + dx : x + dx + 12] = (
                    30 + j if wrong else j + 1 + 10 * (t > 5)
                )
    overlaps = measure_overlaps(found, true)
    true_parents = {11: 1, 12: 1, 13: 3}
    first = {i: t for t in reversed(range(10)) for i in np.unique(found[t])}
    last = {i: t for t in range(10) for i in np.unique(found[t])}
    found_parents = {c: p for c, p in {11: 1, 12: 2, 13: 4}.items() if last.get(p, 10) < first.get(c, -1)}
    assert found_parents
    ours = score_ctc(overlaps, found_parents, true_parents)
    expected = reference(overlaps, found_parents, true_parents)
    assert (ours.det, ours.tra, ours.lnk, measure_seg(overlaps)) == pytest.approx(expected, abs=1e-12)
    assert 0 < ours.tra < 1

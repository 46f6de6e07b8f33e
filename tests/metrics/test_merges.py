import numpy as np
import pytest

from temtrack.lineage import Merge
from temtrack.metrics.merges import MergeScore, match_merges
from temtrack.metrics.tracks import TrackMatches


def matched(rows):
    """Matches from rows (frame, found id, true id)."""
    frame, found, true = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3).T
    return TrackMatches(frame, found, true, len(frame), len(frame))


SAME = matched((t, i, i) for t in range(10) for i in range(1, 9))


def merge(frame, child, *parents):
    return Merge(frame, child, parents, contact_frame=frame - 1, y_px=0.0, x_px=0.0)


TRUE = [merge(10, 9, 1, 2, 3), merge(20, 10, 4, 5)]


def test_perfect_score():
    score = match_merges(TRUE, TRUE, SAME, tolerance_frames=0)
    assert (score.f1, score.precision, score.recall, score.exact_parents_fraction) == (1, 1, 1, 1)


def test_two_of_three_parents_match_but_are_not_exact():
    score = match_merges([merge(10, 9, 1, 2)], TRUE, SAME)
    assert (score.precision, score.recall, score.exact_parents_fraction) == (1, 0.5, 0)
    assert score.f1 == pytest.approx(2 / 3)
    assert [m.child for m in score.missed] == [10]


@pytest.mark.parametrize(("tolerance", "f1"), [(0, 0.5), (1, 0.5), (2, 1.0)])
def test_tolerance_in_frames(tolerance, f1):
    score = match_merges([merge(12, 9, 1, 2, 3), TRUE[1]], TRUE, SAME, tolerance)
    assert score.f1 == f1
    assert sorted(score.frame_errors) == ([0] if f1 < 1 else [0, 2])


def test_one_common_parent_or_an_unknown_one_is_no_match():
    score = match_merges(
        [merge(10, 9, 1, 7), merge(20, 10, 4, 5)], TRUE, matched([(0, 1, 1), (0, 4, 4), (0, 5, 6)])
    )
    assert (score.f1, len(score.false), len(score.missed)) == (0, 2, 2)
    assert match_merges([merge(20, 10, 4, 5)], TRUE, matched([])).f1 == 0


def test_each_true_merge_counts_once():
    score = match_merges([merge(20, 10, 4, 5), merge(21, 11, 4, 5)], TRUE, SAME)
    assert (len(score.matches), len(score.false)) == (1, 1)
    assert score.matches[0].frame_error == 0


def test_scores_pool_and_nothing_is_nan():
    score = match_merges(TRUE, TRUE, SAME) + match_merges([], TRUE, SAME)
    assert score.recall == 0.5
    assert np.isnan(MergeScore().f1)


def test_a_parent_whose_id_lives_on_is_who_it_was_before():
    """Id 4 is particle 4 for 20 frames and then, for 60, the child 10."""
    rows = [(t, 4, 4 if t < 20 else 10) for t in range(80)] + [(t, 5, 5) for t in range(20)]
    score = match_merges([merge(20, 4, 4, 5)], TRUE[1:], matched(rows), tolerance_frames=0)
    assert (score.f1, score.exact_parents_fraction) == (1, 1)


def test_a_parent_more_is_a_match_but_not_exact():
    score = match_merges([merge(20, 10, 4, 5, 99)], TRUE[1:], SAME)
    assert (score.f1, score.exact_parents_fraction) == (1, 0)


def test_frame_errors_and_numbers_of_parents():
    found = [merge(13, 9, 1, 2, 3), merge(19, 10, 4, 5), merge(30, 11, 6, 7), merge(40, 12, 6, 7, 8)]
    score = match_merges(found, TRUE, SAME, tolerance_frames=3)
    assert score.median_frame_error == 1
    assert score.frame_error_95 == pytest.approx(2.9)
    by_number = score.by_number_of_parents()
    assert {k: (s.precision, s.recall) for k, s in by_number.items()} == {2: (0.5, 1), 3: (0.5, 1)}
    assert np.isnan(MergeScore().median_frame_error)

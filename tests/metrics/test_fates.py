from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from temtrack.lineage import Lineage, Merge, Track
from temtrack.metrics.fates import FateScore, score_fates
from temtrack.metrics.tracks import TrackMatches

TRUE = Lineage(
    20,
    (
        Track(1, 0, 9, "present", "merged"),
        Track(2, 0, 9, "present", "merged"),
        Track(3, 10, 19, "merge", "present", (1, 2)),
        Track(4, 0, 5, "present", "dissolved"),
    ),
    (Merge(10, 3, (1, 2), 9, 5.0, 5.0),),
)


def matched(found_of_true):
    rows = sorted(
        (t, found, track.id)
        for track in TRUE.tracks
        for found in [found_of_true.get(track.id)]
        for t in range(track.start, track.end + 1)
        if found
    )
    frame, found, true = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return TrackMatches(frame, found, true, len(rows), len(rows))


SAME = matched({1: 1, 2: 2, 3: 3, 4: 4})


def test_the_truth_scores_one():
    score = score_fates(TRUE, TRUE, SAME)
    assert score.macro_f1 == 1
    assert score.confusion()[1] == {"true_fate": "merged", "present": 0, "merged": 2, "dissolved": 0, "f1": 1}


def test_wrong_fates_score_zero():
    wrong = {"merged": "lost", "present": "left", "dissolved": "present"}
    found = replace(TRUE, merges=(), tracks=tuple(replace(t, fate=wrong[t.fate]) for t in TRUE.tracks))
    assert score_fates(found, TRUE, SAME).macro_f1 == 0


def test_one_wrong_fate_is_in_between():
    """One of two merged ones is told lost: F1 1, 2/3, 1 and, for lost, 0."""
    found = replace(
        TRUE, merges=(), tracks=tuple(replace(t, fate="lost") if t.id == 2 else t for t in TRUE.tracks)
    )
    assert score_fates(found, TRUE, SAME).macro_f1 == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)


def test_an_id_that_lives_on_in_the_child_has_merged():
    tracks = (Track(1, 0, 19, "present", "present"), TRUE.tracks[1], TRUE.tracks[3])
    found = Lineage(20, tracks, (replace(TRUE.merges[0], child=1),))
    assert score_fates(found, TRUE, matched({1: 1, 2: 2, 3: 1, 4: 4})).macro_f1 == 1


def test_tracks_never_matched_are_missed_and_nothing_is_nan():
    score = score_fates(Lineage(20, (), ()), TRUE, matched({}))
    assert (score.macro_f1, score.confusion()[0]["missed"]) == (0, 1)
    assert np.isnan(FateScore(Counter()).macro_f1)
    assert (score + score).counts["merged", "missed"] == 4

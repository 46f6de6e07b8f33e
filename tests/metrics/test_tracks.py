import numpy as np
import pytest

from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.tracks import match_tracks, place_detections

TRUE = np.zeros((4, 10, 20), np.int32)
TRUE[:, 1:6, 1:6] = 1
TRUE[:, 1:6, 10:15] = 2


def test_same_masks_under_other_ids_match_wholly():
    matches = match_tracks(TRUE * 7, TRUE)
    assert (matches.recall, matches.precision, matches.n_switches) == (1, 1, 0)
    assert matches.true_of_found() == {7: 1, 14: 2}


def test_an_exchange_is_two_switches():
    found = TRUE.copy()
    found[2:] = np.array([0, 2, 1])[TRUE[2:]]
    matches = match_tracks(found, TRUE)
    assert matches.n_switches == 2
    assert matches.switches_per_10000 == pytest.approx(2500)


def test_half_the_overlap_is_no_match():
    found = TRUE.copy()
    found[0, 1:6, 1:6] = 0
    found[0, 1:6, 3:8] = 1
    matches = match_tracks(found, TRUE)
    assert matches.recall == matches.precision == 7 / 8
    assert matches.n_switches == 0


def test_frames_must_be_as_many():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        match_tracks(TRUE[:3], TRUE)


def test_identity_f1_of_right_missing_and_exchanged_ids():
    half = TRUE.copy()
    half[2:] = np.array([0, 2, 1])[TRUE[2:]]
    thirds = TRUE.copy()
    thirds[3:] = np.array([0, 8, 9])[TRUE[3:]]
    assert match_tracks(TRUE * 7, TRUE).idf1 == 1
    assert match_tracks(half, TRUE).idf1 == 0.5
    assert match_tracks(thirds, TRUE).idf1 == 0.75
    assert match_tracks(np.zeros_like(TRUE), TRUE).idf1 == 0
    assert np.isnan(match_tracks(np.zeros_like(TRUE), np.zeros_like(TRUE)).idf1)


def test_who_a_track_is_before_a_frame():
    found = TRUE.copy()
    found[2:] = np.array([0, 2, 1])[TRUE[2:]]
    matches = match_tracks(found, TRUE)
    assert [matches.true_before(1, t) for t in (0, 1, 3, 4)] == [None, 1, 1, 1]
    assert matches.true_before(5, 4) is None


def test_pieces_have_a_place_but_no_match():
    broken = TRUE.copy()
    broken[:, 3:6, 1:6][TRUE[:, 3:6, 1:6] == 1] = 3
    broken[:, 3:4, 1:6] = 0
    overlaps = measure_overlaps(broken, TRUE)
    assert match_tracks(broken, TRUE).true_of_found() == {2: 2}
    assert place_detections(overlaps).true_of_found() == {1: 1, 2: 2, 3: 1}

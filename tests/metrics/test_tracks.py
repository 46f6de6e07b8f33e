import numpy as np
import pytest

from temtrack.metrics.tracks import match_tracks

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

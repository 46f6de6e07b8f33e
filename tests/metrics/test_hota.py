import numpy as np
import pytest

from temtrack.metrics.hota import score_hota
from temtrack.metrics.overlaps import measure_overlaps

TRUE = np.zeros((4, 10, 20), np.int32)
TRUE[:, 1:6, 1:6] = 1
TRUE[:, 1:6, 10:15] = 2
NONE = np.zeros_like(TRUE)


def score(found, true=TRUE):
    return score_hota(measure_overlaps(found, true))


def test_the_truth_scores_one_and_nothing_zero():
    perfect, empty = score(TRUE * 7), score(NONE)
    assert (perfect.hota, perfect.detection, perfect.association, perfect.localisation) == (1, 1, 1, 1)
    assert (empty.hota, empty.detection, empty.association) == (0, 0, 0)
    assert np.isnan(empty.localisation)
    assert np.isnan(score(NONE, NONE).hota)


def test_ids_exchanged_half_way():
    """Each match shares 2 of the 2 + 2 + 2 frames in which either track is matched or not."""
    found = TRUE.copy()
    found[2:] = np.array([0, 2, 1])[TRUE[2:]]
    assert score(found).detection == 1
    assert score(found).association == pytest.approx(1 / 3)
    assert score(found).hota == pytest.approx(np.sqrt(1 / 3))


def test_a_missing_particle_costs_detection_alone():
    assert score(np.where(TRUE == 2, 0, TRUE)).detection == 0.5
    assert score(np.where(TRUE == 2, 0, TRUE)).association == 1


def test_a_shift_counts_at_the_thresholds_that_it_reaches():
    """Shifted by one of five columns, IoU is 20/30: 13 of the 19 thresholds."""
    shifted = score(np.roll(TRUE, 1, axis=2))
    assert shifted.detection == pytest.approx(13 / 19)
    assert shifted.localisation == pytest.approx(2 / 3)

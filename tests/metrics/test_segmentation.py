"""Each measure where it must be 0, 1 and in between."""

import numpy as np
import pytest

from temtrack.metrics.segmentation import SegmentationScore, score_segmentation

TWO = np.zeros((20, 40), np.int32)
TWO[5:15, 5:15] = 1
TWO[5:15, 20:30] = 7
ONE = np.where(TWO == 7, 0, TWO)
NONE = np.zeros_like(TWO)


@pytest.mark.parametrize(
    ("found", "true", "f1", "pq", "iou"),
    [
        (TWO, TWO, 1, 1, 1),
        (NONE, TWO, 0, 0, 0),
        (TWO, NONE, 0, 0, 0),
        (NONE, NONE, 1, 1, 1),
        (ONE, TWO, 2 / 3, 2 / 3, 0.5),
    ],
)
def test_scores_of_simple_scenes(found, true, f1, pq, iou):
    score = score_segmentation(found, true)
    assert (score.f1, score.pq, score.iou) == pytest.approx((f1, pq, iou))


def test_fused_instances_match_nothing():
    fused = (TWO > 0).astype(np.int32)
    score = score_segmentation(fused, TWO)
    assert (score.f1, score.iou, score.dice) == (0, 1, 1)


def test_scores_pool():
    total = score_segmentation(TWO, TWO) + score_segmentation(NONE, TWO)
    assert total.n_true == 4
    assert total.f1 == pytest.approx(2 / 3)
    assert total.dice == pytest.approx(2 / 3)
    assert SegmentationScore().f1 == 1

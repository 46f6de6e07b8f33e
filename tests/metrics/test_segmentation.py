"""Each measure where it must be 0, 1 and in between."""

import numpy as np
import pytest

from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.segmentation import SegmentationScore, score_frames, score_segmentation

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


@pytest.mark.parametrize(
    ("found", "true", "ap", "count_error"),
    [(TWO, TWO, 1, 0), (NONE, TWO, 0, 1), (ONE, TWO, 0.5, 0.5), (TWO, ONE, 0.5, 1), (NONE, NONE, 1, None)],
)
def test_average_precision_and_counts(found, true, ap, count_error):
    score = score_segmentation(found, true)
    assert score.ap == ap
    assert np.isnan(score.count_error) if count_error is None else score.count_error == count_error


def test_average_precision_falls_with_the_contour():
    """Squares shifted by 2 of 10 px overlap at IoU 80/120: above 4 of 10 thresholds."""
    assert score_segmentation(np.roll(TWO, 2, axis=1), TWO).ap == pytest.approx(0.4)
    assert score_segmentation(np.roll(TWO, 2, axis=1), TWO).boundary_f1 == 1


def test_errors_of_counts_do_not_cancel_between_images():
    pooled = score_segmentation(ONE, TWO) + score_segmentation(TWO, ONE)
    assert pooled.count_error == pytest.approx(2 / 3)


def test_frames_of_a_movie_score_as_images_do():
    found, true = [ONE, NONE, TWO, TWO], [TWO, TWO, NONE, TWO]
    frames = score_frames(measure_overlaps(found, true, with_boundaries=True))
    for frame, a, b in zip(frames, found, true, strict=True):
        alone = score_segmentation(a, b)
        assert (frame.iou, frame.f1, frame.pq, frame.ap) == (alone.iou, alone.f1, alone.pq, alone.ap)

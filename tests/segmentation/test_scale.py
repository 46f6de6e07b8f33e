import numpy as np
import pytest

from temtrack.segmentation.scale import (
    FINE_PROBE_SCALE,
    LARGEST_KEPT_PX,
    MAX_SCALE,
    MIN_CONFIDENCE,
    MIN_PROBE_DIAMETER_PX,
    MIN_SCALE,
    PROBE_SCALES,
    PROBE_SIDE_PX,
    REDUCED_DIAMETER_PX,
    SMALLEST_KEPT_PX,
    Prediction,
    common_scale,
    find_scale,
    foreground_confidence,
    scale_for,
)

GREY = np.zeros((120, 120), np.float32)
ALL_PROBES = (*PROBE_SCALES, FINE_PROBE_SCALE)


def square(side):
    """Labels with one particle, a square."""
    labels = np.zeros((side + 2, side + 2), np.int32)
    labels[1:-1, 1:-1] = 1
    return labels


def predicted(labels, confidence):
    return Prediction(labels, np.ones(labels.max(), np.float32), confidence)


def test_scales_stay_within_their_bounds():
    assert scale_for(REDUCED_DIAMETER_PX) == 1
    assert scale_for(2 * REDUCED_DIAMETER_PX) == 0.5
    assert scale_for(SMALLEST_KEPT_PX) == scale_for(LARGEST_KEPT_PX) == 1  # nothing is gained, no detail lost
    assert scale_for(SMALLEST_KEPT_PX / 2) == 2
    assert scale_for(SMALLEST_KEPT_PX - 1) > 1 > scale_for(LARGEST_KEPT_PX + 1)
    assert (scale_for(1), scale_for(1e4)) == (MAX_SCALE, MIN_SCALE)


def test_one_scale_for_a_movie_is_the_geometric_mean_of_those_known():
    assert common_scale([0.5, None, 2.0]) == pytest.approx(1)
    assert common_scale([None, None]) == 1
    assert common_scale([]) == 1


@pytest.mark.parametrize("surest", ALL_PROBES)
def test_the_most_confident_prediction_is_believed(surest):
    sides = {scale: 20 * n for n, scale in enumerate(ALL_PROBES, start=3)}
    others = 0.8 if surest < 1 else 0.5
    prediction = lambda grey, scale: predicted(square(sides[scale]), 0.9 if scale == surest else others)  # noqa: E731
    expected = scale_for(2 * sides[surest] / np.sqrt(np.pi))
    assert find_scale(GREY, prediction).scale == pytest.approx(expected)


@pytest.mark.parametrize(
    ("coarse", "plain", "is_asked"),
    [
        (0.9, 0.95, False),
        (0.95, 0.9, True),
        (0.3, MIN_CONFIDENCE - 0.01, True),
        (0.3, MIN_CONFIDENCE, False),
    ],
)
def test_a_fine_probe_is_taken_where_the_plain_one_is_not_sure_or_not_the_surest(coarse, plain, is_asked):
    """A cluster of small particles, seen at a coarse scale, is one large particle."""
    sizes = {0.3: square(280), 1.0: square(45), FINE_PROBE_SCALE: square(20)}
    sure = {0.3: coarse, 1.0: plain, FINE_PROBE_SCALE: 0.93}
    asked = []

    def predict_at_scale(part, scale):
        asked.append(scale)
        return predicted(sizes[scale], sure[scale])

    found = find_scale(GREY, predict_at_scale).scale
    assert (FINE_PROBE_SCALE in asked) == is_asked
    assert found == pytest.approx(scale_for((20 if is_asked else 45) * 2 / np.sqrt(np.pi)))


def test_what_was_seen_of_the_whole_image_at_its_scale_is_handed_on():
    prediction = predicted(square(50), 0.9)
    estimate = find_scale(GREY, lambda part, scale: prediction)
    assert (estimate.scale, estimate.prediction) == (1.0, prediction)
    assert (
        find_scale(np.zeros((900, 900), np.float32), lambda part, scale: prediction).prediction is None
    )  # a middle
    assert (
        find_scale(GREY, lambda part, scale: predicted(square(200), 0.9)).prediction is None
    )  # another scale


def test_what_is_too_small_for_the_network_at_its_scale_is_no_particle():
    small = {scale: square(int(0.8 * MIN_PROBE_DIAMETER_PX / scale)) for scale in ALL_PROBES}
    assert find_scale(GREY, lambda grey, scale: predicted(small[scale], 1.0)) is None
    true = {**small, 1.0: square(40)}
    sure = {scale: 1.0 - (scale == 1.0) / 4 for scale in ALL_PROBES}
    found = find_scale(GREY, lambda grey, scale: predicted(true[scale], sure[scale])).scale
    assert found == pytest.approx(scale_for(2 * 40 / np.sqrt(np.pi)))


def test_a_network_that_is_sure_nowhere_sees_nothing_magnified():
    for confidence in (MIN_CONFIDENCE, MIN_CONFIDENCE - 0.01):
        prediction = predicted(square(20), confidence)
        expected = SMALLEST_KEPT_PX / (2 * 20 / np.sqrt(np.pi)) if confidence >= MIN_CONFIDENCE else 1.0
        found = find_scale(GREY, lambda grey, scale, prediction=prediction: prediction).scale
        assert found == pytest.approx(expected)
    wide = predicted(square(100), MIN_CONFIDENCE / 2)
    assert find_scale(GREY, lambda grey, scale: wide).scale == pytest.approx(
        REDUCED_DIAMETER_PX / (2 * 100 / np.sqrt(np.pi))
    )


def test_an_image_without_particles_has_no_scale():
    assert find_scale(GREY, lambda grey, scale: predicted(np.zeros((9, 9), np.int32), 0.0)) is None


def test_a_large_image_is_judged_by_its_middle():
    grey = np.zeros((6000, 3000), np.float32)
    grey[2995:3005, 1495:1505] = 1
    seen = {}

    def predict(part, scale):
        seen[scale] = part.shape
        assert part.sum() == 100
        return predicted(square(40), 0.0)

    find_scale(grey, predict)
    sides = {scale: round(PROBE_SIDE_PX / scale) for scale in ALL_PROBES}
    assert seen == {scale: (min(side, 6000), min(side, 3000)) for scale, side in sides.items()}


def test_confidence_is_told_by_the_foreground_alone():
    assert foreground_confidence(np.array([[0.0, 0.49], [1.0, 0.75]], np.float32)) == pytest.approx(0.75)
    assert foreground_confidence(np.zeros((3, 3), np.float32)) == 0

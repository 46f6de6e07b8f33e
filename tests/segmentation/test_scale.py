import numpy as np
import pytest

from temtrack.segmentation.scale import (
    LARGEST_KEPT_PX,
    LEAST_CERTAINTY,
    MAX_SCALE,
    MIN_PROBE_DIAMETER_PX,
    MIN_SCALE,
    PROBE_SCALES,
    PROBE_SIDE_PX,
    TARGET_DIAMETER_PX,
    Glance,
    certainty_of,
    common_scale,
    find_scale,
    scale_for,
)

GREY = np.zeros((120, 120), np.float32)


def square(side):
    """Labels with one particle, a square."""
    labels = np.zeros((side + 2, side + 2), np.int32)
    labels[1:-1, 1:-1] = 1
    return labels


def test_scales_stay_within_their_bounds():
    assert scale_for(TARGET_DIAMETER_PX) == 1
    assert scale_for(2 * TARGET_DIAMETER_PX) == 0.5
    assert scale_for(LARGEST_KEPT_PX) == 1 > scale_for(LARGEST_KEPT_PX + 1)  # no detail is lost
    assert (scale_for(1), scale_for(1e4)) == (MAX_SCALE, MIN_SCALE)


def test_one_scale_for_a_movie_is_the_geometric_mean_of_those_known():
    assert common_scale([0.5, None, 2.0]) == pytest.approx(1)
    assert common_scale([None, None]) == 1
    assert common_scale([]) == 1


@pytest.mark.parametrize("surest", PROBE_SCALES)
def test_the_surest_glance_is_believed(surest):
    sides = {scale: 20 * n for n, scale in enumerate(PROBE_SCALES, start=3)}
    glance = lambda grey, scale: Glance(square(sides[scale]), 0.9 if scale == surest else 0.8)  # noqa: E731
    expected = scale_for(2 * sides[surest] / np.sqrt(np.pi))
    assert find_scale(GREY, glance) == pytest.approx(expected)


def test_what_is_too_small_for_the_network_at_its_scale_is_no_particle():
    small = {scale: square(int(0.8 * MIN_PROBE_DIAMETER_PX / scale)) for scale in PROBE_SCALES}
    assert find_scale(GREY, lambda grey, scale: Glance(small[scale], 1.0)) is None
    true = {**small, 1.0: square(40)}
    sure = {scale: 1.0 - (scale == 1.0) / 4 for scale in PROBE_SCALES}
    found = find_scale(GREY, lambda grey, scale: Glance(true[scale], sure[scale]))
    assert found == pytest.approx(scale_for(2 * 40 / np.sqrt(np.pi)))


def test_a_network_that_is_sure_nowhere_sees_nothing_magnified():
    for certainty in (LEAST_CERTAINTY, LEAST_CERTAINTY - 0.01):
        glance = Glance(square(20), certainty)
        expected = TARGET_DIAMETER_PX / (2 * 20 / np.sqrt(np.pi)) if certainty >= LEAST_CERTAINTY else 1.0
        assert find_scale(GREY, lambda grey, scale, glance=glance: glance) == pytest.approx(expected)
    wide = Glance(square(100), LEAST_CERTAINTY / 2)
    assert find_scale(GREY, lambda grey, scale: wide) == pytest.approx(
        TARGET_DIAMETER_PX / (2 * 100 / np.sqrt(np.pi))
    )


def test_an_image_without_particles_has_no_scale():
    assert find_scale(GREY, lambda grey, scale: Glance(np.zeros((9, 9), np.int32), 0.0)) is None


def test_a_large_image_is_judged_by_its_middle():
    grey = np.zeros((6000, 3000), np.float32)
    grey[2995:3005, 1495:1505] = 1
    seen = {}

    def look(part, scale):
        seen[scale] = part.shape
        assert part.sum() == 100
        return Glance(square(40), 1.0)

    find_scale(grey, look)
    sides = {scale: round(PROBE_SIDE_PX / scale) for scale in PROBE_SCALES}
    assert seen == {scale: (min(side, 6000), min(side, 3000)) for scale, side in sides.items()}


def test_certainty_is_told_by_the_foreground_alone():
    assert certainty_of(np.array([[0.0, 0.49], [1.0, 0.75]], np.float32)) == pytest.approx(0.75)
    assert certainty_of(np.zeros((3, 3), np.float32)) == 0

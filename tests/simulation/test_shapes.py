import numpy as np
import pytest

from temtrack.simulation.shapes import N_ANGLES, ShapeMix, contour_at, draw_contours, rounded, rounded_polygon


@pytest.mark.parametrize("kind", ["round", "oval", "faceted", "rod"])
def test_contours_of_all_kinds_have_unit_area(kind):
    mix = ShapeMix(**{"round": 0.0, kind: 1.0}, roughness=0.1)
    contours = draw_contours(np.random.default_rng(0), 20, mix)
    assert contours.shape == (20, N_ANGLES)
    assert np.allclose((contours.astype(float) ** 2).mean(axis=1), 1, atol=1e-5)
    assert contours.min() > 0.1


def test_four_facets_of_power_two_are_an_ellipse():
    normals = np.arange(4)[None] * (np.pi / 2)
    radii = rounded_polygon(normals, np.array([[3.0, 1.0, 3.0, 1.0]]), np.array([2.0]))[0]
    assert radii[0] == pytest.approx(3)
    assert radii[N_ANGLES // 4] == pytest.approx(1)
    assert radii[N_ANGLES // 8] == pytest.approx(1 / np.sqrt((1 / 9 + 1) / 2))


def test_rounding_ends_in_a_circle():
    contours = draw_contours(np.random.default_rng(0), 3, ShapeMix(round=0, rod=1))
    assert np.allclose(rounded(contours, np.ones(3)), 1)
    assert np.array_equal(rounded(contours, np.zeros(3)), contours)


def test_contour_at_wraps_round():
    contour = np.linspace(1, 2, N_ANGLES, dtype=np.float32)
    assert contour_at(contour, -np.pi / 2) == contour[3 * N_ANGLES // 4]

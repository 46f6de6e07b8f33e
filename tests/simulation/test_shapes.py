import numpy as np
import pytest

from temtrack.simulation.shapes import N_ANGLES, ShapeMix, draw_outlines, outline_at, rounded, rounded_polygon


@pytest.mark.parametrize("kind", ["round", "oval", "faceted", "rod"])
def test_outlines_of_all_kinds_have_unit_area(kind):
    mix = ShapeMix(**{"round": 0.0, kind: 1.0}, roughness=0.1)
    outlines = draw_outlines(np.random.default_rng(0), 20, mix)
    assert outlines.shape == (20, N_ANGLES)
    assert np.allclose((outlines.astype(float) ** 2).mean(axis=1), 1, atol=1e-5)
    assert outlines.min() > 0.1


def test_four_facets_of_power_two_are_an_ellipse():
    normals = np.arange(4)[None] * (np.pi / 2)
    radii = rounded_polygon(normals, np.array([[3.0, 1.0, 3.0, 1.0]]), np.array([2.0]))[0]
    assert radii[0] == pytest.approx(3)
    assert radii[N_ANGLES // 4] == pytest.approx(1)
    assert radii[N_ANGLES // 8] == pytest.approx(1 / np.sqrt((1 / 9 + 1) / 2))


def test_rounding_ends_in_a_circle():
    outlines = draw_outlines(np.random.default_rng(0), 3, ShapeMix(round=0, rod=1))
    assert np.allclose(rounded(outlines, np.ones(3)), 1)
    assert np.array_equal(rounded(outlines, np.zeros(3)), outlines)


def test_outline_at_wraps_round():
    outline = np.linspace(1, 2, N_ANGLES, dtype=np.float32)
    assert outline_at(outline, -np.pi / 2) == outline[3 * N_ANGLES // 4]

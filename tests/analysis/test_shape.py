import numpy as np
import pytest
from skimage.draw import disk, ellipse
from skimage.measure import perimeter_crofton

from temtrack.analysis.shape import count_hull_pixels, measure_axes, measure_perimeters
from temtrack.imaging.labels import LabelImage


@pytest.fixture(scope="module")
def scene():
    """An ellipse, a disc that touches a square, an L, and single pixel, each with its own id."""
    labels = np.zeros((120, 120), dtype=np.uint16)
    labels[ellipse(30, 40, 12, 22, rotation=0.5)] = 7
    labels[disk((80, 25), 15)] = 300
    labels[70:90, 40:60] = 12
    labels[60:100, 90:95] = 5
    labels[95:100, 90:115] = 5
    labels[119, 119] = 40000
    return labels


def test_perimeters_equal_those_of_scikit_image(scene):
    image = LabelImage(scene)
    expected = [perimeter_crofton(scene == one, directions=4) for one in image.ids]
    np.testing.assert_allclose(measure_perimeters(image), expected)


def test_axes_are_those_of_the_drawn_ellipse(scene):
    image = LabelImage(scene)
    major, minor = measure_axes(image)
    at = np.flatnonzero(image.ids == 7)[0]
    assert (major[at], minor[at]) == pytest.approx((44, 24), abs=0.6)


def test_axes_of_a_square_are_exact():
    major, minor = measure_axes(LabelImage(np.ones((10, 10), dtype=np.int64)))
    assert (major[0], minor[0]) == pytest.approx([4 * np.sqrt(100 / 12)] * 2)


def test_hull_of_convex_shapes_is_the_shape_itself(scene):
    image = LabelImage(scene)
    hull = dict(zip(image.ids.tolist(), count_hull_pixels(image).tolist(), strict=True))
    area = dict(zip(image.ids.tolist(), image.regions.area_px.tolist(), strict=True))
    assert hull[12] == 400
    assert hull[40000] == 1
    assert hull[300] == pytest.approx(area[300], rel=0.01)


def test_hull_of_an_l_spans_its_corners(scene):
    image = LabelImage(scene)
    at = np.flatnonzero(image.ids == 5)[0]
    # corners (60,90) (60,94) (95,114) (99,114) (99,90): shoelace 556, 4+5+4+24+39 lattice steps on it
    corners = np.array([(60, 90), (60, 94), (95, 114), (99, 114), (99, 90)])
    step = np.roll(corners, -1, axis=0) - corners
    area = abs((corners[:, 1] * step[:, 0] - corners[:, 0] * step[:, 1]).sum()) / 2
    assert count_hull_pixels(image)[at] == area + np.gcd(step[:, 0], step[:, 1]).sum() / 2 + 1


@pytest.mark.parametrize("seed", range(5))
def test_hulls_of_scattered_pixels_are_those_of_their_extremes_in_64_directions(seed):
    labels = np.random.default_rng(seed).integers(0, 12, (30, 40)) % 9
    image = LabelImage(labels)
    angles = 2 * np.pi * (np.arange(64) + 0.5) / 64
    for one, n_px in zip(image.ids, count_hull_pixels(image), strict=True):
        y, x = np.nonzero(labels == one)
        farthest = np.argmax(np.outer(np.sin(angles), y) + np.outer(np.cos(angles), x), axis=1)
        y, x = y[farthest], x[farthest]
        step_y, step_x = np.roll(y, -1) - y, np.roll(x, -1) - x
        assert n_px == (abs((x * step_y - y * step_x).sum()) + np.gcd(step_y, step_x).sum()) / 2 + 1

import numpy as np
import pytest

from temtrack.analysis.contrast import estimate_support, measure_edge_diameters, measure_optical_mass
from temtrack.imaging.labels import LabelImage

SHAPE = 80, 120


def spheres(*centres, radius=10, mu=0.04, reach=0):
    """Labels, wider by ``reach``, and bright-field image of spheres on an uneven support."""
    y, x = np.indices(SHAPE)
    labels, depth = np.zeros(SHAPE, np.int32), np.zeros(SHAPE)
    for i, centre in enumerate(centres, 1):
        square = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
        labels[square <= (radius + reach) ** 2] = i
        depth += 2 * mu * np.sqrt(np.maximum(radius**2 - square, 0))
    return labels, 200 * (1 + 0.2 * x / SHAPE[1]) * np.exp(-depth)


def mass(labels, image):
    image_of = LabelImage(labels)
    return measure_optical_mass(image_of, image, estimate_support(image_of, image))


def edges(labels, image):
    image_of = LabelImage(labels)
    return measure_edge_diameters(image_of, image, estimate_support(image_of, image))


def test_mass_is_that_of_the_sphere_wherever_it_lies():
    found = mass(*spheres((40, 30), (40, 90)))
    assert found == pytest.approx([0.04 * 4 / 3 * np.pi * 10**3] * 2, rel=0.05)


def test_a_child_has_the_mass_of_its_parents_also_where_they_overlap():
    apart, together = mass(*spheres((40, 30), (40, 90))), spheres((40, 50), (40, 62))
    child = mass((together[0] > 0).astype(int), together[1])
    assert child[0] == pytest.approx(apart.sum(), rel=0.05)


def test_a_frame_without_support_tells_nothing():
    assert estimate_support(LabelImage(np.ones((20, 20), int)), np.ones((20, 20))) is None


@pytest.mark.parametrize("is_bright", [False, True])
def test_an_edge_follows_neither_contrast_nor_mask(is_bright):
    def found(**changes):
        labels, image = spheres((40.3, 30.2), (40, 90), **changes)
        return edges(labels, 250 - image if is_bright else image)

    known = found()
    assert known == pytest.approx([19, 19], abs=0.4)
    for reach in (-2.5, -1.5, 1.5):
        assert found(reach=reach) == pytest.approx(known, abs=0.25)
    assert found(mu=0.02) == pytest.approx(known, abs=0.25)


def test_an_edge_sees_less_than_a_pixel():
    diameters = [edges(*spheres((40.3, 30.2), radius=r))[0] for r in (10, 10.05, 10.1, 10.15, 10.2)]
    assert np.diff(diameters) == pytest.approx(0.1, abs=0.03)


def test_particles_that_touch_share_no_pixel():
    labels, image = spheres((40, 50), (40, 69))
    assert edges(labels, image) == pytest.approx([19, 19], rel=0.06)


def test_a_mask_far_from_any_edge_tells_none():
    labels, image = spheres((40, 30), (40, 90))
    labels[labels == 2] = 0
    labels[36:45, 86:95] = 2
    assert np.isnan(edges(labels, image)).tolist() == [False, True]


def test_unknown_pixels_are_no_contrast():
    labels, image = spheres((40, 30), (40, 90))
    holed = image.copy()
    holed[10, 10] = np.nan
    assert edges(labels, holed) == pytest.approx(edges(labels, image), abs=0.01)

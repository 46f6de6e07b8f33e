import numpy as np
import pytest

from temtrack.analysis.shape import EncodedRegions
from temtrack.analysis.thickness import measure_optical_mass


def spheres(*centres, radius=10, mu=0.04, shape=(80, 120)):
    """Labels and bright-field image of spheres on an uneven support."""
    y, x = np.indices(shape)
    labels, depth = np.zeros(shape, np.int32), np.zeros(shape)
    for i, centre in enumerate(centres, 1):
        square = radius**2 - (y - centre[0]) ** 2 - (x - centre[1]) ** 2
        labels[square >= 0] = i
        depth += 2 * mu * np.sqrt(np.maximum(square, 0))
    return labels, 200 * (1 + 0.2 * x / shape[1]) * np.exp(-depth)


def mass(labels, image):
    return measure_optical_mass(EncodedRegions.of(labels), image)


def test_mass_is_that_of_the_sphere_wherever_it_lies():
    found = mass(*spheres((40, 30), (40, 90)))
    assert found == pytest.approx([0.04 * 4 / 3 * np.pi * 10**3] * 2, rel=0.05)


def test_a_child_has_the_mass_of_its_parents_also_where_they_overlap():
    apart, together = mass(*spheres((40, 30), (40, 90))), spheres((40, 50), (40, 62))
    child = mass((together[0] > 0).astype(int), together[1])
    assert child[0] == pytest.approx(apart.sum(), rel=0.05)


def test_a_frame_without_support_tells_nothing():
    assert np.isnan(mass(np.ones((20, 20), int), np.ones((20, 20)))).all()

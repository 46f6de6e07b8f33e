import numpy as np
import pytest

from temtrack.simulation.projection import Grains, measure_necks, project
from temtrack.simulation.shapes import N_ANGLES


def discs(x, radius, *, blend=0.0, layer=None) -> Grains:
    n = len(x)
    return Grains(
        y_px=np.full(n, 40.0),
        x_px=np.array(x, dtype=float),
        radius_px=np.array(radius, dtype=float),
        contour=np.zeros(n, dtype=np.int64),
        contours=np.ones((1, N_ANGLES), dtype=np.float32),
        turn=np.zeros(n),
        height=np.ones(n),
        profile=np.full(n, 0.5),
        cluster=np.zeros(n, dtype=np.int64),
        blend=np.full(n, blend),
        layer=np.zeros(n, dtype=np.int64) if layer is None else np.array(layer),
    )


def test_a_sphere_is_as_thick_as_its_chords():
    thickness = project(discs([40], [15]), 80, 80).thickness_px[0]
    assert thickness[40, 40] == pytest.approx(30)
    assert thickness[40, 49] == pytest.approx(2 * np.sqrt(15**2 - 9**2))
    assert thickness[40, 56] == 0
    assert np.count_nonzero(thickness) == pytest.approx(np.pi * 15**2, rel=0.02)


def test_grains_beyond_the_edge_are_cut_off_there():
    whole = project(discs([40], [15]), 80, 80).owner[0]
    moved = project(discs([2], [15]), 80, 80).owner[0]
    assert np.array_equal(moved[:, :42], whole[:, 38:80])


def test_front_layer_owns_the_overlap_and_thickness_adds():
    projection = project(discs([35, 45], [12, 12], layer=[0, 1]), 80, 80)
    assert projection.labels(np.array([7, 9]))[40, 40] == 9
    assert projection.thickness_px[:, 40, 40].sum() == pytest.approx(4 * np.sqrt(12**2 - 5**2))


def test_label_0_uncovers_what_lies_behind():
    projection = project(discs([35, 45], [12, 12], layer=[0, 1]), 80, 80)
    assert projection.labels(np.array([7, 0]))[40, 40] == 7


@pytest.mark.parametrize("blended", [False, True])
def test_neck_of_two_spheres(blended):
    sharp = np.sqrt(20**2 - 18**2)
    grains = discs([22, 58], [20, 20], blend=sharp**2 if blended else 0.0)
    pairs, half_width = measure_necks(project(grains, 80, 80), grains)
    expected = sharp * np.sqrt(1 + np.log(2)) if blended else sharp
    assert pairs.tolist() == [[0, 1]]
    assert half_width[0] == pytest.approx(expected, abs=0.8)


def test_no_neck_between_bodies_apart():
    grains = discs([20, 60], [15, 15])
    pairs, _ = measure_necks(project(grains, 80, 80), grains)
    assert len(pairs) == 0

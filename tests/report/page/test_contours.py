import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from temtrack.report.page.contours import STEPS, trace_contours


def polylines_of(labels):
    """Return the id, the corners (N, 2) and the end of each polyline."""
    traced, at = trace_contours(labels), 0
    for one, _, y, x, n in traced.polylines.tolist():
        steps = STEPS[traced.directions[at : at + n]].astype(int)
        corners = np.cumsum(np.vstack([[(y, x)], steps]), axis=0)
        yield one, corners[:-1], corners[-1]
        at += n
    assert at == traced.directions.size


def signed_area(corners):
    y, x = corners.T
    return int((np.roll(y, -1) * x - y * np.roll(x, -1)).sum()) / 2


def test_one_pixel_is_a_square_taken_clockwise():
    traced = trace_contours(np.array([[0, 0], [0, 7]]))
    assert traced.polylines.tolist() == [[7, 1, 1, 1, 4]]
    assert traced.directions.tolist() == [0, 1, 2, 3]


def test_touching_particles_have_a_contour_each():
    polylines = {one: len(corners) for one, corners, _ in polylines_of(np.array([[1, 1, 2], [1, 1, 2]]))}
    assert polylines == {1: 8, 2: 6}


def test_pieces_that_touch_by_a_corner_are_apart():
    assert [len(corners) for _, corners, _ in polylines_of(np.array([[3, 0], [0, 3]]))] == [4, 4]


def test_a_hole_is_taken_the_other_way_round():
    labels = np.ones((3, 3), dtype=int)
    labels[1, 1] = 0
    assert sorted(signed_area(corners) for _, corners, _ in polylines_of(labels)) == [-1, 9]


def test_no_particle_has_no_contour():
    traced = trace_contours(np.zeros((4, 5), dtype=np.uint16))
    assert traced.polylines.shape == (0, 5)
    assert traced.directions.size == 0


@given(arrays(np.uint16, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 3)))
def test_polylines_close_and_enclose_as_many_pixels_as_the_particle_has(labels):
    areas = dict.fromkeys(np.unique(labels[labels > 0]).tolist(), 0)
    for one, corners, end in polylines_of(labels):
        assert end.tolist() == corners[0].tolist()
        areas[one] += signed_area(corners)
    assert areas == {one: int((labels == one).sum()) for one in areas}

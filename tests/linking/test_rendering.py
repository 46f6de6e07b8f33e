import numpy as np

from temtrack.imaging.labels import LabelImage
from temtrack.linking.rendering import render_frame


def scene(*squares, shape=(20, 30)):
    """Draw squares, told as (id, upper row, left column, side); later ones lie on top."""
    out = np.zeros(shape, np.int32)
    for particle, y, x, side in squares:
        out[y : y + side, x : x + side] = particle
    return out


def draw(propagated, detections, guests):
    ids = {one: one for one in np.unique(detections[detections > 0]).tolist()}
    return render_frame(LabelImage(propagated), LabelImage(detections), ids, [], guests, 0.25)


def test_a_guest_is_drawn_only_where_nothing_is():
    detections = scene((1, 5, 5, 8))
    drawing = draw(scene((2, 5, 10, 8)), detections, [2])
    assert (drawing.image.labels[detections > 0] == 1).all()
    assert (drawing.image.labels == 2).sum() == 5 * 8
    assert drawing.memory is drawing.image


def test_a_hidden_guest_is_a_free_pixel_that_is_remembered_where_it_is_expected():
    detections, propagated = scene((1, 2, 2, 12)), scene((2, 7, 8, 5))
    drawing = draw(propagated, detections, [2])
    assert (drawing.image.labels[detections > 0] == 1).all()
    assert np.argwhere(drawing.image.labels == 2).tolist() == [[9, 14]]
    np.testing.assert_array_equal(drawing.memory.labels == 2, propagated == 2)


def test_a_hidden_guest_leaves_most_of_each_particle_that_it_is_expected_on():
    detections = scene((1, 0, 0, 10), (2, 12, 12, 2))
    propagated = scene((3, 12, 12, 2), (4, 1, 1, 2), (4, 3, 3, 1))
    drawing = draw(propagated, detections, [3, 4])
    assert (drawing.memory.labels == 2).sum() == 4
    assert (drawing.memory.labels == 3).sum() == 1
    np.testing.assert_array_equal(drawing.memory.labels == 4, propagated == 4)


def test_a_guest_of_a_full_frame_is_nowhere():
    full = np.ones((4, 4), np.int32)
    drawing = draw(2 * full, full, [2])
    np.testing.assert_array_equal(drawing.image.labels, full)

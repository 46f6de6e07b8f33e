import numpy as np
import pytest

from temtrack.imaging.labels import measure_regions
from temtrack.linking.motion import MotionModel, find_jump, move_labels


def squares(*places, size=6, shape=(60, 80)):
    labels = np.zeros(shape, np.int32)
    for i, (y, x) in enumerate(places, start=1):
        labels[y : y + size, x : x + size] = i
    return labels


def test_drift_and_own_motion_go_on():
    model = MotionModel()
    for t in range(6):
        model.learn(squares((10 + 2 * t, 10), (30 + 2 * t, 40), (10 + 2 * t, 60), (5 + 2 * t, 25)))
    np.testing.assert_array_equal(model.predict(), squares((22, 10), (42, 40), (22, 60), (17, 25)))
    assert model.drift == pytest.approx((2, 0))


def test_a_jump_of_the_whole_field_is_found_and_chance_is_not():
    before, after = squares((10, 10), (30, 41), (12, 55)), squares((17, 5), (37, 36), (19, 50))
    assert find_jump(before > 0, after > 0) == (7, -5)
    assert find_jump(before > 0, before > 0) == (0, 0)
    assert find_jump(before > 0, np.zeros_like(before) > 0) == (0, 0)
    model = MotionModel()
    model.learn(before)
    np.testing.assert_array_equal(model.predict_into(after), after)


def test_where_two_meet_the_smaller_one_lies_on_top():
    labels = squares((10, 10), size=12)
    labels[12:16, 30:34] = 2
    moved = move_labels(labels, measure_regions(labels), np.array([[0.0, 0.0], [0.0, -18.0]]))
    assert (moved == 2).sum() == 16
    assert (moved == 1).sum() == 144 - 16


def test_an_id_that_leaves_waits_as_a_pixel_at_the_border():
    labels = squares((10, 10), (20, 70))
    moved = move_labels(labels, measure_regions(labels), np.array([[0.0, 0.0], [0.0, 30.0]]))
    assert np.argwhere(moved == 2).tolist() == [[22, 79]]


def test_nothing_is_predicted_before_a_frame_is_known():
    with pytest.raises(ValueError, match="call learn first"):
        MotionModel().predict()

import numpy as np
import pytest

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.registration import FrameRegistration
from temtrack.linking.motion import MotionModel, find_jump, move_labels


def squares(*places, size=6, shape=(60, 80)):
    labels = np.zeros(shape, np.int32)
    for i, (y, x) in enumerate(places, start=1):
        labels[y : y + size, x : x + size] = i
    return LabelImage(labels)


def test_drift_and_own_motion_go_on():
    model = MotionModel()
    for t in range(6):
        model.learn(squares((10 + 2 * t, 10), (30 + 2 * t, 40), (10 + 2 * t, 60), (5 + 2 * t, 25)))
    prediction = model.predict()
    assert_same(prediction.labels, squares((22, 10), (42, 40), (22, 60), (17, 25)))
    assert model.drift == prediction.step_px == pytest.approx((2, 0))


BEFORE, JUMPED = squares((10, 10), (30, 41), (12, 55)), squares((17, 5), (37, 36), (19, 50))


def learned(*frames):
    model = MotionModel()
    for labels in frames:
        model.learn(labels)
    return model


def test_a_jump_of_the_whole_field_is_found_and_chance_is_not():
    before, after = BEFORE.labels > 0, JUMPED.labels > 0
    assert find_jump(before, after) == (7, -5)
    assert find_jump(before, before) == (0, 0)
    assert find_jump(before, np.zeros_like(before)) == (0, 0)
    model = learned(BEFORE)
    registration = model.register(JUMPED)
    assert registration == FrameRegistration((7, -5), is_jump=True)
    assert_same(model.predict(registration.step_px).labels, JUMPED)


def test_after_a_jump_motion_goes_on_as_before():
    start = [(10 + t, 10) for t in range(4)]
    model = learned(*(squares(at, (at[0] + 20, 41), (at[0], 60)) for at in start))
    jumped, new = [(20, 24), (40, 55), (20, 74)], (8, 36)
    model.learn(squares(*jumped, new), is_jump=True)
    assert model.drift == pytest.approx((1, 0))
    assert_same(model.predict().labels, squares(*((y + 1, x) for y, x in (*jumped, new))))


def test_what_the_image_tells_stands_where_the_masks_agree():
    model = learned(BEFORE, BEFORE)
    told = FrameRegistration((7.2, -5.1), (9.2, -5.1), 0.9, True)
    assert model.register(JUMPED, told) is told
    # what is burned into the images has not moved
    burned_in = FrameRegistration((0.0, 0.0), (2.0, 0.0), 0.9)
    assert model.register(JUMPED, burned_in) == FrameRegistration((7, -5), None, 0.9, is_jump=True)


def test_a_drift_that_the_image_does_not_show_goes_on():
    model = learned(*(squares((10 + 2 * t, 10), (5 + 2 * t, 41)) for t in range(4)))
    after = squares((18, 10), (13, 41))
    registration = model.register(after, FrameRegistration((0.0, 0.0), (0.0, 0.0), 0.9))
    assert registration == FrameRegistration((2, 0), None, 0.9)


def assert_same(image, other):
    np.testing.assert_array_equal(image.labels, other.labels)


def test_where_two_meet_the_smaller_one_lies_on_top():
    labels = squares((10, 10), size=12).labels
    labels[12:16, 30:34] = 2
    moved = move_labels(LabelImage(labels), np.array([[0.0, 0.0], [0.0, -18.0]])).labels
    assert (moved == 2).sum() == 16
    assert (moved == 1).sum() == 144 - 16


def test_an_id_that_leaves_waits_as_a_pixel_at_the_border():
    labels = squares((10, 10), (20, 70))
    moved = move_labels(labels, np.array([[0.0, 0.0], [0.0, 30.0]])).labels
    assert np.argwhere(moved == 2).tolist() == [[22, 79]]


def test_nothing_is_predicted_before_a_frame_is_known():
    with pytest.raises(ValueError, match="call learn first"):
        MotionModel().predict()
    with pytest.raises(ValueError, match="call learn first"):
        MotionModel().register(BEFORE)

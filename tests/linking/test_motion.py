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
    assert registration.step_px == pytest.approx((7, -5), abs=0.2)
    assert registration.is_jump
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
    registration = model.register(JUMPED, burned_in)
    assert registration.step_px == pytest.approx((7, -5), abs=0.2)
    assert (registration.position_px, registration.correlation) == (None, 0.9)
    assert registration.is_jump


def test_a_drift_that_the_image_does_not_show_goes_on():
    at = [(10, 10), (5, 41), (30, 25), (25, 60), (20, 72)]
    model = learned(*(squares(*((y + 2 * t, x) for y, x in at)) for t in range(4)))
    after = squares(*((y + 8, x) for y, x in at))
    registration = model.register(after, FrameRegistration((0.0, 0.0), (0.0, 0.0), 0.9))
    assert registration.step_px == pytest.approx((2, 0), abs=0.5)
    assert registration.position_px is None
    assert not registration.is_jump


def lattice(y0, x0, shape=(200, 200)):
    """A dense film of particles of 6 px, 10 px apart, of somewhat different sizes, seen from a place."""
    rng = np.random.default_rng(0)
    labels = np.zeros((240, 240), np.int32)
    for i, at in enumerate(np.ndindex(23, 23), start=1):
        y, x = np.array(at) * 10 + rng.integers(0, 3, 2)
        height, width = rng.integers(4, 8, 2)
        if rng.random() > 0.05:
            labels[y : y + height, x : x + width] = i
    return LabelImage(labels[y0 : y0 + shape[0], x0 : x0 + shape[1]])


@pytest.mark.parametrize("told", [None, FrameRegistration((-9.0, -4.0), (-9.0, -4.0), 0.9, True)])
def test_a_jump_by_about_a_lattice_vector_is_found_by_the_masks_and_not_doubted_by_them(told):
    model = learned(lattice(10, 10), lattice(10, 10))
    registration = model.register(lattice(19, 14), told)
    assert registration.step_px == pytest.approx((-9, -4), abs=0.2)
    assert registration.is_jump
    predicted = model.predict(registration.step_px).labels
    both = (predicted.labels > 0) & (lattice(19, 14).labels > 0)
    assert (predicted.labels == lattice(19, 14).labels)[both].mean() > 0.99


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

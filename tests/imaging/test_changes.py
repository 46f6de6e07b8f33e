import numpy as np
import pytest

from temtrack.imaging.changes import Reference, blurred, boxes_around, find_changes, replace_particles

SHAPE = (128, 160)
RADIUS_PX = 11.0


def discs(*places, radius_px=RADIUS_PX):
    """Labels of discs at (y, x)."""
    y, x = np.indices(SHAPE)
    labels = np.zeros(SHAPE, np.int32)
    for i, (cy, cx) in enumerate(places, start=1):
        labels[np.hypot(y - cy, x - cx) < radius_px] = i
    return labels


def filmed(labels, noise, rng, shift=0.0):
    """A picture of dark particles, which a shift moves down by a part of a pixel."""
    grey = np.where(labels > 0, 100.0, 200.0)
    grey = (1 - shift) * grey + shift * np.roll(grey, 1, axis=0)
    return (grey + rng.normal(0, noise, SHAPE)).astype(np.float32)


STILL = discs((25, 25), (25, 130), (100, 70))


def changes(before, after, noise=15.0, **how):
    rng = np.random.default_rng(0)
    reference = Reference(blurred(filmed(before, noise, rng)), before)
    return find_changes(reference, blurred(filmed(after, noise, rng, **how)))


@pytest.mark.parametrize("noise", [0.0, 15.0, 30.0])
def test_noise_is_no_change(noise):
    assert not changes(STILL, STILL, noise).any()


@pytest.mark.parametrize("noise", [2.0, 30.0])
def test_one_that_moved_or_vanished_or_grew_has_changed_and_the_others_have_not(noise):
    for other in (discs((25, 25), (25, 130), (102, 70)), discs((25, 25), (25, 130))):
        changed = changes(STILL, other, noise)
        assert changed[STILL == 3].any()
        assert not changed[(STILL == 1) | (STILL == 2)].any()
    grown = np.where(discs((100, 70), radius_px=RADIUS_PX + 1.5) > 0, 3, STILL)
    assert changes(STILL, grown, noise)[STILL == 3].any()


def test_a_drift_by_a_part_of_a_pixel_is_no_change():
    assert not changes(STILL, STILL, shift=0.4).any()


def test_where_noise_hides_what_moves_nothing_is_told():
    assert changes(STILL, STILL, noise=60.0) is None
    assert changes(np.zeros_like(STILL), STILL) is None


def test_a_picture_moves_by_whole_pixels_and_keeps_its_border():
    reference = Reference(blurred(filmed(STILL, 0, np.random.default_rng(0))), STILL).moved((2, -3))
    np.testing.assert_array_equal(reference.labels[2:, :-3], STILL[:-2, 3:])
    np.testing.assert_array_equal(reference.labels[0], reference.labels[2])


def test_boxes_hold_changes_and_what_they_touch_and_are_one_where_that_is_no_larger():
    changed = np.zeros(SHAPE, bool)
    changed[20:25, 34:40] = changed[96:100, 70:74] = True
    boxes = boxes_around(changed, STILL, margin_px=4)
    shown = np.zeros(SHAPE, int)
    for box in boxes:
        shown[box] += 1
    assert shown.max() == 1
    assert shown[changed | (STILL == 1) | (STILL == 3)].all()
    assert not shown[STILL == 2].any()
    overlapping = boxes_around(changed, STILL, margin_px=40)  # one box around both would hold more
    assert sorted(overlapping, key=lambda box: box[0].start) == [
        (slice(0, 76), slice(0, 80)),
        (slice(50, 128), slice(20, 121)),
    ]
    assert boxes_around(changed, STILL, margin_px=80) == [(slice(0, 128), slice(0, 160))]


def test_only_particles_at_changes_are_replaced():
    changed = np.zeros(SHAPE, bool)
    changed[96:100, 70:74] = True
    found = discs((25, 27), (25, 130), (102, 62), (102, 80), radius_px=8.0)
    replaced = replace_particles(STILL, found, changed)
    for kept in (1, 2):
        np.testing.assert_array_equal(replaced == kept, STILL == kept)
    np.testing.assert_array_equal(replaced > 2, found > 2)
    assert len(np.unique(replaced)) == 5

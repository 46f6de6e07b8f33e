import numpy as np
import pytest

from temtrack.tracking.deaot.padding import STRIDE, choose_scale, pad_input, shift_onto


@pytest.mark.parametrize("scale", [1.0, 1.7, 0.6])
@pytest.mark.parametrize("drift", [(0.0, 0.0), (5.0, -3.0), (-40.4, 133.2)])
def test_a_spot_that_drifts_with_the_specimen_rests_on_the_specimens_tokens(scale, drift):
    shape = (200, 160)
    at = (90, 70)
    frame = np.zeros((400, 500), np.float32)
    frame[at] = 1
    moved = np.roll(frame, [round(step) for step in drift], axis=(0, 1))
    places = []
    for image, step in ((frame, (0.0, 0.0)), (moved, drift)):
        padded = pad_input(image.shape, scale, step)
        placed = padded.place_image(image)
        assert placed.shape == padded.shape
        assert all(n % STRIDE == 1 for n in placed.shape)
        peak = np.unravel_index(np.argmax(placed), placed.shape)
        places.append([STRIDE * o + int(p) for o, p in zip(padded.origin, peak, strict=True)])
    assert np.abs(np.subtract(*places)).max() <= 1
    assert pad_input(shape, scale, drift).shape == pad_input(shape, scale, (0.0, 0.0)).shape


def test_labels_and_pixels_find_back_to_the_frame():
    labels = np.arange(1, 50 * 70 + 1, dtype=np.int32).reshape(50, 70)
    padded = pad_input(labels.shape, 2.0, (3.0, -4.0))
    placed = padded.place_labels(labels)
    rows, columns = padded.axes()
    y, x = (np.rint(4 * (axis.node + axis.past) - 0.1).astype(int) for axis in (rows, columns))
    assert np.array_equal(placed[np.ix_(y, x)], labels)


def test_what_one_padded_input_shows_is_found_on_another():
    image = np.arange(1, 65 * 65 + 1).reshape(65, 65)
    here, there = pad_input((50, 50), 1.0, (0.0, 0.0)), pad_input((50, 50), 1.0, (-16.0, 32.0))
    shown = shift_onto(image, here.origin, there)
    assert np.array_equal(shown[:49, 32:], image[16:65, :33])
    assert not shown[49:].any()
    assert not shown[:, :32].any()
    far = pad_input((50, 50), 1.0, (1600.0, 0.0))
    assert not shift_onto(image, here.origin, far).any()


def test_the_scale_follows_the_typical_particle_within_bounds():
    labels = np.zeros((100, 100), np.int32)
    assert choose_scale(labels, 28, 10**6) is None
    labels[10:30, 10:30] = 1  # 22.6 px wide
    assert choose_scale(labels, 28, 10**6) == pytest.approx(28 / 22.57, rel=1e-3)
    assert choose_scale(labels, 28, 100 * 100) == 1.0
    assert choose_scale(labels, 1e4, 10**9) == 6.0

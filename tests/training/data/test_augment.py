import numpy as np
from skimage.draw import disk

from temtrack.training.data.augment import crop, draw_degradation, resample, view, window

LABELS = np.zeros((120, 160), np.int32)
LABELS[disk((50, 60), 20)] = 1
LABELS[disk((50, 98), 17)] = 2
IMAGE = np.where(LABELS > 0, 0.2, 0.8).astype(np.float32)


def test_a_crop_turns_image_and_labels_alike():
    for seed in range(20):
        image, labels = crop(IMAGE, LABELS, 1.5, 96, np.random.default_rng(seed))
        assert image.shape == labels.shape == (96, 96)
        assert np.mean((image < 0.5) == (labels > 0)) > 0.98


def test_scaling_changes_the_size_of_particles():
    areas = {
        scale: np.mean(
            [(crop(IMAGE, LABELS, scale, 64, np.random.default_rng(s))[1] > 0).sum() for s in range(30)]
        )
        for scale in (0.4, 0.8)
    }
    assert 2 < areas[0.8] / areas[0.4] < 4.5


def test_parts_of_one_particle_that_the_crop_tears_apart_get_labels_of_their_own():
    ring = np.ones((40, 400), np.int32)
    ring[:, 50:350] = 0
    _, labels = crop(ring.astype(np.float32), ring, 0.15, 64, np.random.default_rng(3))
    assert labels.max() >= 2


def test_a_window_keeps_every_pixel_as_it_was_and_turns_labels_with_the_image():
    whole = np.arange(120 * 160, dtype=np.float32).reshape(120, 160)
    firsts = set()
    for seed in range(40):
        image, labels = window(whole, LABELS, 64, np.random.default_rng(seed))
        y, x = np.divmod(image.astype(int), 160)
        np.testing.assert_array_equal(labels > 0, LABELS[y, x] > 0)
        assert {len(np.unique(y)), len(np.unique(x))} == {64}
        firsts.add((y[0, 0] < y[-1, -1], x[0, 0] < x[-1, -1], y[0, 0] == y[0, -1]))
    assert len(firsts) == 8  # four turns, mirrored or not


def test_a_window_larger_than_the_image_shows_its_mirror_image():
    image, labels = window(IMAGE, LABELS, 200, np.random.default_rng(1))
    assert image.shape == labels.shape == (200, 200)
    assert np.mean((image < 0.5) == (labels > 0)) == 1


def test_resampling_scales_image_and_labels_alike():
    for scale in (0.5, 1.0, 2.0):
        image, labels = resample(IMAGE, LABELS, scale)
        assert image.shape == labels.shape == (120 * scale, 160 * scale)
        assert np.mean((image < 0.5) == (labels > 0)) > 0.98


def test_degrading_keeps_particles_apart_from_the_ground():
    rng = np.random.default_rng(0)
    for _ in range(20):
        grey = draw_degradation(rng)(IMAGE, rng)
        assert grey.dtype == np.float32
        assert abs(grey[LABELS > 0].mean() - grey[LABELS == 0].mean()) > 0.02


def test_a_view_takes_pixels_as_they_are_where_nothing_is_scaled():
    quarter_turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for picture, order in ((IMAGE, 1), (LABELS, 0)):
        seen = view(picture, quarter_turn, np.array([40.0, 40.0]), 33, order)
        assert np.array_equal(seen, np.rot90(picture[24:57, 24:57], -1))
        assert seen.dtype == picture.dtype

import numpy as np
from skimage.draw import disk

from temtrack.datasets.labelled import LabelledImage
from temtrack.training.config import TrainConfig
from temtrack.training.data.animated_images import animated_clips, cut_out, fill_in, paste

LABELS = np.zeros((120, 140), np.int32)
LABELS[disk((40, 40), 14)] = 1
LABELS[disk((80, 95), 12)] = 2
LABELS[disk((80, 119), 12)] = 3  # touches 2
IMAGE = np.where(LABELS > 0, 0.3, 0.8).astype(np.float32)


def test_the_background_is_filled_in_where_particles_were():
    rng = np.random.default_rng(0)
    rough = IMAGE + rng.normal(0, 0.05, IMAGE.shape).astype(np.float32)
    background = fill_in(rough, LABELS > 0, rng)
    assert abs(background[LABELS > 0].mean() - 0.8) < 0.02
    assert 0.04 < background[LABELS > 0].std() < 0.07
    assert np.array_equal(background[:20], rough[:20])


def test_particles_that_touch_move_as_one_and_keep_their_ids_and_shapes():
    cutouts = cut_out(IMAGE - 0.8, LABELS, 20, np.random.default_rng(2))
    assert len(cutouts) == 2
    for t in (0, 19):
        image, labels = paste(np.full_like(IMAGE, 0.8), cutouts, t)
        assert np.mean((image < 0.6) == (labels > 0)) > 0.98
        for number in (1, 2, 3):
            assert (labels == number).sum() == (LABELS == number).sum()


def test_a_particle_may_leave_the_image():
    (cutout,) = cut_out(IMAGE[:, :70] - 0.8, LABELS[:, :70], 2, np.random.default_rng(0))
    cutout.shift_px[0] = -40, 0
    cutout.shift_px[1] = 500, 0
    assert 0 < (paste(IMAGE[:, :70], [cutout], 0)[1] == 1).sum() < (LABELS == 1).sum()
    image, labels = paste(IMAGE[:, :70], [cutout], 1)
    assert not labels.any()
    assert np.array_equal(image, IMAGE[:, :70])


def test_animated_images_move():
    still = LabelledImage(IMAGE, LABELS)
    config = TrainConfig(crop_px=64, min_diameter_px=27.0, max_diameter_px=28.0)
    source = animated_clips([still], config)(np.random.default_rng(1))
    assert 0.8 < source.scale < 2.2
    (first, labels), (later, _) = source.read(0), source.read(15)
    assert first.shape == labels.shape
    assert not np.array_equal(first, later)

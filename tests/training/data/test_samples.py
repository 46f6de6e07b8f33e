from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.draw import disk

from temtrack.datasets.labelled import LabelledImage
from temtrack.errors import UsageError
from temtrack.imaging.intensity import centre_intensity, rescale_intensity
from temtrack.segmentation.tiling import scaled_input
from temtrack.simulation.scenes import simulate_scene
from temtrack.training.config import TrainConfig
from temtrack.training.data.samples import (
    FAINT_DOSE_E_PX,
    SCENE_MIN_SCALE,
    Trial,
    image_source,
    mix,
    scene_source,
    supported_source,
)

#: Crops that hold an image of 128 px as it is.
WHOLE = TrainConfig(crop_px=128, min_diameter_px=10, max_diameter_px=99, unaugmented_fraction=1.0)


@pytest.fixture
def images():
    """Four images of two particles."""
    labels = np.zeros((90, 100), np.int32)
    labels[disk((40, 30), 15)] = 1
    labels[disk((40, 60), 14)] = 2
    grey = rescale_intensity((200 - 100 * (labels > 0)).astype(np.uint8))
    return [LabelledImage(grey, labels) for _ in range(4)]


def test_crops_show_particles_at_the_wanted_size(images):
    config = TrainConfig(crop_px=128, min_diameter_px=40, max_diameter_px=40.01)
    draw = image_source(images, config)
    areas = []
    for seed in range(12):
        sample = draw(np.random.default_rng(seed))
        assert sample.image.shape == (128, 128)
        areas += list(np.bincount(sample.labels.ravel())[1:])
    assert 2 * np.sqrt(np.percentile(areas, 75) / np.pi) == pytest.approx(40, rel=0.15)


@pytest.mark.parametrize("apart_px", [27, 45])
def test_a_mask_of_two_values_teaches_particles_in_a_crop_where_none_can_be_joined(apart_px):
    mask = np.zeros((128, 128), np.int32)
    mask[disk((64, 40), 15)] = mask[disk((64, 40 + apart_px), 15)] = 1
    draw = image_source([LabelledImage(1 - 0.5 * mask.astype(np.float32), mask, semantic=True)], WHOLE)
    samples = [draw(np.random.default_rng(seed)) for seed in range(6)]
    assert all(sample.semantic == (apart_px == 27) for sample in samples)


def test_at_one_scale_pixels_are_shown_as_they_were_taken_at_the_level_of_the_whole_image(images):
    draw = image_source(images, TrainConfig(crop_px=48, scale=1.0, unaugmented_fraction=1.0))
    for seed in range(8):
        sample = draw(np.random.default_rng(seed))
        assert set(np.unique(sample.image)) <= set(np.unique(centre_intensity(images[0].image)))
        np.testing.assert_array_equal(sample.image < 0.5, sample.labels > 0)
    degraded = image_source(images, TrainConfig(crop_px=48, scale=2.0, unaugmented_fraction=0.0))
    assert degraded(np.random.default_rng(0)).image.shape == (48, 48)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_level_is_found_after_the_blur_that_suits_the_masks(images, fraction):
    config = TrainConfig(crop_px=48, scale=1.0, unaugmented_fraction=fraction)
    usual, wide = (image_source(images, config, blur_px)(np.random.default_rng(0)) for blur_px in (2.0, 8.0))
    shift = wide.image - usual.image
    assert np.ptp(shift) < 1e-6
    assert abs(shift.mean()) > 1e-3


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_resampled_images_are_shown_as_segment_shows_them_at_the_level_of_the_whole_image(images, scale):
    shown = scaled_input(centre_intensity(images[0].image), scale, 1, torch.device("cpu"))[0, 0].numpy()
    draw = image_source(images, TrainConfig(crop_px=48, scale=scale, unaugmented_fraction=1.0))
    for seed in range(8):
        sample = draw(np.random.default_rng(seed))
        assert np.isin(sample.image, shown).all()
        assert np.mean((sample.image < 0.5) == (sample.labels > 0)) > 0.99


def test_scenes_can_be_drawn():
    sample = scene_source(TrainConfig(crop_px=64))(np.random.default_rng(5))
    assert sample.image.shape == sample.labels.shape == (64, 64)
    assert not sample.semantic


def test_scenes_are_shown_as_segment_would_show_them_and_half_of_them_are_faint(monkeypatch):
    plans, scenes = [], []

    def noted(rng, plan):
        plans.append(plan)
        scenes.append(simulate_scene(rng, plan))
        return scenes[-1]

    monkeypatch.setattr("temtrack.simulation.scenes.simulate_scene", noted)
    draw = scene_source(TrainConfig(crop_px=64, min_diameter_px=40.0, max_diameter_px=40.0), 3.0)
    rng = np.random.default_rng(6)
    samples = [draw(rng) for _ in range(40)]
    assert 10 < sum(plan.dose_e_px == FAINT_DOSE_E_PX for plan in plans) < 30
    for sample, scene, plan in zip(samples, scenes, plans, strict=True):
        scale = max(20 / plan.mean_radius_px[0], SCENE_MIN_SCALE)
        shown = scaled_input(
            centre_intensity(rescale_intensity(scene.image), 3.0), scale, 1, torch.device("cpu")
        )[0, 0].numpy()
        corner = sample.image[:2, :2].ravel()
        assert np.isin(corner, shown).all()


def bright_on_a_slope(magnification=1):
    """Four discs 12 px wide, unless magnified, on a support that grows thicker from left to right."""
    y, x = np.mgrid[: 160 : 1 / magnification, : 160 : 1 / magnification]
    parts = (y // 80) * 2 + x // 80 + 1
    labels = np.where((y % 80 - 40) ** 2 + (x % 80 - 40) ** 2 < 36, parts, 0).astype(np.int32)
    return LabelledImage((x / 200 + 0.15 * (labels > 0)).astype(np.float32), labels)


@pytest.mark.parametrize(("factor", "width_px"), [(0.7, 30.0), (1.0, 60.0), (1.5, 12.0)])
def test_on_a_support_particles_are_shown_dark_at_the_wanted_width(factor, width_px):
    trial, config = Trial(factor, width_px, is_upside_down=False), TrainConfig(crop_px=96)
    sample = trial.show(bright_on_a_slope(), config, 2.0, np.random.default_rng(1))
    inside = sample.labels > 0
    assert sample.image[inside].mean() < 0.5 < sample.image[~inside].mean()
    widest = 2 * np.sqrt(np.bincount(sample.labels.ravel())[1:].max() / np.pi)
    assert widest == pytest.approx(width_px, rel=0.25)


def test_on_a_support_there_is_nothing_to_be_found_where_the_trial_is_wrong():
    right, config = bright_on_a_slope(), TrainConfig(crop_px=96)
    for of, trial in (
        (right, Trial(1.0, 30.0, is_upside_down=True)),
        (right, Trial(6.0, 5.0, is_upside_down=False)),
        (bright_on_a_slope(3), Trial(0.2, 150.0, is_upside_down=False)),
    ):
        assert not trial.show(of, config, 2.0, np.random.default_rng(1)).labels.any()
    shown, upside_down = (
        Trial(1.0, 30.0, wrong).show(right, config, 2.0, np.random.default_rng(1)).image
        for wrong in (False, True)
    )
    np.testing.assert_allclose(upside_down, 1 - shown, atol=0.02)


def test_trials_are_wrong_now_and_then():
    rng, config = np.random.default_rng(0), TrainConfig()
    trials = [Trial.draw(rng, config) for _ in range(400)]
    assert 0.05 < np.mean([trial.is_upside_down for trial in trials]) < 0.15
    assert 0.1 < np.mean([not 0.5 < trial.factor < 1.9 for trial in trials]) < 0.3


def test_images_with_boxes_and_supported_catalysts_are_shown_on_trial():
    of = bright_on_a_slope()
    boxed = replace(of, boxes=np.array([[34.0, 34, 46, 46]]))
    config = TrainConfig(crop_px=64, min_diameter_px=24.0, max_diameter_px=30.0)
    draws = (image_source([boxed], config), supported_source(config))
    for draw in draws:
        samples = [draw(np.random.default_rng(seed)) for seed in range(8)]
        assert all(sample.image.shape == sample.labels.shape == (64, 64) for sample in samples)
        dark = [
            s.image[s.labels > 0].mean() < s.image[s.labels == 0].mean() for s in samples if s.labels.any()
        ]
        assert dark
        assert all(dark)


def test_fractions_must_be_positive():
    with pytest.raises(UsageError, match="positive"):
        mix([(scene_source(TrainConfig()), -1.0)])

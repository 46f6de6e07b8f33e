import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from skimage.draw import disk

from temtrack.errors import InputError, UsageError
from temtrack.imaging.intensity import centre_intensity, rescale_intensity
from temtrack.segmentation.tiling import scaled_input
from temtrack.simulation.scenes import simulate_scene
from temtrack.training.config import TrainConfig
from temtrack.training.data.dataset import (
    FAINT_DOSE_E_PX,
    SCENE_MIN_SCALE,
    as_instances,
    image_source,
    least_area,
    mix,
    read_folder,
    read_sides,
    scene_source,
    split,
)


@pytest.fixture
def folder(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / "films" / name).mkdir(parents=True)
    for i in range(4):
        labels = np.zeros((90, 100), np.uint16)
        labels[disk((40, 30), 15)] = 3
        labels[disk((40, 60), 14)] = 9
        tifffile.imwrite(tmp_path / f"films/masks/{i}.tif", labels)
        tifffile.imwrite(tmp_path / f"films/images/{i}.tif", (200 - 100 * (labels > 0)).astype(np.uint8))
    return tmp_path / "films"


def test_reads_pairs_with_instances_and_their_size(folder):
    images = read_folder(folder)
    assert [image.name for image in images] == ["0", "1", "2", "3"]
    assert not images[0].semantic
    assert images[0].labels.max() == 2
    assert images[0].diameter_px == pytest.approx(29, abs=1)


def test_excluded_images_are_never_opened(folder):
    (folder / "images" / "2.tif").write_text("no image")
    assert [image.name for image in read_folder(folder, frozenset({"films/2"}))] == ["0", "1", "3"]


def test_a_mask_of_two_values_teaches_foreground_only(folder):
    for path in (folder / "masks").iterdir():
        tifffile.imwrite(path, np.uint8(255) * np.indices((90, 100)).sum(0).__mod__(50).__lt__(10))
    assert all(image.semantic for image in read_folder(folder))


@pytest.mark.parametrize("damage", ["size", "missing", "empty"])
def test_what_cannot_be_a_pair_is_refused(folder, damage):
    if damage == "size":
        tifffile.imwrite(folder / "masks" / "1.tif", np.ones((5, 5), np.uint8))
    elif damage == "missing":
        (folder / "masks" / "1.tif").unlink()
    else:
        for path in (folder / "images").iterdir():
            path.unlink()
    with pytest.raises(InputError, match=r"one size|no mask|no images"):
        read_folder(folder)


def test_split_keeps_every_image_on_one_side(folder):
    training, test = split(read_folder(folder), 0.25, np.random.default_rng(0))
    assert len(training) == 3
    assert {i.name for i in training}.isdisjoint(i.name for i in test)


def test_a_sliced_folder_keeps_its_own_sides(folder):
    rng = np.random.default_rng(0)
    folder.rename(folder.with_name("train"))
    tiles = folder.parent
    training, test = read_sides(tiles, frozenset(), 0.25, rng)
    assert (len(training), len(test)) == (3, 1)
    shutil.copytree(tiles / "train", tiles / "test")
    training, test = read_sides(tiles, frozenset(), 0.25, rng)
    assert (len(training), len(test)) == (4, 4)


def test_crops_show_particles_at_the_wanted_size(folder):
    config = TrainConfig(crop_px=128, min_diameter_px=40, max_diameter_px=40.01)
    draw = image_source(read_folder(folder), config)
    areas = []
    for seed in range(12):
        sample = draw(np.random.default_rng(seed))
        assert sample.image.shape == (128, 128)
        areas += list(np.bincount(sample.labels.ravel())[1:])
    assert 2 * np.sqrt(np.percentile(areas, 75) / np.pi) == pytest.approx(40, rel=0.15)


def test_at_one_scale_pixels_are_shown_as_they_were_taken_at_the_level_of_the_whole_image(folder):
    images = read_folder(folder)
    draw = image_source(images, TrainConfig(crop_px=48, scale=1.0, unaugmented_fraction=1.0))
    for seed in range(8):
        sample = draw(np.random.default_rng(seed))
        assert set(np.unique(sample.image)) <= set(np.unique(centre_intensity(images[0].image)))
        np.testing.assert_array_equal(sample.image < 0.5, sample.labels > 0)
    degraded = image_source(images, TrainConfig(crop_px=48, scale=2.0, unaugmented_fraction=0.0))
    assert degraded(np.random.default_rng(0)).image.shape == (48, 48)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_level_is_found_after_the_blur_that_suits_the_masks(folder, share):
    config = TrainConfig(crop_px=48, scale=1.0, unaugmented_fraction=share)
    usual, wide = (
        image_source(read_folder(folder), config, blur_px)(np.random.default_rng(0)) for blur_px in (2.0, 8.0)
    )
    shift = wide.image - usual.image
    assert np.ptp(shift) < 1e-6
    assert abs(shift.mean()) > 1e-3


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_resampled_images_are_shown_as_segment_shows_them_at_the_level_of_the_whole_image(folder, scale):
    images = read_folder(folder)
    shown = scaled_input(centre_intensity(images[0].image), scale, 1, torch.device("cpu"))[0, 0].numpy()
    draw = image_source(images, TrainConfig(crop_px=48, scale=scale, unaugmented_fraction=1.0))
    for seed in range(8):
        sample = draw(np.random.default_rng(seed))
        assert np.isin(sample.image, shown).all()
        assert np.mean((sample.image < 0.5) == (sample.labels > 0)) > 0.99


def test_the_smallest_labelled_particle_is_known_and_parts_of_a_mask_can_be_particles(folder):
    images = read_folder(folder)
    assert least_area(images) == np.bincount(images[0].labels.ravel())[1:].min() > 500
    assert least_area([replace(images[0], labels=images[0].labels * 0)]) == 1
    mask = [replace(images[0], semantic=True)]
    assert not any(image.semantic for image in as_instances(mask))


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


def test_shares_must_be_positive(folder):
    with pytest.raises(UsageError, match="positive"):
        mix([(scene_source(TrainConfig()), -1.0)])

import numpy as np
import pytest
from skimage.measure import label as label_components

from temtrack.simulation.scenes import SceneConfig, simulate_scene

SEEDS = range(25)


@pytest.fixture(scope="module")
def scenes():
    return [simulate_scene(np.random.default_rng(seed), SceneConfig(height=160, width=192)) for seed in SEEDS]


def test_image_and_labels_have_their_type_size_and_range(scenes):
    for scene in scenes:
        assert scene.image.shape == scene.labels.shape == (160, 192)
        assert (scene.image.dtype, scene.labels.dtype) == (np.float32, np.int32)
        assert scene.image.min() >= 0
        assert scene.image.max() <= 1


def test_labels_are_consecutive_and_each_is_one_piece(scenes):
    for scene in scenes:
        n = scene.labels.max()
        assert np.array_equal(np.unique(label_components(scene.labels, connectivity=1)), np.arange(n + 1))
        assert np.array_equal(np.unique(scene.labels), np.arange(n + 1))


def test_scenes_are_of_many_kinds(scenes):
    counts = [int(scene.labels.max()) for scene in scenes]
    assert min(counts) <= 5
    assert max(counts) >= 60


def test_particles_stand_out_from_the_background():
    config = SceneConfig(
        contrast=(0.3, 1.0),
        dark_field_fraction=0,
        overlay_fraction=0,
        holes_fraction=0,
        clutter_fraction=0,
        empty_fraction=0,
    )
    darker = []
    for seed in SEEDS:
        scene = simulate_scene(np.random.default_rng(seed), config)
        background = np.median(scene.image[scene.labels == 0])
        means = [scene.image[scene.labels == i].mean() for i in range(1, scene.labels.max() + 1)]
        darker += [mean < background for mean in means]
    assert np.mean(darker) > 0.9


def test_same_seed_same_scene():
    one, two, other = (simulate_scene(np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.labels, two.labels)
    assert not np.array_equal(one.image, other.image)


def test_empty_scenes_are_possible():
    scene = simulate_scene(np.random.default_rng(0), SceneConfig(empty_fraction=1.0))
    assert scene.labels.max() == 0

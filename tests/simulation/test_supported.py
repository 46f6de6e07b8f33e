import numpy as np
import pytest

from temtrack.imaging.background import is_bright
from temtrack.simulation.supported import SupportedConfig, simulate_supported


def scenes(n, **settings):
    config = SupportedConfig(height=96, width=120, mean_radius_px=5.0, **settings)
    return [simulate_supported(np.random.default_rng(seed), config) for seed in range(n)]


def test_the_same_generator_gives_the_same_scene():
    (one,), (other,) = scenes(1), scenes(1)
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.labels, other.labels)


def test_a_scene_has_the_size_asked_for_and_grey_values_between_0_and_1():
    for scene in scenes(6):
        assert scene.image.shape == scene.labels.shape == (96, 120)
        assert scene.image.dtype == np.float32
        assert 0 <= scene.image.min() < scene.image.max() <= 1
        assert np.isfinite(scene.image).all()


@pytest.mark.parametrize(("fraction", "bright"), [(0.0, True), (1.0, False)])
def test_particles_are_bright_on_bright_or_dark_on_bright(fraction, bright):
    shown = [s for s in scenes(12, bright_field_fraction=fraction, max_coverage=0.4) if s.labels.any()]
    assert len(shown) >= 8
    right = [is_bright(scene.image, scene.labels, 10.0) is bright for scene in shown]
    assert np.mean(right) >= 0.9


def test_particles_have_about_the_radius_asked_for():
    areas = np.concatenate([np.bincount(scene.labels.ravel())[1:] for scene in scenes(12, max_coverage=0.4)])
    assert np.sqrt(np.median(areas[areas > 0]) / np.pi) == pytest.approx(5.0, rel=0.35)


def test_what_is_far_too_faint_is_not_in_the_truth():
    faint = scenes(8, signal=(0.001, 0.002), max_coverage=0.4)
    assert sum(scene.labels.any() for scene in faint) <= 1

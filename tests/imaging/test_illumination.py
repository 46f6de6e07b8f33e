"""A slope of the light is taken off where it hides outlines, and nowhere else."""

import numpy as np
import pytest
from skimage.draw import disk

from temtrack.imaging.illumination import even_light, steepness
from temtrack.metrics.segmentation import score_segmentation
from temtrack.segmentation.segmenter import Segmenter

TRUTH = np.zeros((240, 300), np.int32)
for i, (y, x, r) in enumerate([(40, 40, 14), (60, 120, 12), (150, 60, 16), (190, 230, 15), (80, 240, 13)], 1):
    TRUTH[disk((y, x), r)] = i

Y, X = np.mgrid[-1:1:240j, -1:1:300j]
LIGHTS = {"slope": 0.35 * X + 0.1 * Y, "bump": 0.5 * np.exp(-((X - 0.5) ** 2) - (Y + 0.4) ** 2)}


def seen(light, polarity=-1, noise=0.02):
    grey = 1 + light + polarity * 0.2 * (TRUTH > 0)
    return (grey + np.random.default_rng(1).normal(0, noise, TRUTH.shape)).astype(np.float32)


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("polarity", [-1, 1])
def test_otsu_finds_particles_in_uneven_light_dark_or_bright(light, polarity):
    labels = Segmenter("otsu", "cpu").segment(seen(LIGHTS[light], polarity)).labels
    assert score_segmentation(labels, TRUTH).n_matched_above[0] == TRUTH.max()
    assert (labels > 0).sum() < 1.5 * (TRUTH > 0).sum()  # of the light's corner may be left


@pytest.mark.parametrize("light", LIGHTS)
def test_borders_that_light_draws_are_not_steep_and_outlines_are(light):
    grey = seen(LIGHTS[light])
    assert steepness(grey) < 0.3
    assert steepness(even_light(grey)) > 0.45


def test_an_evenly_lit_image_and_one_that_a_large_particle_fills_stay_as_they_are():
    large = np.where(X + 0.3 * Y > 0.1, 0.3, 0.9).astype(np.float32)
    for grey in (seen(np.zeros_like(X)), large, np.ones((1, 1), np.float32), np.eye(3, dtype=np.float32)):
        assert even_light(grey) is grey


def test_one_class_has_no_borders():
    assert steepness(np.ones((9, 9), np.float32)) == 0

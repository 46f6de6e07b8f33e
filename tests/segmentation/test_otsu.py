"""The classical baseline finds blur and polarity by itself, and parts what touches."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import disk
from skimage.filters import threshold_otsu

from temtrack.errors import UsageError
from temtrack.metrics.segmentation import score_segmentation
from temtrack.models.registry import find_model
from temtrack.segmentation.otsu import SCALES, SIGMA_PX, find_blur_scale, part, separation
from temtrack.segmentation.segmenter import Segmenter

TRUTH = np.zeros((160, 200), np.int32)
for i, (y, x, r) in enumerate([(40, 40, 18), (44, 75, 16), (120, 60, 25), (90, 160, 9), (130, 120, 20)], 1):
    TRUTH[disk((y, x), r)] = i


@pytest.fixture
def otsu():
    return Segmenter("otsu", "cpu")


def seen(labels, noise, seed=0):
    """Dark particles on a bright ground."""
    grey = np.where(labels > 0, 60.0, 180.0)
    return grey + np.random.default_rng(seed).normal(0, noise, labels.shape)


def is_found(found, truth, iou=0.9):
    score = score_segmentation(found, truth)
    return score.f1 == 1 and score.iou > iou


@pytest.mark.parametrize("noise", [0.0, 30.0, 90.0])
@pytest.mark.parametrize("polarity", [1, -1])
def test_particles_are_found_at_any_noise_dark_or_bright(otsu, noise, polarity):
    assert is_found(otsu.segment(polarity * seen(TRUTH, noise)).labels, TRUTH, iou=0.85)


@pytest.mark.parametrize("polarity", ["dark", "bright"])
def test_a_polarity_that_is_given_is_kept_and_one_that_contradicts_the_image_is_told(otsu, polarity):
    image = seen(TRUTH, 30.0)
    told = otsu.find_sight(image, polarity)
    assert told.is_contradicted == (polarity == "bright")
    inside = otsu.segment(image, told).labels[TRUTH > 0] > 0
    assert inside.mean() > 0.9 if polarity == "dark" else inside.mean() < 0.1


def test_the_blur_grows_with_the_noise_and_is_least_without():
    scales = [find_blur_scale(seen(TRUTH, noise).astype(np.float32)) for noise in (0, 60, 150)]
    assert scales[0] == SCALES[0]
    assert scales == sorted(scales, reverse=True)
    assert scales[2] < scales[0]


def test_at_a_scale_of_one_the_mask_is_that_of_the_published_recipe(otsu):
    image = seen(TRUTH, 40.0)
    blurred = ndimage.gaussian_filter(image, 5)
    recipe = blurred <= threshold_otsu(blurred)
    found = otsu.segment(image, scale=1.0).labels > 0
    assert (found & recipe).sum() / (found | recipe).sum() > 0.97
    assert SIGMA_PX == 5


def test_the_separation_is_that_of_two_values_one_and_of_noise_two_over_pi():
    assert separation((TRUTH > 0).astype(np.float32)) == pytest.approx(1)
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    assert separation(noise) == pytest.approx(2 / np.pi, abs=0.01)


@pytest.mark.parametrize("radius", [8, 40])
def test_a_neck_parts_particles_of_any_size_and_a_dent_does_not(radius):
    for distance, n_parts in ((1.8, 2), (0.8, 1)):
        mask = np.zeros((3 * radius, 5 * radius), bool)
        for x in (1.5 * radius, (1.5 + distance) * radius):
            mask[disk((1.5 * radius, x), radius)] = True
        assert part(mask).max() == n_parts


@pytest.mark.parametrize("image", [np.zeros((9, 9)), np.full((5, 3), np.nan), np.ones((1, 1), np.uint8)])
def test_an_image_without_contrast_is_empty(otsu, image):
    assert not otsu.segment(image).labels.any()
    assert otsu.find_scale(image) is None


@pytest.mark.parametrize("shape", [(1, 2), (2, 9), (17, 3)])
def test_tiny_images_and_pixels_that_are_no_number(otsu, shape):
    image = np.arange(np.prod(shape), dtype=float).reshape(shape)
    image.flat[0] = np.nan
    labels = otsu.segment(image).labels
    assert (labels.shape, labels.dtype, labels.flat[0]) == (shape, np.int32, 0)


def test_it_gives_no_scores(otsu):
    found = otsu.segment(seen(TRUTH, 0))
    assert np.isnan(found.scores).tolist() == [True] * found.labels.max()


def test_it_takes_no_prompts_and_has_no_weights(otsu):
    assert (otsu.takes_prompts, otsu.sha256, otsu.spec) == (False, None, find_model("otsu"))
    with pytest.raises(UsageError, match="'otsu' takes no points or boxes"):
        otsu.predict_prompts(seen(TRUTH, 0), points=np.zeros((1, 2)))

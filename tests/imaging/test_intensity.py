import numpy as np
import pytest

from temtrack.imaging.intensity import centre_intensity, rescale_intensity


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64])
def test_any_type_is_stretched_to_zero_to_one(dtype):
    image = np.arange(100).reshape(10, 10).astype(dtype)
    grey = rescale_intensity(image)
    assert grey.dtype == np.float32
    assert (grey.min(), grey.max()) == (0, 1)


def test_nan_becomes_the_median():
    image = np.array([[0.0, 1, 2], [np.nan, np.inf, 1]])
    grey = rescale_intensity(image)
    assert np.isfinite(grey).all()
    assert grey[1, 0] == grey[0, 1]


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.full((1, 1), 7)])
def test_an_image_without_contrast_is_black(image):
    assert not rescale_intensity(image).any()


def test_one_bright_pixel_is_contrast():
    image = np.zeros((100, 100))
    image[3, 3] = 5
    assert rescale_intensity(image)[3, 3] == 1


@pytest.mark.parametrize("dark_share", [0.1, 0.4, 0.8])
def test_the_middle_between_ground_and_particles_is_levelled_to_a_half(dark_share):
    rng = np.random.default_rng(0)
    dark = np.arange(100) < 100 * dark_share
    grey = np.where(dark, 0.3, 0.7)[None] + rng.normal(0, 0.2, (100, 100))
    for offset in (-0.4, 0, 0.3):
        levelled = centre_intensity((grey + offset).astype(np.float32))
        assert levelled.dtype == np.float32
        assert np.median(levelled[:, dark]) == pytest.approx(0.3, abs=0.04)
        assert np.median(levelled[:, ~dark]) == pytest.approx(0.7, abs=0.04)

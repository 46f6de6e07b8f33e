import numpy as np
import pytest
from scipy import ndimage

from temtrack.imaging.background import _wide_blur, flatten_background, is_bright


def discs_on_a_slope(bright):
    """Faint discs 10 px wide on a steep slope: labels, and an image in [0, 1]."""
    y, x = np.mgrid[:160, :200].astype(np.float32)
    labels = ((y % 40 - 20) ** 2 + (x % 40 - 20) ** 2 < 25).astype(np.int32)
    return labels, np.float32(0.1 + 0.8 * x / 200 + (0.05 if bright else -0.05) * labels)


@pytest.mark.parametrize("bright", [True, False])
def test_faint_particles_stand_out_of_a_slope_once_it_is_flattened(bright):
    labels, grey = discs_on_a_slope(bright)
    flat = flatten_background(grey, 10.0)
    inside, outside = (flat if bright else -flat)[labels > 0], (flat if bright else -flat)[labels == 0]
    assert np.percentile(inside, 5) > np.percentile(outside, 95)
    assert not np.percentile(grey[labels > 0], 5) > np.percentile(grey[labels == 0], 95)


@pytest.mark.parametrize("bright", [True, False])
def test_polarity_is_told_by_what_is_around_the_particles(bright):
    labels, grey = discs_on_a_slope(bright)
    assert is_bright(grey, labels, 10.0) is bright


def test_noise_of_an_empty_background_is_not_blown_up():
    noise = np.random.default_rng(0).normal(0.5, 0.002, (80, 80)).astype(np.float32)
    assert flatten_background(noise, 8.0).std() < 0.2


def test_a_wide_blur_on_a_coarser_grid_is_about_the_true_one():
    grey = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(150, 131)), 5.0).astype(np.float32)
    exact = ndimage.gaussian_filter(grey, 20.0)
    error = np.abs(_wide_blur(grey, 20.0) - exact)[20:-20, 20:-20]
    assert error.max() < 0.1 * np.abs(exact).max()
    assert _wide_blur(grey[:3], 20.0).shape == (3, 131)


def test_the_edge_of_a_support_is_no_particle():
    grey = np.full((120, 120), 0.1, np.float32)
    grey[:, 60:] = 0.5
    grey[55:65, 85:95] = 0.6
    flat = flatten_background(ndimage.gaussian_filter(grey, 1.0), 10.0)
    assert flat[57:63, 87:93].mean() > 2 * np.abs(flat[:, 40:80]).max()


def test_the_noise_beside_a_support_stays_below_that_on_it():
    noise = np.random.default_rng(2).normal(size=(120, 120)).astype(np.float32)
    noise[:, :40] *= 0.03
    noise[:, 40:] *= 0.1
    flat = flatten_background(0.5 + noise, 6.0)
    assert flat[:, :30].std() < 0.5 * flat[:, 50:].std()

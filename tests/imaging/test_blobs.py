import numpy as np
import pytest
from scipy import ndimage

from temtrack.imaging.blobs import DIAMETERS_PX, find_blobs
from temtrack.simulation.supported import SupportedConfig, simulate_supported

SHAPE = (240, 260)


def discs(diameter_px, is_bright, noise=0.0):
    """Twelve discs on a support of wide hills, an image in [0, 1]."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    inside = np.hypot(y % 80 - 40, x % 65 - 32) < diameter_px / 2
    grey = 0.5 + 0.25 * np.sin(x / 60) * np.cos(y / 50) + (0.2 if is_bright else -0.2) * inside
    grey += np.random.default_rng(0).normal(0, noise, SHAPE) if noise else 0
    return ndimage.gaussian_filter(grey, 0.7).astype(np.float32)


@pytest.mark.parametrize("is_bright", [True, False])
@pytest.mark.parametrize(("diameter_px", "noise"), [(6, 0.0), (12, 0.03), (20, 0.0)])
def test_discs_on_a_support_are_blobs_of_their_width_and_polarity(diameter_px, noise, is_bright):
    bright, dark = find_blobs(discs(diameter_px, is_bright, noise))
    own, other = (bright, dark) if is_bright else (dark, bright)
    assert own.typical_diameter_px == pytest.approx(diameter_px, rel=0.3)
    assert own.evidence > 4 * other.evidence
    near = np.hypot(own.y_px % 80 - 40, own.x_px % 65 - 32) < diameter_px / 2
    assert np.count_nonzero(near) == 12


def test_blobs_confirm_particles_about_as_wide_as_they_are():
    labels, n = ndimage.label(discs(12, True) - discs(12, False) > 0.1)
    bright, dark = find_blobs(discs(12, True))
    assert n == 12
    assert bright.confirm(labels) == 12
    assert dark.confirm(labels) == 0
    assert bright.shifted(-40, -32).confirm(labels[40:, 32:]) == 12
    hill = np.zeros(SHAPE, np.int32)
    hill[20:220, 20:240] = 1
    assert bright.confirm(hill) == 0


def test_there_are_no_blobs_where_nothing_stands_out():
    for grey in (np.zeros((3, 40), np.float32), np.full(SHAPE, 0.5, np.float32)):
        for blobs in find_blobs(grey):
            assert len(blobs) == 0
            assert blobs.typical_diameter_px is None
            assert blobs.evidence == 0


def test_a_wide_blob_is_found_on_a_coarser_grid():
    assert DIAMETERS_PX[-1] > 100
    y, x = np.mgrid[:400, :400]
    grey = np.where(np.hypot(y - 210, x - 190) < 45, 0.9, 0.2).astype(np.float32)
    bright, _ = find_blobs(grey)
    widest = np.argmax(bright.diameter_px)
    assert bright.diameter_px[widest] == pytest.approx(90, rel=0.25)
    assert (bright.y_px[widest], bright.x_px[widest]) == pytest.approx((210, 190), abs=6)


def test_blobs_of_simulated_supported_catalysts_tell_width_and_polarity():
    n_right = 0
    for seed in range(4):
        scene = simulate_supported(
            np.random.default_rng([3, seed]), SupportedConfig(280, 280, 5.0, bright_field_fraction=seed % 2)
        )
        bright, dark = find_blobs(scene.image)
        own, other = (dark, bright) if seed % 2 else (bright, dark)
        areas = np.bincount(scene.labels.ravel())[1:]
        true_px = 2 * np.sqrt(np.median(areas[areas > 0]) / np.pi)
        ratio = (own.typical_diameter_px or 0.0) / true_px
        n_right += own.evidence > other.evidence and 1 / 1.7 < ratio < 1.7
    assert n_right >= 3

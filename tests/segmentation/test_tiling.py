from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from temtrack.segmentation.adapters import ADAPTERS, EFFICIENT_SAM, SWIN_UNET
from temtrack.segmentation.tiling import View, mean_maps, predict_logits, scaled_input

CPU = torch.device("cpu")


TILING = EFFICIENT_SAM.tiling
TILINGS = pytest.mark.parametrize("tiling", [TILING, SWIN_UNET.tiling], ids=["grid of 4", "every pixel"])


def pointwise(tiling):
    """Answer for each cell of the grid from its own pixels alone, so that tiles must agree."""

    def predict(images):
        grey = F.avg_pool2d(images[:, :1], tiling.grid)
        return torch.cat([8 * grey - 4, 4 - 8 * grey, grey * grey], dim=1)

    return predict


def maps_of(tiling, image, view):
    """Return the maps of one view."""
    return mean_maps([predict_logits(pointwise(tiling), image, view, tiling, CPU)], image.shape, view.scale)


def noise(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@TILINGS
@pytest.mark.parametrize("scale", [1.0, 0.7, 1.9])
def test_tiles_give_what_one_pass_gives(tiling, scale):
    image, whole = noise(650, 700), replace(tiling, tile_px=4096)
    in_tiles, in_one = (maps_of(t, image, View(scale)) for t in (tiling, whole))
    np.testing.assert_allclose(in_tiles, in_one, atol=1e-5)


@TILINGS
def test_several_views_give_the_mean_of_what_each_shows(tiling):
    image = noise(96, 130)
    ways = (View(0.7), View(1.0), View(0.7, shifted=True), View(1.0, shifted=True))
    views = [predict_logits(pointwise(tiling), image, way, tiling, CPU) for way in ways]
    each = [mean_maps([view], image.shape, 1.0) for view in views]
    np.testing.assert_allclose(mean_maps(iter(views), image.shape, 1.0), np.mean(each, axis=0), atol=1e-6)
    assert mean_maps(views, image.shape, 4.0).shape[1:] == (192, 260)


@TILINGS
@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_a_shifted_view_shows_the_image_where_it_is(tiling, scale):
    image = gaussian_filter(noise(201, 237), 12, mode="mirror")
    image = (image - image.min()) / np.ptp(image)
    still, other = (maps_of(tiling, image, View(scale, shifted)) for shifted in (False, True))
    inner = (slice(None), slice(9, -9), slice(9, -9))  # at the edges their pixels and those mirrored out mix
    assert np.ptp(still[inner]) > 0.5
    np.testing.assert_allclose(other[inner], still[inner], atol=0.03 if scale < 1 else 0.01)


@TILINGS
def test_a_view_is_shifted_by_half_of_the_multiple(tiling):
    seen = []

    def predict(images):
        seen.append(images[0, 0].numpy())
        return pointwise(tiling)(images)

    side = 2 * tiling.multiple
    image = noise(side, side)
    predict_logits(predict, image, View(1.0, shifted=True), tiling, CPU)
    half = tiling.multiple // 2
    assert seen[0].shape == (side + tiling.multiple,) * 2
    np.testing.assert_array_equal(seen[0][half:-half, half:-half], image)


def tiles_seen(tiling, shape):
    """Return the shapes of the tiles that a network is shown of an image."""
    seen = []

    def predict(images):
        seen.append(tuple(images.shape[-2:]))
        return pointwise(tiling)(images)

    predict_logits(predict, noise(*shape), View(1.0), tiling, CPU)
    return seen


@pytest.mark.parametrize("tiling", {adapter.tiling: None for adapter in ADAPTERS.values()}, ids=str)
def test_no_tile_is_larger_than_the_network_likes_and_all_lie_on_its_patches(tiling):
    sides = np.array(tiles_seen(tiling, (530, 1300)))
    assert sides.max() <= tiling.tile_px
    assert (sides % tiling.multiple == 0).all()
    assert (sides > tiling.overlap_px).all()


def test_swin_unet_sees_whole_windows_where_the_image_has_them():
    assert set(tiles_seen(SWIN_UNET.tiling, (530, 1300))) == {(448, 448)}
    assert tiles_seen(SWIN_UNET.tiling, (200, 440)) == [(224, 448)]


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (17, 511)])
@pytest.mark.parametrize("scale", [0.15, 1.0, 5.0])
@TILINGS
def test_any_size_gives_probabilities_at_its_size_or_finer(shape, scale, tiling):
    maps = maps_of(tiling, noise(*shape), View(scale))
    assert maps.shape == (3, *(round(n * max(1, scale / 2)) for n in shape))
    assert np.isfinite(maps).all()
    assert (maps >= 0).all()
    assert (maps <= 1).all()


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7, 3.0])
@TILINGS
def test_maps_lie_where_the_image_does(scale, tiling):
    y, x = np.indices((203, 330))
    image = (((y - 120) ** 2 + (x - 250) ** 2) > 40**2).astype(np.float32)
    foreground = maps_of(tiling, image, View(scale))[1] > 0.5
    fine = foreground.shape[0] / image.shape[0]
    found = np.argwhere(foreground).mean(axis=0) / fine + 0.5 / fine - 0.5
    np.testing.assert_allclose(found, (120, 250), atol=0.75)
    assert foreground.sum() / fine**2 == pytest.approx((image == 0).sum(), rel=0.03)


def test_the_missing_rest_of_a_patch_is_mirrored():
    image = noise(20, 33)
    scaled = scaled_input(image, 1.0, 16, CPU)
    assert scaled.shape == (1, 3, 32, 48)
    np.testing.assert_array_equal(scaled[0, 2, :20, :33], image)
    np.testing.assert_array_equal(scaled[0, 0, :20, 33:], image[:, 31:16:-1])

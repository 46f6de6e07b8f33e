import numpy as np
import pytest
import torch
from torch.nn import functional as F

from temtrack.segmentation import tiled
from temtrack.segmentation.tiled import OVERLAP_PX, TILE_PX, predict_maps, scaled_input

CPU = torch.device("cpu")


def pointwise(images):
    """Answer for each cell from its own 4 x 4 pixels alone, so that tiles must agree."""
    grey = F.avg_pool2d(images[:, :1], 4)
    return torch.cat([8 * grey - 4, 4 - 8 * grey, grey * grey], dim=1)


def noise(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("scale", [1.0, 0.7, 1.9])
def test_tiles_give_what_one_pass_gives(monkeypatch, scale):
    image = noise(650, 700)
    in_tiles = predict_maps(pointwise, image, scale, 16, CPU)
    monkeypatch.setattr(tiled, "TILE_PX", 4096)
    np.testing.assert_allclose(in_tiles, predict_maps(pointwise, image, scale, 16, CPU), atol=1e-5)


def test_no_tile_is_larger_than_the_network_likes_and_all_lie_on_its_patches():
    seen = []

    def predict(images):
        seen.append(images.shape[-2:])
        return pointwise(images)

    predict_maps(predict, noise(530, 1300), 1.0, 16, CPU)
    assert len(seen) == 2 * 4
    assert max(max(shape) for shape in seen) <= TILE_PX
    assert all(side % 16 == 0 and side > OVERLAP_PX for shape in seen for side in shape)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (17, 511)])
@pytest.mark.parametrize("scale", [0.15, 1.0, 5.0])
def test_any_size_gives_probabilities_at_its_size_or_finer(shape, scale):
    maps = predict_maps(pointwise, noise(*shape), scale, 16, CPU)
    assert maps.shape == (3, *(round(n * max(1, scale / 2)) for n in shape))
    assert np.isfinite(maps).all()
    assert (maps >= 0).all()
    assert (maps <= 1).all()


@pytest.mark.parametrize("scale", [0.4, 1.0, 1.7, 3.0])
def test_maps_lie_where_the_image_does(scale):
    y, x = np.indices((203, 330))
    image = (((y - 120) ** 2 + (x - 250) ** 2) > 40**2).astype(np.float32)
    foreground = predict_maps(pointwise, image, scale, 16, CPU)[1] > 0.5
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

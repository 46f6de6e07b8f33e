import numpy as np
import pytest
from scipy import ndimage

from temtrack.datasets.near_duplicates import find_near_duplicates, sign


def grain(seed, shape=(800, 800), width=4.0):
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), width)


def field(seed):
    """Dark particles on a support whose grain is its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:800, :800]
    image = 8000 + 400 * grain(seed) / 0.07
    for cy, cx in rng.uniform(0, 800, (20, 2)):
        image[(y - cy) ** 2 + (x - cx) ** 2 < 30**2] -= 3000
    return image


def seen(image, seed, top=0, left=0):
    """Take 512 px of a field once more: another dose, brightness and depth."""
    noisy = image + np.random.default_rng(seed).normal(0, 800, image.shape)
    return noisy[top : top + 512, left : left + 512].astype(np.uint16)


def test_the_same_field_is_found_shifted_and_under_other_noise():
    one, other = field(1), field(2)
    test = [sign(seen(one, 10)), sign(seen(field(3), 11))]
    train = [sign(seen(other, 12)), sign(1000 + 0.5 * seen(one, 13, 150, 90))]
    ((a, b, similarity),) = find_near_duplicates(test, train)
    assert (a, b) == (0, 1)
    assert 0.27 < similarity < 0.9


def test_the_same_picture_is_found_though_noise_hides_the_grain():
    image = field(1)[:512, :512]
    signatures = [sign(image + np.random.default_rng(seed).normal(0, 4000, image.shape)) for seed in (1, 2)]
    ((_, _, similarity),) = find_near_duplicates(signatures[:1], signatures[1:])
    assert similarity > 0.85


def test_a_copy_is_told_as_one():
    signature = sign(seen(field(1), 1))
    ((_, _, similarity),) = find_near_duplicates([signature], [signature])
    assert similarity == pytest.approx(1, abs=0.02)


def test_particles_of_one_kind_on_other_support_are_no_near_duplicates():
    signatures = [sign(seen(field(seed), 90 + seed)) for seed in range(4, 10)]
    assert list(find_near_duplicates(signatures[:3], signatures[3:])) == []


@pytest.mark.parametrize("tile", [np.full((512, 512), 7), np.zeros((512, 40)), np.full((128, 128), np.nan)])
def test_what_shows_nothing_has_no_signature(tile):
    assert sign(tile) is None


def test_nothing_to_compare_gives_nothing():
    assert list(find_near_duplicates([], [sign(seen(field(1), 1))])) == []

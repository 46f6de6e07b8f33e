import numpy as np
import pytest
from scipy import ndimage

from temtrack.datasets.look_alikes import find_look_alikes, look_at


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
    a, b = field(1), field(2)
    test = [look_at(seen(a, 10)), look_at(seen(field(3), 11))]
    train = [look_at(seen(b, 12)), look_at(1000 + 0.5 * seen(a, 13, 150, 90))]
    (found,) = find_look_alikes(test, train)
    assert (found.a, found.b) == (0, 1)
    assert 0.27 < found.similarity < 0.9


def test_the_same_picture_is_found_though_noise_hides_the_grain():
    image = field(1)[:512, :512]
    looks = [look_at(image + np.random.default_rng(seed).normal(0, 4000, image.shape)) for seed in (1, 2)]
    (found,) = find_look_alikes(looks[:1], looks[1:])
    assert found.similarity > 0.85


def test_a_copy_is_told_as_one():
    look = look_at(seen(field(1), 1))
    assert find_look_alikes([look], [look])[0].similarity == pytest.approx(1, abs=0.02)


def test_particles_of_one_kind_on_other_support_are_no_look_alikes():
    looks = [look_at(seen(field(seed), 90 + seed)) for seed in range(4, 10)]
    assert find_look_alikes(looks[:3], looks[3:]) == []


@pytest.mark.parametrize("tile", [np.full((512, 512), 7), np.zeros((512, 40)), np.full((128, 128), np.nan)])
def test_what_shows_nothing_has_no_look(tile):
    assert look_at(tile) is None


def test_nothing_to_compare_gives_nothing():
    assert find_look_alikes([], [look_at(seen(field(1), 1))]) == []

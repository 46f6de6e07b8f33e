import numpy as np
import pytest
import tifffile
from PIL import Image

from temtrack.errors import InputError
from temtrack.formats.readers import read_movie
from temtrack.imaging.scale_bar import detect_scale_bars, length


@pytest.fixture
def image():
    """A noisy field of 200 x 300 with dark round particles, one of them flat."""
    y, x = np.mgrid[:200, :300]
    grey = np.random.default_rng(0).normal(150, 12, (200, 300))
    for cy, cx, ry, rx in ((60, 60, 20, 20), (80, 200, 12, 40), (140, 120, 15, 15)):
        grey[((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1] -= 110
    return grey.clip(1, 254).astype(np.uint8)


def draw(image, value, y=185, x=20, length=60, height=4):
    image[y : y + height, x : x + length] = value
    return image


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("height", [1, 2, 8])
def test_a_bar_is_found_where_it_lies(image, value, height):
    assert detect_scale_bars(draw(image, value, height=height)) == [(slice(185, 185 + height), slice(20, 80))]


@pytest.mark.parametrize("tick_up", [0, 4])
def test_end_ticks_count_to_the_length(image, tick_up):
    draw(image, 255, height=2)
    for x in (20, 78):
        image[181 + tick_up : 190, x : x + 2] = 255
    ((_, columns),) = detect_scale_bars(image)
    assert columns == slice(20, 80)


def test_a_bar_in_an_information_strip_and_its_letters(image):
    image[170:] = 0
    draw(image, 255)
    image[176:184, 30:33] = image[176:184, 40:43] = 255
    assert [length(columns) for _, columns in detect_scale_bars(image)] == [60]


def test_a_box_around_a_letter_is_none(image):
    image[4:30, 10] = image[4:30, 40] = image[29, 10:41] = 0
    assert detect_scale_bars(image) == []


def test_jpeg_does_not_hide_it(image, tmp_path):
    Image.fromarray(draw(image, 255, height=5)).save(tmp_path / "a.jpg", quality=80)
    ((_, columns),) = detect_scale_bars(np.asarray(Image.open(tmp_path / "a.jpg")))
    assert length(columns) == pytest.approx(60, abs=1)


def test_particles_and_noise_and_flat_images_have_none(image):
    assert detect_scale_bars(image) == []
    assert detect_scale_bars(np.full((50, 60), 7, np.uint16)) == []
    assert detect_scale_bars(np.random.default_rng(1).normal(size=(80, 90)).astype(np.float32)) == []


def test_the_given_length_gives_the_scale_and_the_user_still_counts_first(image, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, draw(image, 255))
    movie = read_movie(path, scale_bar_nm=30)
    assert movie.pixel_size.nm == 0.5
    assert "bar of 60 px at x=20, y=185" in movie.pixel_size.source
    assert read_movie(path, pixel_size_nm=2, scale_bar_nm=30).pixel_size.nm == 2


def test_no_bar_or_two_of_different_lengths_are_refused(image, tmp_path):
    tifffile.imwrite(tmp_path / "none.tif", image)
    tifffile.imwrite(tmp_path / "two.tif", draw(draw(image, 255), 255, y=10, length=90))
    with pytest.raises(InputError, match=r"none.tif: no scale bar found .* --pixel-size"):
        read_movie(tmp_path / "none.tif", scale_bar_nm=30)
    with pytest.raises(InputError, match=r"90 px at x=20, y=10, 60 px at x=20, y=185"):
        read_movie(tmp_path / "two.tif", scale_bar_nm=30)

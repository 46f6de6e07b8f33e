from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from temtrack.movie import Movie
from temtrack.report.display import GreyWindow
from temtrack.report.page.pictures import PictureStyle, choose_frames, choose_style


def noise(height, width):
    frames = np.random.default_rng(0).integers(0, 255, (4, height, width), dtype=np.uint8)
    return Movie(Path("noise.tif"), 4, height, width, frames.dtype, lambda t: frames[t])


def test_a_short_movie_is_shown_whole():
    assert choose_frames(5, [2], max_frames=5).tolist() == [0, 1, 2, 3, 4]


def test_a_long_movie_is_thinned_evenly_and_keeps_what_is_asked_for():
    chosen = choose_frames(1000, [501, 502, 777], max_frames=53)
    assert chosen.tolist() == sorted({*range(0, 1000, 20), 501, 502, 777})


@pytest.mark.parametrize("n_frames", [600, 601, 1199, 100_000])
def test_never_more_frames_than_allowed(n_frames):
    assert len(choose_frames(n_frames, range(n_frames))) <= 600


def test_pictures_are_never_enlarged_and_shrink_until_they_fit():
    movie = noise(60, 120)
    window = GreyWindow.of(movie)
    free = choose_style(movie, window, 4, max_bytes=10**9)
    assert free.size(60, 120) == (120, 60)
    large = noise(500, 1000)
    tight = choose_style(large, window, 4, max_bytes=4 * 40_000)
    width, height = tight.size(500, 1000)
    assert width < 1000
    assert width == 2 * height
    assert len(tight.encode(window.show(large.read_frame(1)))) < 1.2 * 40_000


def test_a_picture_shows_the_grey_levels_in_its_size():
    grey = np.repeat(np.array([[40, 200]], dtype=np.uint8), 32, axis=0).repeat(16, axis=1)
    with Image.open(BytesIO(PictureStyle(16, 80).encode(grey))) as picture:
        assert (picture.format, picture.size) == ("WEBP", (16, 16))
        shown = np.asarray(picture.convert("L"))
    assert abs(int(shown[:, :6].mean()) - 40) < 6
    assert abs(int(shown[:, 10:].mean()) - 200) < 6

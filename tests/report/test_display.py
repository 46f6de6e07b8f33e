from pathlib import Path

import numpy as np
import pytest

from temtrack.movie import Movie
from temtrack.report.display import GreyWindow, scale_bar_label, scale_bar_nm


def test_window_spans_the_movie_and_shows_nan_as_black():
    frames = np.linspace(0, 1000, 3 * 50 * 50).reshape(3, 50, 50)
    frames[1, 0, 0] = np.nan
    movie = Movie(Path("m"), 3, 50, 50, frames.dtype, lambda t: frames[t])
    window = GreyWindow.of(movie)
    assert 0 <= window.black < 20
    assert 980 < window.white <= 1000
    shown = window.show(np.array([[np.nan, -5.0, 500.0, 2000.0]]))
    np.testing.assert_allclose(shown, [[0, 0, 127, 255]], atol=2)


@pytest.mark.parametrize(("edge", "width"), [(0, 60), (255, 60), (255, 494)])
def test_two_columns_at_the_edge_do_not_decide_on_the_window(edge, width):
    frame = np.random.default_rng(0).normal(50, 8, (80, width)).clip(10, 90)
    frame[:, -2:] = edge
    movie = Movie(Path("m"), 1, 80, width, frame.dtype, lambda t: frame)
    window = GreyWindow.of(movie)
    assert 20 < window.black < 40
    assert 60 < window.white < 80


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2"])
def test_whole_numbers_are_shown_as_other_numbers_are(dtype):
    frame = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(dtype)
    window = GreyWindow(37.5, 190.0)
    assert np.array_equal(window.show(frame), window.show(frame.astype(np.float64)))


@pytest.mark.parametrize("value", [0.0, np.nan, 7.0])
def test_a_movie_of_one_grey_value_can_be_shown(value):
    frame = np.full((10, 10), value)
    movie = Movie(Path("m"), 1, 10, 10, frame.dtype, lambda t: frame)
    assert GreyWindow.of(movie).show(frame).dtype == np.uint8


@pytest.mark.parametrize(
    ("width", "length", "label"),
    [(63, 10, "10 nm"), (100, 20, "20 nm"), (2.6, 0.5, "0.5 nm"), (9999, 1000, "1 µm")],
)
def test_scale_bars_have_round_lengths(width, length, label):
    assert scale_bar_nm(width) == pytest.approx(length)
    assert scale_bar_label(scale_bar_nm(width)) == label

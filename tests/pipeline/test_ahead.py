import sys
import threading
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import temtrack
from temtrack.movie import Movie, movie_of_array
from temtrack.pipeline import movie_segmentation
from temtrack.pipeline.ahead import MAX_AHEAD_PX, may_go_ahead, one_ahead, read_in_turn


def test_the_next_frame_is_begun_before_the_last_is_given_out():
    begun = [threading.Event() for _ in range(6)]

    def frames():
        for t in count(2):
            begun[t].set()
            yield t

    ahead = one_ahead(frames(), 2, lambda t: t != 4)
    assert next(ahead) == 2
    assert begun[3].wait(10)
    assert next(ahead) == 3
    assert not begun[4].is_set()
    assert [next(ahead), begun[5].wait(10)] == [4, True]


def test_what_goes_wrong_is_raised_at_its_own_frame():
    ahead = one_ahead((1 // (2 - t) for t in range(5)), 0, lambda t: True)
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(ahead)


def test_a_frame_is_read_once_while_anybody_has_it():
    n_read = []

    def read_frame(t):
        n_read.append(t)
        return np.full((2, 3), t)

    movie = read_in_turn(Movie(Path("film"), 9, 2, 3, np.dtype(int), read_frame))
    held = movie.read_frame(4)
    assert movie.read_frame(4) is held
    movie.read_frame(5)
    assert (movie.read_frame(5) == 5).all()
    assert n_read == [4, 5, 5]


def test_large_frames_and_single_threads_are_not_gone_ahead(monkeypatch):
    small, large = (movie_of_array(np.zeros((1, side, side), np.uint8)) for side in (8, 2049))
    assert large.height * large.width > MAX_AHEAD_PX
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert may_go_ahead(small)
    assert not may_go_ahead(large)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert not may_go_ahead(small)


def test_masks_are_the_same_ahead_or_not(monkeypatch):
    y, x = np.mgrid[:64, :128]
    rng = np.random.default_rng(0)
    discs = [np.where(np.hypot(y - 32, abs(x - 64) - 40 + t) < 12, 80, 200) for t in range(12)]
    frames = np.stack(discs) + rng.normal(0, 6, (12, 64, 128))
    masks = []
    for is_ahead in (True, False):
        monkeypatch.setattr(movie_segmentation, "may_go_ahead", lambda movie, is_ahead=is_ahead: is_ahead)
        run = temtrack.track(frames, model="otsu", tracker="overlap")
        masks.append(np.stack([run.masks[t] for t in range(12)]))
    np.testing.assert_array_equal(*masks)

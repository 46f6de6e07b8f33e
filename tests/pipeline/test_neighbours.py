import numpy as np
import pytest
from scipy import ndimage

from temtrack.movie import movie_of_array
from temtrack.pipeline.neighbours import FramesWithNeighbours


@pytest.fixture
def movie():
    """Twelve noisy frames of one drifting picture; the field is another one from frame 8 on."""
    rng = np.random.default_rng(0)
    fields = [100 + 200 * ndimage.gaussian_filter(rng.normal(size=(240, 240)), 4.0) for _ in range(2)]
    cuts = [fields[t >= 8][10 + t : 170 + t, 20 - t : 180 - t] for t in range(12)]
    return movie_of_array(np.stack(cuts) + rng.normal(0, 10, (12, 160, 160)))


def test_frames_come_with_their_neighbours_in_any_order_alike(movie):
    forward, anew = FramesWithNeighbours(movie, 3), FramesWithNeighbours(movie, 3)
    shown = [forward.show(t) for t in range(12)]
    assert shown[4].shape == (3, 160, 160)
    for t in (9, 5, 4, 0):  # a run that is resumed begins anywhere
        np.testing.assert_array_equal(anew.show(t), shown[t])


def test_neighbours_take_noise_away(movie):
    before, frame, after = FramesWithNeighbours(movie, 3).show(4)
    rough = [np.std(np.diff(channel[20:-20, 20:-20])) for channel in (before, frame, after)]
    assert max(rough[0], rough[2]) < 0.8 * rough[1]


def test_no_neighbour_is_taken_across_a_cut_or_beyond_the_ends(movie):
    frames = FramesWithNeighbours(movie, 3)
    _, frame, after = frames.show(7)
    np.testing.assert_array_equal(after, frame)
    before, frame, _ = frames.show(8)
    np.testing.assert_array_equal(before, frame)
    before, frame, _ = frames.show(0)
    np.testing.assert_array_equal(before, frame)


def test_memory_holds_no_more_than_the_neighbours(movie):
    frames = FramesWithNeighbours(movie, 3)
    for t in range(12):
        frames.show(t)
        assert len(frames._frames) <= 7
        assert len(frames._details) <= 7


def test_frames_are_shown_alone_where_no_neighbours_are_wanted_or_none_tells_more(movie):
    assert FramesWithNeighbours(movie, 0).show(4).shape == (160, 160)
    still = movie_of_array(np.stack([movie.read_frame(0)] * 5))
    assert FramesWithNeighbours(still, 3).show(2).shape == (160, 160)

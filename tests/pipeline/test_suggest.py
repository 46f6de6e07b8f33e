"""The frames to label are doubtful, unlike each other, and spread over the movie."""

import numpy as np
from review_scene import MASKS

from temtrack.pipeline.suggest import FrameLook, choose_frames
from temtrack.segmentation.model import Segmentation


def look(frame, doubt, *features):
    return FrameLook(frame, doubt, 3, features or (1.0,))


def test_the_most_doubtful_comes_first():
    looks = [look(t, 0.9 if t == 4 else 0.1) for t in range(10)]
    assert choose_frames(looks, 1)["frame"].tolist() == [4]


def test_equal_doubt_is_spread_in_time():
    chosen = choose_frames([look(t, 0.3) for t in range(11)], 3)["frame"].tolist()
    assert sorted(chosen) == [0, 5, 10]


def test_what_is_unlike_the_chosen_comes_before_its_neighbours():
    looks = [look(t, 0.5, 9.0 if t == 2 else 1.0) for t in range(8)]
    assert 2 in choose_frames(looks, 2)["frame"].tolist()


def test_no_frame_comes_twice_and_none_is_made_up():
    chosen = choose_frames([look(t, 0.0) for t in range(4)], 10)
    assert sorted(chosen["frame"]) == [0, 1, 2, 3]
    assert chosen["rank"].tolist() == [1, 2, 3, 4]


def test_doubt_is_what_lacks_of_the_scores():
    found = Segmentation(MASKS[0], np.array([0.9, 0.7, np.nan], np.float32))
    image = np.where(MASKS[0] > 0, 60, 180)
    assert np.isclose(FrameLook.of(0, image, found).doubt, 0.2)
    nothing = Segmentation.empty(MASKS[0].shape)
    assert FrameLook.of(0, image, nothing).doubt == 0.5

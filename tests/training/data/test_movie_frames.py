import numpy as np
import pytest

from temtrack.training.config import TrainConfig
from temtrack.training.data import movie_frames
from temtrack.training.data.movie_frames import movie_frame_source


@pytest.fixture
def draw():
    return movie_frame_source(TrainConfig(crop_px=64, min_diameter_px=14, max_diameter_px=20))


def test_a_sample_is_a_frame_between_the_means_of_its_neighbours(draw, monkeypatch):
    monkeypatch.setattr(movie_frames, "SINGLE_FRACTION", 0.0)
    monkeypatch.setattr(movie_frames, "ONE_SIDED_FRACTION", 0.0)
    samples = [draw(np.random.default_rng(seed)) for seed in range(6)]
    for sample in samples:
        assert sample.image.shape == (3, 64, 64)
        assert sample.labels.shape == (64, 64)
    rough = np.array([[np.diff(channel).std() for channel in sample.image] for sample in samples])
    assert np.median(rough[:, 1] / rough[:, ::2].mean(axis=1)) > 1.2  # means have less noise


def test_a_share_of_the_samples_is_shown_alone(draw, monkeypatch):
    monkeypatch.setattr(movie_frames, "SINGLE_FRACTION", 1.0)
    sample = draw(np.random.default_rng(0))
    np.testing.assert_array_equal(sample.image[0], sample.image[1])
    np.testing.assert_array_equal(sample.image[2], sample.image[1])

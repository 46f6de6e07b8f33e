import numpy as np
import pytest

from temtrack.training.config import TrainConfig
from temtrack.training.data.clip_source import ReplayBuffer, draw_movie_config, synthetic_clips

CONFIG = TrainConfig(
    crop_px=80, min_diameter_px=16.0, max_diameter_px=40.0, buffer_size=3, steps_per_source=2
)


def test_sources_come_and_go_as_steps_pass():
    made = []
    buffer = ReplayBuffer(lambda rng: made.append(int(rng.integers(1 << 30))) or made[-1], CONFIG, 1)
    picked = [[buffer.sample(step, np.random.default_rng(i)) for i in range(20)] for step in range(12)]
    assert all(len(set(sources)) == CONFIG.buffer_size for sources in picked)
    assert set(picked[0]) == set(picked[1])
    assert len(set(picked[0]) & set(picked[2])) == CONFIG.buffer_size - 1
    assert not set(picked[0]) & set(picked[-1])
    assert len(made) == len(set(made))  # none is made twice while it is in there
    again = ReplayBuffer(lambda rng: int(rng.integers(1 << 30)), CONFIG, 1)
    assert [again.sample(11, np.random.default_rng(i)) for i in range(20)] == picked[11]


@pytest.mark.parametrize("seed", range(3))
def test_synthetic_clips_have_particles_of_the_wanted_size(seed):
    source = synthetic_clips(CONFIG)(np.random.default_rng(seed))
    image, labels = source.read(5)
    assert image.shape == labels.shape
    assert image.dtype == np.float32
    assert image.max() <= 1
    areas = np.bincount(labels.ravel())[1:]
    diameter = source.scale * 2 * np.sqrt(np.median(areas[areas > 0]) / np.pi)
    assert 0.5 * 16 < diameter < 1.6 * 40


def test_every_movie_that_is_drawn_can_be_asked_for():
    rng = np.random.default_rng(3)
    movies = [draw_movie_config(rng, int(rng.integers(60, 400)), 5.0, 30) for _ in range(200)]
    assert any(movie.merges for movie in movies)
    assert any(movie.optics.dark_field for movie in movies)

import numpy as np
import pytest

from temtrack.training.config import ClipConfig
from temtrack.training.data.clip_source import Shelf, draw_movie_config, simulated_film

CONFIG = ClipConfig(n_films=3, steps_per_film=2)


def test_films_come_and_go_as_steps_pass():
    made = []
    shelf = Shelf(lambda rng: made.append(int(rng.integers(1 << 30))) or made[-1], CONFIG, (0, 1))
    picked = [[shelf.pick(step, np.random.default_rng(i)) for i in range(20)] for step in range(12)]
    assert all(len(set(films)) == CONFIG.n_films for films in picked)
    assert set(picked[0]) == set(picked[1])
    assert len(set(picked[0]) & set(picked[2])) == CONFIG.n_films - 1
    assert not set(picked[0]) & set(picked[-1])
    assert len(made) == len(set(made))  # none is made twice while it lies there
    again = Shelf(lambda rng: int(rng.integers(1 << 30)), CONFIG, (0, 1))
    assert [again.pick(11, np.random.default_rng(i)) for i in range(20)] == picked[11]


@pytest.mark.parametrize("seed", range(3))
def test_simulated_films_have_particles_of_the_wanted_size(seed):
    film = simulated_film(65, (16.0, 40.0), CONFIG)(np.random.default_rng(seed))
    labels = film.labels(5)
    assert film.frame(5).shape == labels.shape
    assert film.frame(5).dtype == np.float32
    assert film.frame(5).max() <= 1
    areas = np.bincount(labels.ravel())[1:]
    diameter = film.scale * 2 * np.sqrt(np.median(areas[areas > 0]) / np.pi)
    assert 0.5 * 16 < diameter < 1.6 * 40


def test_every_movie_that_is_drawn_can_be_asked_for():
    rng = np.random.default_rng(3)
    movies = [draw_movie_config(rng, int(rng.integers(60, 400)), 5.0, CONFIG) for _ in range(200)]
    assert any(movie.merges for movie in movies)
    assert any(movie.optics.dark_field for movie in movies)

import numpy as np
import pytest

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import simulate_movie
from temtrack.tracking.frame_quality import QualityEstimator


@pytest.mark.parametrize(
    ("dose_e_px", "contrast", "radius_px"), [(10, 0.6, 6), (50, 0.2, 12), (200, 1.0, 20), (200, 0.2, 6)]
)
def test_blank_and_blurred_frames_are_told_from_good_ones(dose_e_px, contrast, radius_px):
    config = MovieConfig(
        n_frames=20,
        height=192,
        width=192,
        n_particles=10,
        radius_px=radius_px,
        contrast=contrast,
        detector=Detector(dose_e_px=dose_e_px),
        faults={7: "blank", 11: "blurred", 14: "jolted", 16: "blurred"},
        drift_px_per_frame=(0.4, -0.3),
    )
    movie = simulate_movie(3, config)
    estimator = QualityEstimator()
    flags = {t: estimator.measure(movie.frame(t)).flag for t in range(len(movie))}
    assert {t: flag for t, flag in flags.items() if flag != "good"} == {
        7: "blank",
        11: "blurred",
        16: "blurred",
    }


def test_sharpness_is_that_of_edges_and_not_of_noise():
    rng = np.random.default_rng(0)
    stripes = np.tile(np.arange(200) // 10 % 2 * 10.0, (200, 1))
    noise = rng.normal(0, 5, stripes.shape)
    clean = QualityEstimator().measure(stripes).sharpness
    assert QualityEstimator().measure(stripes + noise).sharpness == pytest.approx(clean, rel=0.1)
    assert QualityEstimator().measure(noise).sharpness < 0.1 * clean

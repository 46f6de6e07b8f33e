import numpy as np
import pytest

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import simulate_movie
from temtrack.tracking.quality import QualityGauge


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
        blank_frames=(7,),
        blurred_frames=(11, 16),
        jump_frames=(14,),
        drift_px_per_frame=(0.4, -0.3),
    )
    movie = simulate_movie(3, config)
    gauge = QualityGauge()
    verdicts = {t: gauge.judge(movie.frame(t)).verdict for t in range(len(movie))}
    assert {t: verdict for t, verdict in verdicts.items() if verdict != "good"} == {
        7: "blank",
        11: "blurred",
        16: "blurred",
    }


def test_sharpness_is_that_of_edges_and_not_of_noise():
    rng = np.random.default_rng(0)
    stripes = np.tile(np.arange(200) // 10 % 2 * 10.0, (200, 1))
    noise = rng.normal(0, 5, stripes.shape)
    clean = QualityGauge().judge(stripes).sharpness
    assert QualityGauge().judge(stripes + noise).sharpness == pytest.approx(clean, rel=0.1)
    assert QualityGauge().judge(noise).sharpness < 0.1 * clean

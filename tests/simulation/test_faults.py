"""What is wrong with a simulated frame is seen in it, and the truth goes on below."""

import numpy as np
import pytest
from scipy import ndimage

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie


def test_faulty_frames_are_blank_or_blurred():
    config = MovieConfig(n_frames=4, height=128, width=128, n_particles=6, faults={1: "blank", 2: "blurred"})
    movie = simulate_movie(1, config)
    sharpness = [
        float(np.hypot(*np.gradient(ndimage.gaussian_filter(movie.frame(t) * 1.0, 2))).max())
        for t in range(4)
    ]
    assert sharpness[2] < 0.6 * sharpness[0]
    assert movie.frame(1).mean() < 0.2 * movie.frame(0).mean()
    assert np.any(movie.labels(1))


@pytest.fixture(scope="module")
def faulty() -> SimulatedMovie:
    faults = {1: "double", 2: "torn", 3: "half-read", 4: "dim", 5: "jolted"}
    config = MovieConfig(n_frames=7, height=160, width=128, n_particles=8, radius_px=9, faults=faults)
    return simulate_movie(2, config)


def second_peak(image: np.ndarray) -> float:
    """Return the highest peak of the autocorrelation beside its middle, relative to that."""
    flat = ndimage.gaussian_filter(image, 1.5) - ndimage.gaussian_filter(image, 12)
    correlation = np.fft.ifft2(np.abs(np.fft.fft2(flat)) ** 2).real
    y, x = (np.fft.fftfreq(n, 1 / n) for n in image.shape)
    ring = np.hypot(y[:, None], x[None, :])
    peaks = ndimage.maximum_filter(correlation, 5, mode="wrap") == correlation
    return float(correlation[peaks & (ring > 3) & (ring < 20)].max(initial=0) / correlation[0, 0])


@pytest.mark.parametrize("seed", range(3))
def test_double_exposure_shows_two_copies_of_half_the_contrast(seed):
    config = MovieConfig(
        n_frames=2,
        height=200,
        width=200,
        n_particles=60,
        radius_px=2.5,  # narrower than the least jolt, so that copies stand apart
        motion_px=0.3,
        contrast=1.0,
        detector=Detector(500.0),
        faults={1: "double"},
    )
    movie = simulate_movie(seed, config)
    good, double = (movie.frame(t).astype(float) for t in (0, 1))
    assert second_peak(double) > second_peak(good) + 0.2
    where = movie.labels(1) > 0
    depth = [image[~where].mean() - image[where].mean() for image in (good, double)]
    assert depth[1] < 0.8 * depth[0]


def test_torn_frame_follows_the_truth_above_the_tear_only(faulty):
    image, where = faulty.frame(2).astype(float), faulty.labels(2) > 0

    def depth(rows: slice) -> float:
        return float(image[rows][~where[rows]].mean() - image[rows][where[rows]].mean())

    assert depth(slice(0, 40)) > 2 * depth(slice(120, 160))


def test_half_read_frame_is_dark_below_and_dim_one_everywhere(faulty):
    brightness = [faulty.frame(t).mean(axis=1) for t in range(7)]
    assert brightness[3][:40].mean() > 0.9 * brightness[0][:40].mean()
    assert brightness[3][120:].max() < 0.1 * brightness[0].mean()
    assert (brightness[4] / brightness[0]).max() < 0.8
    assert (brightness[4] / brightness[0]).min() > 0.2


def test_jolted_frame_alone_is_shifted(faulty):
    corner = faulty.specimen.drift_px
    assert 5 <= np.hypot(*(corner[5] - corner[4])) <= 15
    assert np.array_equal(corner[6], corner[4])


def test_beam_flickers_as_asked_for():
    config = MovieConfig(n_frames=40, height=64, width=64, n_particles=2, radius_px=5, beam_flicker=0.1)
    means = np.array([simulate_movie(4, config).frame(t).mean() for t in range(40)])
    assert means.std() / means.mean() == pytest.approx(0.1, rel=0.4)


@pytest.mark.parametrize(("columns", "value"), [(3, 255), (-2, 0)])
def test_edge_columns_hold_no_picture(columns, value):
    config = MovieConfig(n_frames=1, height=64, width=64, n_particles=2, radius_px=5, edge_columns=columns)
    frame = simulate_movie(0, config).frame(0)
    assert np.all(frame[:, -abs(columns) :] == value)
    assert 20 < frame[:, -abs(columns) - 1].mean() < 235

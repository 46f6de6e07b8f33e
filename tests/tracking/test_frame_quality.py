import numpy as np
import pytest
from scipy import ndimage

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import simulate_movie
from temtrack.tracking.frame_quality import FrameQuality, QualityEstimator


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


def film(seed, lattice):
    """A large field of dark particles on a bright ground, loose or dense."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:400, :400]
    field = np.full((400, 400), 200.0)
    if lattice:
        centres = [np.array(at) * 12.0 + rng.normal(0, 1, 2) for at in np.ndindex(33, 33)]
        radii = rng.uniform(2.5, 4.5, len(centres))
    else:
        centres, radii = rng.uniform(0, 400, (90, 2)), rng.uniform(5, 12, 90)
    for (cy, cx), radius in zip(centres, radii, strict=True):
        box = np.s_[max(int(cy) - 14, 0) : int(cy) + 15, max(int(cx) - 14, 0) : int(cx) + 15]
        field[box][np.hypot(y[box] - cy, x[box] - cx) < radius] = 90
    return ndimage.gaussian_filter(field, 1)


def shots(seed, lattice, n=20):
    """Frames (T, 192, 224) of a field that drifts, before the camera's noise, and one elsewhere for each."""
    rng = np.random.default_rng(seed)
    field = film(seed, lattice)
    here, elsewhere = [], []
    for t in range(n):
        y, x = 100 + t // 2, 90 - t // 3
        angle, way = rng.uniform(0, 2 * np.pi), rng.uniform(6, 16)
        dy, dx = round(way * np.sin(angle)), round(way * np.cos(angle))
        here.append(field[y : y + 192, x : x + 224])
        elsewhere.append(field[y + dy : y + dy + 192, x + dx : x + dx + 224])
    return here, elsewhere


def spoil(fault, here, elsewhere, rng):
    row = round(rng.uniform(0.25, 0.75) * len(here))
    return {
        "double": (here + elsewhere) / 2,
        "torn": np.concatenate([here[:row], elsewhere[row:]]),
        "half-read": np.concatenate([here[:row], np.zeros_like(here[row:])]),
        "flicker": here * rng.uniform(0.4, 0.6),
        "blank": np.full_like(here, 5.0),
    }[fault]


@pytest.mark.parametrize("lattice", [False, True], ids=["loose", "lattice"])
@pytest.mark.parametrize("fault", ["double", "torn", "half-read", "flicker", "blank"])
def test_each_fault_is_told_from_all_others(lattice, fault):
    faulty, n_right = (6, 7, 13), 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        estimator = QualityEstimator()
        for t, (here, elsewhere) in enumerate(zip(*shots(seed, lattice), strict=True)):
            expected = spoil(fault, here, elsewhere, rng) if t in faulty else here
            flag = estimator.measure(rng.poisson(expected * 0.5)).flag
            if t in faulty:
                n_right += flag == fault
            else:
                assert flag == "good"
    assert n_right >= 8


def test_what_stays_is_the_new_state_and_what_changes_is_not():
    rng = np.random.default_rng(0)
    here, elsewhere = shots(0, False, 40)
    estimator = QualityEstimator()
    flags = [estimator.measure(rng.poisson(here[0] * 0.5)).flag for _ in range(4)]
    faults = ["double", "torn", "half-read", "blank"] * 4
    flags += [
        estimator.measure(rng.poisson(spoil(fault, here[0], elsewhere[t], rng) * 0.5)).flag
        for t, fault in enumerate(faults)
    ]
    assert "good" not in flags[4:]
    assert estimator.measure(rng.poisson(here[0] * 0.5)).flag == "good"
    dim = [estimator.measure(rng.poisson(here[0] * 0.2)).flag for _ in range(14)]
    assert dim == ["flicker"] * 10 + ["good"] * 4


def test_a_scene_that_looks_like_its_own_echo_is_told_twice():
    rng = np.random.default_rng(0)
    here, elsewhere = shots(0, False)
    estimator = QualityEstimator()
    scenes = [here[0]] * 5 + [(here[0] + elsewhere[0]) / 2] * 5
    flags = [estimator.measure(rng.poisson(scene * 0.5)).flag for scene in scenes]
    assert flags[5:7] == ["double"] * 2
    assert flags[7:] == ["good"] * 3


def test_a_second_particle_like_the_first_is_no_echo():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:192, :224]
    one = np.hypot(y - 90, x - 80) < 10
    other = np.hypot(y - 70, x - 130) < 10
    estimator = QualityEstimator()
    scenes = [200.0 - 110 * one] * 5 + [200.0 - 110 * (one | other)] * 5
    assert [estimator.measure(rng.poisson(scene * 0.5)).flag for scene in scenes] == ["good"] * 10


def test_white_columns_do_not_hide_that_a_frame_is_blank():
    rng = np.random.default_rng(0)
    here, _ = shots(0, False)
    estimator = QualityEstimator()

    def framed(expected):
        frame = rng.poisson(expected * 0.5)
        frame[:, -6:] = 255
        return frame

    flags = [estimator.measure(framed(here[t])).flag for t in range(5)]
    assert flags == ["good"] * 5
    assert estimator.measure(framed(np.full_like(here[0], 5.0))).flag == "blank"


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 40), (40, 40)])
def test_a_tiny_or_flat_frame_is_no_fault(shape):
    estimator = QualityEstimator()
    assert {estimator.measure(np.ones(shape)).flag for _ in range(6)} == {"good"}


def test_the_masks_of_a_flickering_frame_are_believed_unless_particles_are_lost():
    assert FrameQuality(1, 1, "good").is_good(0, 50)
    assert FrameQuality(1, 1, "flicker").is_good(48, 50)
    assert not FrameQuality(1, 1, "flicker").is_good(30, 50)
    assert not FrameQuality(1, 1, "torn").is_good(50, 50)

import numpy as np
import pytest

from temtrack.analysis.frames import count_lives, measure_frames, measure_survival
from temtrack.lineage import Lineage, Merge, Track

ROWS = {
    "frame": np.array([0, 0, 2, 2, 2]),
    "particle_id": np.array([1, 2, 2, 3, 4]),
    "area_px": np.array([10, 20, 30, 10, 10]),
    "equivalent_diameter_px": np.array([3.0, 5, 6, 3, 3]),
}


def test_counts_areas_and_densities():
    frames = measure_frames(ROWS, (4, 10, 20), None)
    assert frames["n_particles"].tolist() == [2, 0, 3, 0]
    assert frames["total_area_px"].tolist() == [30, 0, 50, 0]
    assert frames["coverage"].tolist() == [0.15, 0, 0.25, 0]
    assert frames["number_density_per_px2"].tolist() == [0.01, 0, 0.015, 0]
    np.testing.assert_array_equal(frames["mean_diameter_px"], [4, np.nan, 4, np.nan])
    np.testing.assert_array_equal(frames["median_diameter_px"], [4, np.nan, 3, np.nan])


def test_beginnings_and_ends():
    frames = measure_frames(ROWS, (4, 10, 20), None)
    assert frames["n_new"].tolist() == [0, 0, 2, 0]
    assert frames["n_ended"].tolist() == [0, 1, 0, 3]


def test_merges_are_counted_or_unknown():
    lineage = Lineage(4, (), (Merge(2, 3, (1, 9), 1, 0, 0), Merge(2, 4, (7, 8), 2, 0, 0)))
    assert measure_frames(ROWS, (4, 10, 20), lineage)["n_merges"].tolist() == [0, 0, 2, 0]
    assert measure_frames(ROWS, (4, 10, 20), None)["n_merges"] == [None] * 4
    assert measure_frames(ROWS, (4, 10, 20), None)["survival"] == [None] * 4


def test_a_movie_without_particles():
    empty = {name: values[:0] for name, values in ROWS.items()}
    frames = measure_frames(empty, (3, 10, 20), None)
    assert frames["n_particles"].tolist() == [0, 0, 0]
    assert frames["n_new"].tolist() == [0, 0, 0]
    assert np.isnan(frames["mean_diameter_px"]).all()


LINEAGE = Lineage(
    5,
    (
        Track(1, 0, 1, "present", "merged"),
        Track(2, 0, 1, "present", "merged"),
        Track(3, 2, 4, "merge", "present", (1, 2)),
        Track(4, 0, 2, "present", "left"),
        Track(5, 0, 3, "present", "dissolved"),
        Track(6, 1, 4, "nucleated", "present"),
    ),
    (),
)


def test_ends_stand_in_the_first_frame_without_and_beginnings_in_the_first_with():
    lives = count_lives(LINEAGE)
    assert lives["n_merged"].tolist() == [0, 0, 2, 0, 0]
    assert lives["n_left"].tolist() == [0, 0, 0, 1, 0]
    assert lives["n_dissolved"].tolist() == [0, 0, 0, 0, 1]
    assert lives["n_nucleated"].tolist() == [0, 1, 0, 0, 0]
    assert not lives["n_lost"].any()


def test_survival_is_that_of_kaplan_and_meier():
    # at risk: 5 before frame 2 (1, 2, 4, 5, 6), 3 before frame 4 (3, 5, 6)
    assert measure_survival(LINEAGE) == pytest.approx([1, 1, 3 / 5, 3 / 5, 3 / 5 * 2 / 3])


def test_no_particles_and_no_frames():
    assert measure_survival(Lineage(3, (), ())).tolist() == [1, 1, 1]
    assert measure_survival(Lineage(0, (), ())).shape == (0,)


def test_all_may_end_at_once():
    tracks = tuple(Track(i, 0, 0, "present", "dissolved") for i in (1, 2))
    np.testing.assert_array_equal(measure_survival(Lineage(2, tracks, ())), [1, 0])

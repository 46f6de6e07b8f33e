import numpy as np
import pytest

from temtrack.analysis.survival import count_lives, measure_survival
from temtrack.lineage import Lineage, Track

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

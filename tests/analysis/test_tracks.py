import numpy as np
import pytest

from temtrack.analysis.confidence import MergeJudge
from temtrack.analysis.particles import ParticleHistory
from temtrack.analysis.tracks import measure_tracks
from temtrack.lineage import Lineage, Merge, Track

ROWS = {  # two particles that merge into a third; particle 1 is unseen in frame 1
    "frame": np.array([0, 0, 1, 2, 2, 3, 4]),
    "particle_id": np.array([1, 2, 2, 1, 2, 3, 3]),
    "area_px": np.array([10, 20, 21, 14, 22, 35, 33]),
    "equivalent_diameter_px": np.array([3.0, 5, 5, 4, 5, 7, 6]),
    "solidity": np.ones(7),
    "major_axis_px": np.full(7, 4.0),
    "minor_axis_px": np.full(7, 3.0),
    "optical_mass": np.full(7, np.nan),
    "touches_border": np.zeros(7, bool),
    "y_px": np.array([0.0, 5, 5, 3, 5, 4, 4]),
    "x_px": np.array([0.0, 5, 6, 4, 6, 5, 5]),
}
LINEAGE = Lineage(
    5,
    (
        Track(1, 0, 2, "present", "merged"),
        Track(2, 0, 2, "present", "merged"),
        Track(3, 3, 4, "merge", "present", (1, 2)),
    ),
    (Merge(3, 3, (1, 2), 2, 4.0, 5.0),),
)


def measure(lineage):
    history = ParticleHistory(ROWS)
    return measure_tracks(history, lineage, MergeJudge(history))


def test_frames_areas_and_path():
    tracks = measure(None)
    assert tracks["particle_id"].tolist() == [1, 2, 3]
    assert tracks["start_frame"].tolist() == [0, 0, 3]
    assert tracks["end_frame"].tolist() == [2, 2, 4]
    assert tracks["n_frames"].tolist() == [2, 3, 2]
    assert tracks["initial_area_px"].tolist() == [10, 20, 35]
    assert tracks["final_area_px"].tolist() == [14, 22, 33]
    assert tracks["mean_area_px"].tolist() == [12, 21, 34]
    assert tracks["path_length_px"] == pytest.approx([5, 1, 0])


def test_family_comes_from_the_lineage():
    tracks = measure(LINEAGE)
    assert tracks["fate"] == ["merged", "merged", "present"]
    assert tracks["child_id"] == [3, 3, None]
    assert tracks["parent_ids"] == [[], [], [1, 2]]


def test_without_a_lineage_the_family_is_null():
    tracks = measure(None)
    for name in ("origin", "fate", "parent_ids", "child_id", "origin_confidence", "fate_confidence"):
        assert tracks[name] == [None, None, None]


def test_a_parent_whose_id_was_kept_on_has_no_child():
    lineage = Lineage(
        5,
        (Track(2, 0, 4, "present", "present"), Track(1, 0, 2, "present", "merged")),
        (Merge(3, 2, (1, 2), 2, 4.0, 5.0),),
    )
    assert measure(lineage)["child_id"] == [2, None, None]

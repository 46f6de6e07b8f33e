from pathlib import Path

import numpy as np
import pytest
from known import calibration
from skimage.draw import disk

from temtrack.analysis import relinking
from temtrack.analysis.measure import analyze_run
from temtrack.analysis.relinking import relinked
from temtrack.calibration import UNCALIBRATED
from temtrack.errors import InputError
from temtrack.lineage import Lineage, Track
from temtrack.masks import Run, masks_of_arrays
from temtrack.movie import Movie

KNOWN = calibration(0.5, np.arange(3) * 2.0)


def masks():
    """Two squares, one of them in all three frames; the middle frame is empty of the other."""
    frames = np.zeros((3, 20, 30), dtype=np.uint16)
    frames[:, 2:6, 2:6] = 1
    frames[[0, 2], 10:14, 20:24] = 2
    return frames


def run_of(frames, **known):
    return Run(masks_of_arrays(frames), **known)


def movie_of(frames):
    n_frames, height, width = frames.shape
    return Movie(Path("movie.tif"), n_frames, height, width, frames.dtype, lambda t: frames[t])


def test_all_tables_of_plain_masks():
    tables = dict(analyze_run(run_of(masks()), None, UNCALIBRATED, merges=False).items())
    assert {name: table.num_rows for name, table in tables.items()} == {
        "particles": 5,
        "tracks": 2,
        "frames": 3,
    }
    assert tables["particles"]["mean_intensity"].null_count == 5
    assert tables["tracks"]["fate"].null_count == 2
    assert not any(name.endswith(("_nm", "_nm2", "_s")) for name in tables["tracks"].column_names)


def test_calibration_image_and_tracker_record_reach_the_tables():
    image = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((3, 20, 30), np.float32)
    lineage = Lineage(
        3,
        (Track(1, 0, 2, "present", "present"), Track(2, 0, 2, "present", "present")),
        (),
    )
    run = run_of(masks(), lineage=lineage, gap_filled={2: {1}}, quality=("good", "blank", "good"))
    tables = analyze_run(run, movie_of(image), KNOWN)
    particles = tables.particles.to_pydict()
    assert particles["mean_intensity"] == [0, 0, 1, 2, 2]
    assert particles["gap_filled"] == [False, False, False, True, False]
    assert particles["area_nm2"] == [4] * 5
    assert particles["time_s"] == [0, 0, 2, 4, 4]
    assert tables.frames["quality"].to_pylist() == ["good", "blank", "good"]
    assert tables.merges.num_rows == 0


def merging_discs(ids):
    """Two discs that approach and become one in frame 8 of 16, a third beside them; ids as given."""
    first, second, child = ids
    frames = np.zeros((16, 80, 120), dtype=np.uint16)
    for t, labels in enumerate(frames):
        labels[disk((60, 100), 12)] = 40
        left, right = min(26 + 2 * t, 44), max(68 - t, 60)
        labels[disk((30, left), 13)] = first if t < 8 else child
        labels[disk((30, right), 11)] = second if t < 8 else child
    return frames


@pytest.mark.parametrize(
    "ids", [(7, 3, 21), (7, 3, 7), (7, 3, 3)], ids=["new id", "larger kept", "smaller kept"]
)
def test_merges_are_found_from_masks_whatever_id_the_child_has(ids):
    frames = merging_discs(ids)
    tables = analyze_run(run_of(frames), None, UNCALIBRATED)
    (merge,) = tables.merges.to_pylist()
    assert (merge["frame"], merge["child_id"], sorted(merge["parent_ids"])) == (8, ids[2], [3, 7])
    assert merge["area_ratio"] == pytest.approx(0.9, abs=0.05)
    assert 0 < merge["confidence"] < 1
    assert tables.frames["n_merges"].to_pylist() == [0] * 8 + [1] + [0] * 7
    assert len(merge["neck_ratios"]) == 8
    assert merge["neck_ratios"][0] == pytest.approx(0.75, abs=0.1)
    assert merge["mass_ratio"] is None
    assert merge["gap_px"] == merge["gaps_px"][-1] == 0
    assert merge["gaps_px"][0] == pytest.approx(42 - 13 - 11, abs=1)
    assert merge["approach_speed"] == pytest.approx(3, abs=0.3)
    fates = dict(zip(*tables.tracks.select(["particle_id", "fate"]).to_pydict().values(), strict=True))
    assert fates == dict.fromkeys((3, 7), "merged") | {ids[2]: "present", 40: "present"}


def test_masks_renumbered_in_every_frame_are_told_in_ids_of_their_own():
    rng, frames = np.random.default_rng(0), merging_discs((7, 3, 21))
    renumbered = [np.append(0, 1 + rng.permutation(50))[labels] for labels in frames]
    tables = analyze_run(run_of(renumbered), None, UNCALIBRATED)
    assert tables.is_relinked
    (merge,) = tables.merges.to_pylist()
    assert (merge["frame"], merge["n_parents"]) == (8, 2)
    assert sorted(tables.tracks["n_frames"].to_pylist()) == [8, 8, 8, 16]
    assert not analyze_run(run_of(frames), None, UNCALIBRATED).is_relinked
    masks = relinked(masks_of_arrays(renumbered))
    backwards = [masks[t] for t in reversed(range(len(frames)))]  # in any order
    for labels, again in zip(masks, reversed(backwards), strict=True):
        np.testing.assert_array_equal(labels, again)


def test_masks_renumbered_in_every_frame_are_linked_once(monkeypatch):
    walks, link = [], relinking.link_images
    monkeypatch.setattr(relinking, "link_images", lambda masks: walks.append(masks) or link(masks))
    rng = np.random.default_rng(0)
    frames = [np.append(0, 1 + rng.permutation(50))[labels] for labels in merging_discs((7, 3, 21))]
    assert analyze_run(run_of(frames), None, UNCALIBRATED).is_relinked
    assert len(walks) == 1


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no masks: 0 frames"),
        ([np.zeros((4, 4), np.float32)], "mask of frame 0 is float32"),
        ([np.zeros((4, 4, 3), np.uint8)], r"shape \(4, 4, 3\)"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], "frame 1 is 4x5 px, the first one 4x4 px"),
    ],
)
def test_masks_that_cannot_be_analysed(frames, words):
    with pytest.raises(InputError, match=words):
        analyze_run(run_of(frames), None, UNCALIBRATED)


def test_a_movie_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"the masks are 3 frames of 20x30 px, but .* 4 frames of 20x30 px"):
        analyze_run(run_of(masks()), movie_of(np.zeros((4, 20, 30))), UNCALIBRATED)

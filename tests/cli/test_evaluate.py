import json

import numpy as np
import pytest
import tifffile
from cases import dissolve_beside_neighbour, two_fuse

from temtrack.formats.store.lineage import write_ctc_table, write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.lineage import Lineage, Merge, Track

CASE = two_fuse()
TREE = Lineage(
    26,
    (
        Track(1, 0, 8, "present", "merged"),
        Track(2, 0, 8, "present", "merged"),
        Track(3, 9, 25, "merge", "present", (1, 2)),
        Track(90, 0, 25, "present", "present"),
    ),
    (Merge(9, 3, (1, 2), 8, 36.0, 43.0),),
)


def write_folder(folder, frames, lineage=None):
    folder.mkdir()
    for t, labels in enumerate(frames):
        write_mask(folder / mask_name(t), labels)
    if lineage is not None:
        write_lineage(folder / "lineage.json", lineage)
    return folder


@pytest.fixture
def truth(tmp_path):
    return write_folder(tmp_path / "truth", CASE.truth, TREE)


def test_the_truth_scores_one_in_json(run, truth):
    result = run("evaluate", truth, truth, "--json")
    assert result.stderr == ""
    measures = json.loads(result.stdout)["inputs"][0]
    assert measures["segmentation"]["pooled"]["ap"] == measures["tracking"]["tra"] == 1
    assert [measures["tracking"][name] for name in ("mota", "motp", "mt", "ml", "chota")] == [1, 1, 1, 0, 1]
    assert [row["f1"] for row in measures["merges"]["within_frames"]] == [1, 1, 1]
    assert measures["fates"]["macro_f1"] == 1
    assert len(measures["frames"]) == 26
    assert "events" not in measures["merges"]


def test_each_event_is_listed_with_frame_and_place(run, truth, tmp_path):
    """The found merge comes at 14, too late; what the truth lacks is told of particles 90 and 3."""
    late = Merge(14, 3, (1, 2), 8, 30.0, 40.0)
    false = Merge(20, 90, (3, 90), 20, 10.0, 12.0)
    found = write_folder(tmp_path / "found", CASE.truth, Lineage(26, TREE.tracks, (late, false)))
    rows = json.loads(run("evaluate", found, truth, "--json", "--per-event").stdout)["inputs"][0]["merges"][
        "events"
    ]
    assert [(row["outcome"], row["true_frame"], row["found_frame"], row["cause"]) for row in rows] == [
        ("missed", 9, None, None),
        ("false", None, 14, "frame"),
        ("false", None, 20, "other"),
    ]
    assert [(row["y_px"], row["x_px"]) for row in rows] == [(36, 43), (30, 40), (10, 12)]
    shown = run("evaluate", found, truth, "--per-event").stdout
    assert all(word in shown for word in ("CHOTA", "MOTA", "MOTP", "missed", "False merges"))


def test_masks_without_a_lineage_say_so(run, truth, tmp_path):
    found = write_folder(tmp_path / "found", CASE.truth)
    result = run("evaluate", found, truth, "--json")
    assert result.stderr.count("\n") == 1
    assert "found from the masks alone" in result.stderr
    measures = json.loads(result.stdout)["inputs"][0]
    assert measures["lineage"] == {"pred": "masks", "truth": "lineage.json"}
    assert measures["merges"]["within_frames"][0]["f1"] == 1


def test_ctc_folders_and_outlines(run, tmp_path):
    """Each frame of ``SEG`` is scored, here two, against better outlines than those of ``TRA``."""
    root = tmp_path / "01_GT"
    (root / "SEG").mkdir(parents=True)
    write_folder(root / "TRA", CASE.truth)
    write_ctc_table(root / "TRA" / "man_track.txt", TREE)
    found = write_folder(tmp_path / "01_RES", CASE.truth)
    write_ctc_table(found / "res_track.txt", TREE)
    for t in (3, 12):
        half = np.where(np.arange(96) < 40, CASE.truth[t], 0)
        write_mask(root / "SEG" / f"man_seg{t:03d}.tif", half)
    measures = json.loads(run("evaluate", found, root, "--json").stdout)["inputs"][0]
    assert [row["frame"] for row in measures["frames"]] == [3, 12]
    assert measures["tracking"]["tra"] == measures["tracking"]["lnk"] == 1
    assert 0 < measures["tracking"]["seg"] < 1


def test_a_single_image_is_segmentation_alone(run, tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", CASE.truth[0].astype(np.uint16))
    measures = json.loads(run("evaluate", tmp_path / "one.tif", tmp_path / "one.tif", "--json").stdout)[
        "inputs"
    ][0]
    assert measures["segmentation"]["pooled"]["f1"] == 1
    assert measures["tracking"] is measures["merges"] is measures["fates"] is None
    shown = run("evaluate", tmp_path / "one.tif", tmp_path / "one.tif").stdout
    assert "Segmentation" in shown
    assert "Tracking" not in shown


def test_empty_masks_give_null_and_a_word(run, tmp_path):
    tifffile.imwrite(tmp_path / "empty.tif", np.zeros((5, 9, 9), np.uint16))
    result = run("evaluate", tmp_path / "empty.tif", tmp_path / "empty.tif", "--json")
    assert result.exit_code == 0
    assert "holds no particle in any frame" in result.stderr
    measures = json.loads(result.stdout)["inputs"][0]
    assert measures["tracking"]["tra"] is measures["merges"]["exact_parents"] is None
    assert run("evaluate", tmp_path / "empty.tif", tmp_path / "empty.tif").exit_code == 0


def test_dissolution_told_as_a_merge(run, tmp_path):
    case = dissolve_beside_neighbour()
    tracks = Track(1, 0, 23, "present", "present"), Track(2, 0, 11, "present", "dissolved")
    truth = write_folder(tmp_path / "truth", case.truth, Lineage(24, tracks, ()))
    wrong = Lineage(24, tracks, (Merge(12, 1, (1, 2), 11, 32.0, 50.0),))
    found = write_folder(tmp_path / "found", case.truth, wrong)
    merges = json.loads(run("evaluate", found, truth, "--json").stdout)["inputs"][0]["merges"]
    assert merges["false_by_cause"] == {"dissolution": 1}
    assert merges["within_frames"][2]["precision"] == 0
    assert merges["within_frames"][2]["recall"] is None


@pytest.mark.parametrize(
    ("frames", "reason"),
    [(CASE.truth[:7], "are 7 frames of 64x96 px"), (CASE.truth[:, :50], "are 26 frames of 50x96 px")],
)
def test_other_frames_than_the_truth_end_in_one_line(run, truth, tmp_path, frames, reason):
    result = run("evaluate", write_folder(tmp_path / "found", frames), truth)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert reason in result.stderr


def test_a_frame_of_another_size_ends_in_one_line(run, truth, tmp_path):
    found = write_folder(tmp_path / "found", CASE.truth)
    write_mask(found / mask_name(5), np.zeros((9, 9), np.uint16))
    result = run("evaluate", found, truth)
    assert (result.exit_code, result.stderr.count("error:")) == (1, 1)
    assert "mask of frame 5 is 9x9" in result.stderr


def test_outlines_of_another_size_or_frame_end_in_one_line(run, truth, tmp_path):
    root = tmp_path / "01_GT"
    (root / "SEG").mkdir(parents=True)
    write_folder(root / "TRA", CASE.truth)
    write_mask(root / "SEG" / "man_seg003.tif", np.ones((9, 9), np.uint16))
    assert "man_seg003.tif: is 9x9 px, the other masks 64x96" in run("evaluate", truth, root).stderr
    write_mask(root / "SEG" / "man_seg099.tif", np.ones((64, 96), np.uint16))
    assert "man_seg099.tif: outlines a frame beyond the last of the 26" in run("evaluate", truth, root).stderr

import imagecodecs
import numpy as np
import pytest
import tifffile
from temtrack.formats.store.tracked_masks import read_tracked_masks

from temtrack.errors import InputError
from temtrack.formats.store.lineage import ctc_parents, write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.lineage import Lineage, Merge, Track

TREE = Lineage(
    3,
    (
        Track(1, 0, 0, "present", "merged"),
        Track(2, 0, 0, "present", "merged"),
        Track(3, 1, 2, "merge", "present", (2, 1)),
        Track(4, 1, 2, "split", "present", (3,)),
    ),
    (Merge(1, 3, (2, 1), 0, 2.0, 2.0),),
)
LABELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


def write_masks(folder, name, n_frames=3):
    folder.mkdir(parents=True, exist_ok=True)
    for t in range(n_frames):
        write_mask(folder / name(t), LABELS)


def test_a_folder_of_this_program(tmp_path):
    write_masks(tmp_path, mask_name)
    write_lineage(tmp_path / "lineage.json", TREE)
    tracked = read_tracked_masks(tmp_path)
    assert (len(tracked.masks), tracked.lineage) == (3, TREE)
    assert tracked.parents == ctc_parents(TREE) == {3: 2}


@pytest.mark.parametrize("table", ["man_track.txt", "res_track.txt"])
def test_a_ctc_folder_with_either_table(tmp_path, table):
    write_masks(tmp_path, "man_track{:03d}.tif".format)
    (tmp_path / table).write_text("1 0 0 0\n2 0 0 0\n3 1 2 1\n\n")
    tracked = read_tracked_masks(tmp_path)
    assert (len(tracked.masks), tracked.lineage, tracked.parents) == (3, None, {3: 1})


def test_a_ctc_truth_by_the_folder_that_holds_its_parts(tmp_path):
    write_masks(tmp_path / "TRA", "man_track{:03d}.tif".format)
    (tmp_path / "TRA" / "man_track.txt").write_text("1 0 2 0\n")
    write_masks(tmp_path / "SEG", lambda t: f"man_seg{2 * t:03d}.tif", n_frames=2)
    tracked = read_tracked_masks(tmp_path)
    assert len(tracked.masks) == 3
    assert {frame: path.name for frame, path in tracked.outlines.items()} == {
        0: "man_seg000.tif",
        2: "man_seg002.tif",
    }


def test_stacks_and_single_images(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([LABELS] * 5), photometric="minisblack")
    tifffile.imwrite(tmp_path / "one.tif", LABELS)
    assert [len(read_tracked_masks(tmp_path / name).masks) for name in ("stack.tif", "one.tif")] == [5, 1]
    (tmp_path / "one.png").write_bytes(imagecodecs.png_encode(LABELS.astype(np.uint8)))
    png = read_tracked_masks(tmp_path / "one.png").masks
    assert len(png) == 1
    np.testing.assert_array_equal(png[0], LABELS)


@pytest.mark.parametrize("line", ["1 0 2", "1 0 2 -1", "a b c d"])
def test_a_damaged_table_is_named_by_line(tmp_path, line):
    write_masks(tmp_path, mask_name)
    (tmp_path / "res_track.txt").write_text(f"1 0 2 0\n{line}\n")
    with pytest.raises(InputError, match=r"res_track\.txt: line 2"):
        read_tracked_masks(tmp_path)


def test_a_lineage_of_other_frames_is_refused(tmp_path):
    write_masks(tmp_path, mask_name, n_frames=2)
    write_lineage(tmp_path / "lineage.json", TREE)
    with pytest.raises(InputError, match="tells of 3 frames, the folder holds 2"):
        read_tracked_masks(tmp_path)

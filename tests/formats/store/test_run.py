import json
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
import tifffile

from temtrack.calibration import DoseRate, PixelSize
from temtrack.errors import InputError, TemtrackWarning
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.lineage import ctc_parents, write_lineage
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.formats.store.run import open_run, sources_of, write_run
from temtrack.lineage import Lineage, Merge, Track
from temtrack.provenance import Provenance, Source

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
    tracked = open_run(tmp_path)
    assert (len(tracked.masks), tracked.lineage) == (3, TREE)
    assert tracked.ctc_parents == ctc_parents(TREE) == {3: 2}


@pytest.mark.parametrize("table", ["man_track.txt", "res_track.txt"])
def test_a_ctc_folder_with_either_table(tmp_path, table):
    write_masks(tmp_path, "man_track{:03d}.tif".format)
    (tmp_path / table).write_text("1 0 0 0\n2 0 0 0\n3 1 2 1\n\n")
    tracked = open_run(tmp_path)
    assert (len(tracked.masks), tracked.lineage, tracked.ctc_parents) == (3, None, {3: 1})


def test_a_ctc_truth_by_the_folder_that_holds_its_parts(tmp_path):
    write_masks(tmp_path / "TRA", "man_track{:03d}.tif".format)
    (tmp_path / "TRA" / "man_track.txt").write_text("1 0 2 0\n")
    write_masks(tmp_path / "SEG", lambda t: f"man_seg{2 * t:03d}.tif", n_frames=2)
    tracked = open_run(tmp_path)
    assert len(tracked.masks) == 3
    assert {frame: path.name for frame, path in tracked.contours.items()} == {
        0: "man_seg000.tif",
        2: "man_seg002.tif",
    }


def test_stacks_and_single_images(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([LABELS] * 5), photometric="minisblack")
    tifffile.imwrite(tmp_path / "one.tif", LABELS)
    assert [len(open_run(tmp_path / name).masks) for name in ("stack.tif", "one.tif")] == [5, 1]
    (tmp_path / "one.png").write_bytes(imagecodecs.png_encode(LABELS.astype(np.uint8)))
    png = open_run(tmp_path / "one.png").masks
    assert len(png) == 1
    np.testing.assert_array_equal(png[0], LABELS)


@pytest.mark.parametrize("line", ["1 0 2", "1 0 2 -1", "a b c d"])
def test_a_damaged_table_is_named_by_line(tmp_path, line):
    write_masks(tmp_path, mask_name)
    (tmp_path / "res_track.txt").write_text(f"1 0 2 0\n{line}\n")
    with pytest.raises(InputError, match=r"res_track\.txt: line 2"):
        open_run(tmp_path)


def test_a_lineage_of_other_frames_is_refused(tmp_path):
    write_masks(tmp_path, mask_name, n_frames=2)
    write_lineage(tmp_path / "lineage.json", TREE)
    with pytest.raises(InputError, match="tells of 3 frames, the folder holds 2"):
        open_run(tmp_path)


RECORD = {
    "calibration": {
        "pixel_size_nm": 0.5,
        "pixel_size_source": "ImageJ",
        "frame_times_s": [0, 1, 2],
        "frame_times_source": "tags",
    },
    "frames": {"gap_filled": {"1": [1]}, "quality": ["good", "blank", "good"]},
}


@pytest.fixture
def folder(tmp_path):
    write_masks(tmp_path, mask_name)
    (tmp_path / "run.json").write_text(json.dumps(RECORD))
    return tmp_path


def test_what_a_record_tells_of_scale_time_and_frames(folder):
    run = open_run(folder)
    assert run.calibration.pixel_size == PixelSize(0.5, "ImageJ")
    assert run.calibration.frame_seconds.tolist() == [0, 1, 2]
    assert (run.gap_filled, run.quality) == ({1: {1}}, RECORD["frames"]["quality"])
    assert (run.provenance, run.frame_range) == (None, None)


def test_what_is_written_is_read_back(folder):
    frames = RECORD["frames"] | {"frame_range": [4, 10, 2]}
    provenance = Provenance(
        "track", "temtrack track", {"movie": Source("film.tif", "ab")}, options={"tta": True}
    )
    known = replace(open_run(folder).calibration, dose_rate=DoseRate(22.5, "info file"))
    write_run(folder, provenance, known, frames)
    run = open_run(folder)
    assert run.calibration.dose_rate == known.dose_rate
    assert run.provenance == provenance
    assert run.calibration.pixel_size == PixelSize(0.5, "ImageJ")
    assert run.frame_range == range(4, 10, 2)
    assert run.given_calibration(None, 0.5).frame_seconds.tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[1]", "no JSON object"),
        ('{"calibration": {"pixel_size_nm": "wide"}}', "'calibration' is damaged"),
        ('{"calibration": {"frame_times_s": [0, 1]}}', "the times of 2 frames for 3 masks"),
        ('{"frames": {"quality": ["good"]}}', "'quality' is damaged"),
        ('{"frames": {"refit": [0.1, -1.0]}}', "'refit' is damaged"),
        ('{"frames": {"refit": 3}}', "'refit' is damaged"),
        ('{"frames": {"gap_filled": [1]}}', "'gap_filled' is damaged"),
        ('{"frames": {"frame_range": [0, 2, 1]}}', "'frame_range' is damaged"),
        ('{"action": "track"}', "'inputs' is damaged"),
    ],
)
def test_a_damaged_record_is_refused(folder, text, words):
    (folder / "run.json").write_text(text)
    with pytest.raises(InputError, match=words):
        open_run(folder)


def test_pictures_beside_the_masks_do_not_change_what_they_are(folder):
    before = sources_of(open_run(folder))
    (folder / "keyframes.png").write_bytes(b"picture")
    assert sources_of(open_run(folder)) == before


def test_numbers_that_are_left_out_are_told(tmp_path):
    for number in (1, 5, 6):
        write_mask(tmp_path / mask_name(number), LABELS)
    with pytest.warns(
        TemtrackWarning, match=r"leave out 3 of the numbers \(2, 3, 4\); all masks count as neighbours"
    ):
        assert len(open_run(tmp_path).masks) == 3


def files(folder, **contents):
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_text(content)
    return sorted(folder.iterdir())


def test_a_copy_has_the_same_fingerprint_and_a_change_another(tmp_path):
    original = fingerprint(files(tmp_path / "a", x="1", y="2"))
    assert fingerprint(files(tmp_path / "b", x="1", y="2")) == original
    assert fingerprint(files(tmp_path / "c", x="1", y="3")) != original
    assert fingerprint(files(tmp_path / "d", x="1", z="2")) != original


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.tif: cannot be read"):
        fingerprint([tmp_path / "gone.tif"])

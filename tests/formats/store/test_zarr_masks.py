import json
import shutil

import numpy as np
import pytest
from export_scene import draw_frame
from known import calibration
from needs import need_module

from temtrack.calibration import UNCALIBRATED
from temtrack.errors import InputError, OutputError
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.readers import read_movie
from temtrack.formats.store.masks import list_masks, mask_writer, read_masks, remove_masks
from temtrack.masks import masks_of_arrays

need_module("zarr")
from ome_zarr_files import write_ome_zarr  # noqa: E402 - it needs zarr

SCENE = masks_of_arrays([draw_frame(t) for t in range(12)])  # one frame is empty, one id above 16 bits


@pytest.fixture
def store(tmp_path):
    return tmp_path / "run.zarr"


def write(store, order=range(12), known=UNCALIBRATED):
    writer = mask_writer(store, SCENE, known)
    for t in order:
        writer(t, SCENE[t])
    return store


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_read_is_what_was_written(store):
    masks = read_masks(write(store))
    assert (len(masks), masks.height, masks.width) == (12, 40, 60)
    for t, labels in enumerate(masks):
        np.testing.assert_array_equal(labels, SCENE[t])
    assert masks.files == tuple(list_masks(store))


def metadata(store):
    return json.loads((store / "zarr.json").read_text())["attributes"]["ome"]


def test_an_image_with_scale_and_interval_that_others_can_read(store):
    movie = read_movie(write(store, known=calibration(0.5, 2.0 * np.arange(12))))
    np.testing.assert_array_equal(movie.read_frame(9), SCENE[9])
    assert movie.pixel_size.nm == 0.5
    assert movie.frame_times.seconds[1] == 2.0
    assert "image-label" in metadata(store)


def test_without_scale_and_times_no_unit_is_told(store):
    (image,) = metadata(write(store))["multiscales"]
    assert [axis.get("unit") for axis in image["axes"]] == [None] * 3


def test_a_run_that_goes_on_ends_with_the_same_bytes(store, tmp_path):
    whole = contents(write(tmp_path / "whole.zarr"))
    write(store, range(7))
    (store / "0/c/6/0/0.abc.partial").write_bytes(b"killed")
    write(store, range(5, 12))
    assert contents(store) == whole


def test_one_that_was_killed_before_its_first_mask_too(store, tmp_path):
    whole = contents(write(tmp_path / "whole.zarr"))
    write(store, [])
    shutil.rmtree(store / "0")
    (store / "zarr.abc.partial").write_bytes(b"killed")
    assert contents(write(store)) == whole


def test_files_beside_the_image_do_not_count(store):
    before = fingerprint(list_masks(write(store)))
    (store / "run.json").write_text("{}")
    assert fingerprint(list_masks(store)) == before
    remove_masks(store)
    assert [path.name for path in store.iterdir()] == ["run.json"]


def test_a_mask_that_is_missing_or_cut_is_refused(store):
    write(store)
    shutil.rmtree(store / "0/c/6")  # the empty one
    chunk = store / "0/c/3/0/0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    masks = read_masks(store)
    with pytest.raises(InputError, match=r"frame 6 of 12: its chunk is missing"):
        masks[6]
    with pytest.raises(InputError, match=r"run.zarr: mask of frame 3 is damaged"):
        masks[3]


def test_labels_of_another_program_are_read_and_never_removed(store):
    write_ome_zarr(store, np.stack(list(SCENE)).astype(np.uint32), "0.4")
    np.testing.assert_array_equal(read_masks(store)[9], SCENE[9])
    with pytest.raises(OutputError, match="did not write"):
        remove_masks(store)
    write_ome_zarr(store, np.full((2, 8, 8), 0.5, np.float32))
    with pytest.raises(InputError, match="mask of frame 0: holds values that are no whole numbers"):
        read_masks(store)[0]


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        mask_writer(tmp_path / "file/run.zarr", SCENE, UNCALIBRATED)

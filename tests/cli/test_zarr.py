"""OME-Zarr from end to end: a movie in, masks as one store, and all that is done with these."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from cases import CASES
from needs import need_module

from temtrack.formats.store.masks import read_masks

need_module("zarr")
from ome_zarr_files import write_ome_zarr  # noqa: E402 - it needs zarr

CASE = next(c for c in CASES if c.name == "two fuse")
TRACK = ("--model", "otsu", "--tracker", "overlap")


@pytest.fixture
def movie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = np.where(CASE.truth > 0, 60, 200).astype(np.uint8)
    return write_ome_zarr(tmp_path / "film.ome.zarr", frames, scale=[500, 5, 5])


def test_a_run_in_one_store_tells_what_a_folder_tells(run, movie, tmp_path):
    for out in ("run.zarr", "run"):
        assert run("track", "film.ome.zarr", "-o", out, *TRACK).exit_code == 0
        assert run("analyze", out).exit_code == 0
    assert not list((tmp_path / "run.zarr").glob("mask*"))
    for one, other in zip(read_masks("run.zarr"), read_masks("run"), strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("lineage.json", "res_track.txt"):
        assert (tmp_path / "run.zarr" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    for name in ("particles", "tracks", "frames", "merges"):
        assert pq.read_table(f"run.zarr/{name}.parquet") == pq.read_table(f"run/{name}.parquet")
    merges = pq.read_table("run.zarr/merges.parquet").to_pylist()
    assert [merge["time_s"] for merge in merges] == [merge["frame"] * 0.5 for merge in merges] != []
    result = run("evaluate", "run.zarr", "run", "--json")
    told = json.loads(result.stdout)["inputs"][0]["lineage"]
    assert told == {"pred": "lineage.json", "truth": "lineage.json"}
    assert run("report", "run.zarr", "-o", "page.html").exit_code == 0
    assert run("export", "run", "--to", "ome-zarr", "-o", "out.ome.zarr").exit_code == 0
    np.testing.assert_array_equal(read_masks("out.ome.zarr")[12], read_masks("run")[12])
    again = run("track", "film.ome.zarr", "-o", "run.zarr", *TRACK, "--force", "--frames", ":7")
    assert again.exit_code == 0
    assert len(read_masks("run.zarr")) == 7


def test_a_corrected_store_becomes_one(run, movie, tmp_path):
    assert run("track", "film.ome.zarr", "-o", "run.zarr", *TRACK).exit_code == 0
    shutil.copytree("run.zarr", "edited.zarr")
    write = read_masks("edited.zarr")
    labels = np.where(write[3] == write[3].max(), 0, write[3])  # a particle is deleted in a frame
    need_module("zarr").open_group("edited.zarr", mode="r+")["0"][3] = labels
    result = run("correct", "run.zarr", "--from", "edited.zarr", "-o", "mended.zarr")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(read_masks("mended.zarr")[3] > 0, labels > 0)


def test_segment_info_and_slice_take_it_as_a_movie(run, movie, tmp_path):
    told = json.loads(run("info", "film.ome.zarr", "--json").stdout)["inputs"][0]
    assert (told["format"], told["n_frames"], told["pixel_size_nm"]) == ("OME-Zarr", len(CASE.truth), 0.5)
    result = run("segment", "film.ome.zarr", "-o", "masks", "--model", "otsu")
    assert result.exit_code == 0, result.output
    assert len(read_masks(tmp_path / "masks/film")) == len(CASE.truth)
    assert run("slice", "film.ome.zarr", "masks/film", "-o", "tiles", "--size", "32").exit_code == 0


def test_no_other_zarr_is_overwritten(run, movie):
    result = run("track", "film.ome.zarr", "-o", "film.ome.zarr", *TRACK, "--force")
    assert result.exit_code == 2
    shutil.copytree("film.ome.zarr", "other.zarr")
    result = run("track", "film.ome.zarr", "-o", "other.zarr", *TRACK, "--force")
    assert result.exit_code == 1
    assert "other.zarr: is a Zarr that temtrack did not write" in result.stderr
    assert len(read_masks("other.zarr")) == len(CASE.truth)

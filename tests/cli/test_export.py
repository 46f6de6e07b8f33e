import json
import sys
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import tifffile
from export_scene import N_NODES, write_kept_id, write_scene

from temtrack.cli.export import ExportFormat
from temtrack.formats.export import FORMATS
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.imaging.labels import map_ids

OUT = {"trackmate": "t.xml", "ome-tiff": "l.ome.tif", "coco": "c.json", "ome-zarr": "l.ome.zarr"}


@pytest.fixture
def masks(tmp_path):
    return write_scene(tmp_path / "masks")


def tracks_of(path):
    return pd.read_csv(path / "tracks.csv")


def graph_of(path):
    return {int(child): set(of) for child, of in json.loads((path / "graph.json").read_text()).items()}


def test_the_formats_offered_are_those_there_are():
    assert get_args(ExportFormat) == tuple(FORMATS)


@pytest.mark.parametrize("to", FORMATS)
def test_each_format_is_written_whole_and_only_once(run, masks, tmp_path, to):
    out = tmp_path / "new" / OUT.get(to, "out")
    words = ("export", masks, "--to", to, "-o", out)
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["inputs"][0]
    assert (told["n_frames"], told["n_masks"], told["n_tracks"], told["n_merges"]) == (12, N_NODES, 11, 1)
    assert [path.name for path in out.parent.iterdir()] == [out.name]  # nothing unfinished beside it
    again = run(*words)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert run(*words, "--force").exit_code == 0
    assert sorted(path.name for path in masks.iterdir())[0] == "lineage.json"  # and nothing among the masks
    assert len(list(masks.iterdir())) == 13


@pytest.mark.parametrize("to", FORMATS)
def test_masks_without_any_particle_are_exported_and_told(run, tmp_path, to):
    folder = tmp_path / "masks"
    folder.mkdir()
    for t in range(3):
        write_mask(folder / mask_name(t), np.zeros((8, 8), np.int32))
    result = run("export", folder, "--to", to, "-o", tmp_path / OUT.get(to, "out"))
    assert result.exit_code == 0, result.output
    assert "no particle in any frame" in result.stderr


def test_parents_that_a_format_cannot_hold_are_told(run, masks, tmp_path):
    result = run("export", masks, "--to", "ctc", "-o", tmp_path / "ctc")
    assert "CTC holds one parent, the largest: the other parents of merges, 2 in all" in result.stderr
    assert "warning" not in run("export", masks, "--to", "geff", "-o", tmp_path / "geff").stderr


def test_scale_and_times_are_those_of_the_tables_or_given(run, masks, tmp_path):
    unknown = run("export", masks, "--to", "csv", "-o", tmp_path / "unknown")
    assert "pixel size unknown" in unknown.stderr
    assert "frame times unknown" in unknown.stderr
    given = ("--pixel-size", "0.5nm", "--frame-time", "2s")
    assert run("analyze", masks, "--merges", *given).exit_code == 0
    result = run("export", masks, "--to", "napari", "-o", tmp_path / "of_tables")
    assert result.stderr == ""
    assert tracks_of(tmp_path / "of_tables")["time_s"].max() == 22.0
    assert run("export", masks, "--to", "ome-tiff", "-o", tmp_path / "a.ome.tif", *given).exit_code == 0
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert 'PhysicalSizeX="0.5" PhysicalSizeXUnit="nm"' in file.ome_metadata


def test_tables_out_of_date_are_measured_anew(run, masks, tmp_path):
    assert run("analyze", masks, "--merges").exit_code == 0
    labels = np.zeros((40, 60), np.int32)
    labels[30:33, 30:33] = 5
    write_mask(masks / mask_name(0), labels)
    refused = run("export", masks, "--to", "napari", "-o", tmp_path / "out")
    assert refused.exit_code == 1
    assert "lineage.json: does not fit the masks: the mask of frame 0 lacks id" in refused.stderr
    (masks / "lineage.json").unlink()
    assert run("export", masks, "--to", "napari", "-o", tmp_path / "out").exit_code == 0
    tracks = tracks_of(tmp_path / "out")
    assert tracks.loc[tracks["t"] == 0, ["particle_id", "area_px"]].to_numpy().tolist() == [[5, 9]]


def test_merges_are_found_in_masks_of_another_program(run, tmp_path):
    folder = write_kept_id(tmp_path / "masks")
    assert run("export", folder, "--to", "napari", "-o", tmp_path / "out").exit_code == 0
    assert graph_of(tmp_path / "out") == {4: {1, 2, 3}}
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.stack([tifffile.imread(path) for path in sorted(folder.iterdir())]))
    assert run("export", stack, "--to", "napari", "-o", tmp_path / "again").exit_code == 0
    assert graph_of(tmp_path / "again") == {4: {1, 2, 3}}


def test_ids_of_single_frames_are_linked_first(run, tmp_path):
    """Masks that are numbered anew in every frame, as a segmentation leaves them."""
    folder = write_kept_id(tmp_path / "masks")
    rng = np.random.default_rng(0)
    for path in folder.iterdir():
        new = rng.permutation(np.arange(1, 60))[:3].tolist()
        write_mask(path, map_ids(tifffile.imread(path), dict(zip((1, 2, 3), new, strict=True))))
    assert run("export", folder, "--to", "ctc", "-o", tmp_path / "ctc").exit_code == 0
    table = np.loadtxt(tmp_path / "ctc/res_track.txt", dtype=int)
    assert sorted(table[:, 1:3].tolist()) == [[0, 7], [0, 7], [0, 7], [8, 21]]
    for t in (0, 21):
        alive = table[(table[:, 1] <= t) & (table[:, 2] >= t), 0]
        assert np.array_equal(np.unique(tifffile.imread(tmp_path / f"ctc/mask{t:03d}.tif"))[1:], alive)


def test_a_missing_extra_is_named_before_any_work(run, masks, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "geff", None)
    result = run("export", masks, "--to", "geff", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "pip install 'temtrack[export]'" in result.stderr
    assert not (tmp_path / "out").exists()
    assert run("export", masks, "--to", "csv", "-o", tmp_path / "csv").exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--to", "vtk", "-o", "out"), 2, "'vtk' is not one of"),
        (("--to", "coco", "-o", "out.txt"), 2, "ends in .json"),
        (("--to", "ctc", "-o", "masks"), 2, "lies in masks"),
        (("--to", "ome-tiff", "-o", "masks/l.ome.tif"), 2, "lies in masks"),
        (("--to", "ctc", "-o", "full"), 1, "not empty"),
        (("--to", "ctc", "-o", "full", "--force"), 1, "holds notes.txt"),
        (("--to", "csv", "-o", "full/notes.txt"), 1, "is a file"),
        (("--to", "csv", "-o", "full/notes.txt/out"), 1, "is a file"),
    ],
)
def test_a_bad_place_is_refused(run, masks, tmp_path, monkeypatch, words, code, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    result = run("export", "masks", *words)
    assert result.exit_code == code
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert (tmp_path / "full/notes.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"masks", "full"}


@pytest.mark.parametrize("to", ["ctc", "coco"])
def test_a_damaged_mask_leaves_nothing_unfinished(run, masks, tmp_path, to):
    assert run("analyze", masks, "--merges").exit_code == 0
    (masks / mask_name(7)).write_bytes(b"II*\0")
    result = run("export", masks, "--to", to, "-o", tmp_path / OUT.get(to, "out"))
    assert result.exit_code == 1
    assert "mask0007.tif" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


def test_a_missing_folder_is_one_line(run, tmp_path):
    result = run("export", tmp_path / "nothing", "--to", "csv", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "no such file or folder" in result.stderr

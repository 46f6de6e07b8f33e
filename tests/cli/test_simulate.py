import json

import numpy as np
import pytest
import tifffile
import typer
from typer.testing import CliRunner

from temtrack.cli.simulate import simulate
from temtrack.errors import OutputError, UsageError
from temtrack.formats.readers.tiff import read_movie
from temtrack.formats.store.lineage import read_lineage
from temtrack.formats.store.masks import read_masks

SMALL = ["--frames", "40", "--size", "160x200", "--particles", "9", "--radius", "7", "--merges", "2:1"]
app = typer.Typer()
app.command()(simulate)


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "sim"
    calibration = ["--pixel-size", "0.5nm", "--frame-time", "0.25s"]
    result = run("-o", str(folder), *SMALL, *calibration, "--json")
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_movie_is_an_imagej_stack_with_its_calibration(simulated):
    path = simulated[0] / "movie.tif"
    movie = read_movie(path)
    assert (movie.n_frames, movie.height, movie.width, movie.dtype) == (40, 160, 200, np.uint8)
    assert movie.pixel_size.nm == pytest.approx(0.5)
    assert np.allclose(np.diff(movie.frame_times.seconds), 0.25)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_imagej


def test_truth_folder_holds_masks_and_lineage_that_agree(simulated):
    folder, _ = simulated
    masks, lineage = read_masks(folder / "truth"), read_lineage(folder / "truth" / "lineage.json")
    assert len(masks) == lineage.n_frames == 40
    ids = {int(i) for labels in masks for i in np.unique(labels[labels > 0])}
    assert ids == {track.id for track in lineage.tracks}
    table = (folder / "truth" / "res_track.txt").read_text().splitlines()
    assert len(table) == len(lineage.tracks)


def test_true_merges_are_told(simulated):
    folder, rows = simulated
    (merge,) = read_lineage(folder / "truth" / "lineage.json").merges
    (row,) = rows
    assert (row["frame"], row["child_id"]) == (merge.frame, merge.child)
    assert sorted(row["parent_ids"]) == sorted(merge.parents)
    assert row["time_s"] == pytest.approx(merge.frame * 0.25)


def test_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = run("-o", str(tmp_path), *SMALL)
    assert isinstance(result.exception, OutputError)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.txt"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--merges", "two"),
        ("--merges", "2-2"),
        ("--size", "banana"),
        ("--size", "1"),
        ("--drift", "1"),
        ("--drift", "nan,1"),
        ("--radius", "inf"),
        ("--dose", "inf"),
        ("--particles", "1"),
        ("--particles", "100000"),
        ("--jump", "3"),
        ("--jump", "3:nan,0"),
        ("--fault", "3:ugly"),
        ("--fault", "99:blank"),
        ("--zoom-step", "3:x"),
        ("--settling", "1"),
        ("--stride", "99999999"),
    ],
)
def test_what_is_not_understood_is_refused_before_anything_is_written(tmp_path, option, value):
    result = run("-o", str(tmp_path / "sim"), *SMALL, option, value)
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "sim").exists()


def test_microscope_and_camera_are_set_by_options_and_told_in_the_record(tmp_path):
    options = "--stride 3 --motion 4 --flat --outline-jitter 0.05 --settling 5,-2 --jump 7:-6,3 --zoom 0.001"
    more = "--zoom-step 9:0.9 --fault 4:double --fault 12:torn --beam-flicker 0.02 --edge-columns 2"
    result = run("-o", str(tmp_path / "sim"), *SMALL, *options.split(), *more.split())
    assert result.exit_code == 0, result.output
    config = json.loads((tmp_path / "sim" / "run.json").read_text())["options"]["config"]
    assert (config["stride"], config["motion_px"], config["flat"]) == (3, 4.0, True)
    assert config["jumps"] == {"7": [-6.0, 3.0]}
    assert config["magnification_steps"] == {"9": 0.9}
    assert config["faults"] == {"4": "double", "12": "torn"}
    frame = tifffile.imread(tmp_path / "sim" / "movie.tif")[0]
    assert np.all(frame[:, -2:] == 255)


def test_dense_film_fills_the_field(tmp_path):
    options = [
        "--frames",
        "2",
        "--size",
        "100",
        "--particles",
        "100",
        "--radius",
        "3",
        "--motion",
        "0.3",
        "--lattice",
        "--merges",
    ]
    nothing = ["--dissolutions", "0", "--crossings", "0", "--touches", "0"]
    result = run("-o", str(tmp_path / "sim"), *options, "", *nothing)
    assert result.exit_code == 0, result.output
    labels = read_masks(tmp_path / "sim" / "truth")[0]
    assert 85 <= np.unique(labels).size - 1 <= 125

"""What a result tells of itself is enough to make it again, byte for byte."""

import json

import numpy as np
import pytest
import tifffile
from cases import CASES

from temtrack.provenance import Provenance

TRUTH = next(c for c in CASES if c.name == "two fuse").truth[:8]
TRACK = [
    "track",
    "film.tif",
    "-o",
    "runs/film",
    "--model",
    "otsu",
    "--tracker",
    "overlap",
    "--max-gap",
    "2",
]


#: A record that is whole, of an action that there is not.
FLY = json.dumps(Provenance("fly", "temtrack fly").to_json())


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = np.where(TRUTH > 0, 60, 200) + np.random.default_rng(0).integers(0, 20, TRUTH.shape)
    tifffile.imwrite("film.tif", frames.astype(np.uint8), photometric="minisblack")
    return tmp_path


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_tracking_again_gives_the_same_bytes_wherever_one_stands(run, place, monkeypatch):
    assert run(*TRACK).exit_code == 0
    (place / "elsewhere").mkdir()
    monkeypatch.chdir(place / "elsewhere")
    result = run("reproduce", "../runs/film/run.json", "-o", "again")
    assert result.exit_code == 0, result.stderr
    assert contents(place / "elsewhere" / "again") == contents(place / "runs" / "film")


def test_tables_kinetics_and_simulations_too(run, place):
    few = ["--frames", "6", "--size", "64", "--particles", "3", "--merges", "", "--dissolutions", "0"]
    assert (
        run("simulate", "-o", "sim", "--seed", "3", *few, "--crossings", "0", "--touches", "0").exit_code == 0
    )
    assert run(*TRACK).exit_code == 0
    scale = ["--pixel-size", "0.5nm", "--frame-time", "2s"]
    assert run("analyze", "runs/film", *scale, "-o", "tables", "--movie", "film.tif").exit_code == 0
    assert run("kinetics", "runs/film", *scale, "--seed", "5", "-o", "fits").exit_code == 0
    assert run("segment", "film.tif", "--model", "otsu", "-o", "seg").exit_code == 0
    records = {
        "sim": "sim/run.json",
        "tables": "tables/frames.parquet",
        "fits": "fits/kinetics.parquet",
        "seg": "seg/film",
    }
    for made, record in records.items():
        result = run("reproduce", record, "-o", f"again/{made}")
        assert result.exit_code == 0, result.stderr
        assert contents(place / "again" / made) == contents(place / made), made


def test_one_of_many_and_an_image_alone(run, place):
    tifffile.imwrite("b.tif", tifffile.imread("film.tif")[0])
    assert run("segment", "b.tif", "film.tif", "--model", "otsu", "-o", "many").exit_code == 0
    assert run("reproduce", "many/b_mask.tif", "-o", "again").exit_code == 0
    again = tifffile.imread(
        "again/b_mask.tif" if (place / "again/b_mask.tif").exists() else "again/b/b_mask.tif"
    )
    np.testing.assert_array_equal(again, tifffile.imread("many/b_mask.tif"))


@pytest.mark.parametrize("change", ["movie", "model", "version", "gone"])
def test_what_changed_is_refused_unless_forced(run, place, change):
    assert run(*TRACK).exit_code == 0
    record = place / "runs" / "film" / "run.json"
    if change == "movie":
        tifffile.imwrite("film.tif", tifffile.imread("film.tif") // 2, photometric="minisblack")
    if change == "model":
        told = json.loads(record.read_text())
        told["models"]["model"] = {"name": "effsam-tiny", "sha256": "0" * 64}
        record.write_text(json.dumps(told))
    if change == "version":
        record.write_text(record.read_text().replace('"temtrack_version": "', '"temtrack_version": "9.'))
    if change == "gone":
        (place / "film.tif").unlink()
    result = run("reproduce", record, "-o", "again")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    named = {
        "movie": "film.tif is another one",
        "model": "effsam-tiny is another",
        "version": "was made by temtrack 9.",
    }
    assert named.get(change, "film.tif: there is no such file") in result.stderr
    if change != "gone":
        assert run("reproduce", record, "-o", "again", "--force").exit_code == 0


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"command": 3}', '{"command": "rm -r x"}', FLY, FLY.replace("fly", "track")]
)
def test_what_tells_of_no_run_ends_in_one_line(run, place, text):
    (place / "run.json").write_text(text)
    result = run("reproduce", "run.json", "-o", "again")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
    assert not (place / "again").exists()


def test_nothing_is_overwritten(run, place):
    assert run(*TRACK).exit_code == 0
    result = run("reproduce", "runs/film", "-o", "runs/film")
    assert result.exit_code == 1
    assert "folder is not empty" in result.stderr

import base64
import gzip
import json
import re
import shutil

import numpy as np
import pytest
from known import calibration
from skimage.draw import disk

from temtrack.calibration import UNCALIBRATED
from temtrack.formats.fingerprint import fingerprint
from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.formats.store.movies import write_movie
from temtrack.formats.store.run import write_run
from temtrack.formats.store.tables import read_metadata, write_table
from temtrack.movie import Movie
from temtrack.provenance import Provenance, Source
from temtrack.tables import DRIFT

MOVIE_NAME = "film & co.tif"


@pytest.fixture
def scene(tmp_path):
    """A masks folder of another program, two discs that become one in frame 5 of 10, beside its movie."""
    (tmp_path / "masks").mkdir()
    frames = np.full((10, 50, 60), 180, dtype=np.uint8)
    for t, frame in enumerate(frames):
        labels = np.zeros(frame.shape, dtype=np.uint16)
        if t < 5:
            labels[disk((25, 15 + t), 8)], labels[disk((25, 40 - t), 7)] = 1, 2
        else:
            labels[disk((25, 27), 11)] = 3
        frame[labels > 0] = 50
        write_mask(tmp_path / "masks" / mask_name(t), labels)
    path = tmp_path / MOVIE_NAME
    write_movie(path, Movie(path, *frames.shape, frames.dtype, lambda t: frames[t]))
    return tmp_path


def parts_of(path):
    content = path.read_text(encoding="utf-8")
    found = re.findall(r'<script type="([^"]+)" id="([\w-]+)">(.*?)</script>', content, re.DOTALL)
    return {name: json.loads(text) if kind.endswith("json") else text for kind, name, text in found}


def write_record(scene, path, sha256, pixel_size_nm=None):
    """Let the masks tell of the movie that they were made from."""
    made = Provenance("track", "temtrack track", {"movie": Source(str(path), sha256)})
    write_run(scene / "masks", made, calibration(pixel_size_nm))


def test_a_masks_folder_becomes_one_page(run, scene):
    page = scene / "new" / "report.html"
    words = ("--movie", scene / MOVIE_NAME, "--pixel-size", "0.5nm", "--frame-time", "2s", "-o", page)
    result = run("report", scene / "masks", *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"report: {page} (")
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]
    parts = parts_of(page)
    numbers = parts["numbers"]
    assert [(merge["frame"], merge["parent_ids"]) for merge in numbers["merges"]] == [(5, [1, 2])]
    assert (numbers["unit"], numbers["seconds"][-1]) == ("nm", 18)
    assert base64.b64decode(parts["picture-9"])[8:12] == b"WEBP"
    assert "closeup-0-3" in parts
    assert "film &amp; co.tif" in page.read_text(encoding="utf-8")
    assert not list((scene / "masks").glob("*.parquet"))


def test_the_movie_of_the_trackers_run_is_shown(run, scene):
    path = scene / MOVIE_NAME
    write_record(scene, path, fingerprint([path]), 0.4)
    result = run("report", scene / "masks", "-o", scene / "r.html")
    assert result.exit_code == 0, result.output
    parts = parts_of(scene / "r.html")
    assert "picture-0" in parts
    assert parts["numbers"]["pixel_size_nm"] == 0.4


@pytest.mark.parametrize("movie", [None, "gone.tif", "other.tif", MOVIE_NAME])
def test_without_its_movie_the_masks_are_shown_alone_and_that_is_told(run, scene, movie):
    frames = np.zeros((3, 50, 60), dtype=np.uint8)
    other = scene / "other.tif"
    write_movie(other, Movie(other, *frames.shape, frames.dtype, lambda t: frames[t]))
    if movie:
        write_record(scene, scene / movie, "that of another film")
    result = run("report", scene / "masks", "-o", scene / "r.html")
    assert result.exit_code == 0
    assert "shown alone" in result.stderr
    assert "picture-0" not in parts_of(scene / "r.html")


def test_tables_beside_the_masks_are_used_with_kinetics(run, scene):
    masks = scene / "masks"
    known = ("--pixel-size", "0.5nm", "--frame-time", "2s")
    assert run("analyze", masks, "--merges", *known).exit_code == 0
    assert run("kinetics", masks).exit_code == 0
    stored = (masks / "particles.parquet").read_bytes()
    assert run("report", masks, "-o", scene / "r.html").exit_code == 0
    numbers = parts_of(scene / "r.html")["numbers"]
    assert numbers["pixel_size_nm"] == 0.5
    assert "mean_diameter" in {row["quantity"] for row in numbers["kinetics"]}
    assert numbers["facts"]["masks_sha256"] == read_metadata(masks / "frames.parquet")["masks_sha256"]
    assert (masks / "particles.parquet").read_bytes() == stored


def test_tables_of_other_masks_are_not_shown(run, scene):
    masks = scene / "masks"
    assert run("analyze", masks, "--merges").exit_code == 0
    assert run("kinetics", masks).exit_code == 0
    labels = np.zeros((50, 60), dtype=np.uint16)
    labels[10:20, 10:20] = 1
    write_mask(masks / mask_name(0), labels)
    result = run("report", masks, "-o", scene / "r.html")
    assert result.exit_code == 0
    assert "kinetics.parquet: tells of another run" in result.stderr
    numbers = parts_of(scene / "r.html")["numbers"]
    assert numbers["kinetics"] is None
    assert numbers["series"]["n_particles"][0] == 1


def test_masks_renumbered_in_every_frame_are_shown_in_the_ids_of_the_tables(run, scene):
    rng = np.random.default_rng(1)
    for t in range(10):
        labels = np.zeros((50, 60), dtype=np.uint16)
        for one, x in zip(rng.permutation(200)[:3] + 1, (10, 30, 50), strict=True):
            labels[disk((25, x), 6)] = one
        write_mask(scene / "masks" / mask_name(t), labels)
    assert run("report", scene / "masks", "-o", scene / "r.html").exit_code == 0
    parts = parts_of(scene / "r.html")
    packed = gzip.decompress(base64.b64decode(parts["contours"]["polylines"]))
    polylines = np.frombuffer(packed, "<i4").reshape(5, -1)
    assert sorted(set(polylines[0].tolist())) == sorted(parts["numbers"]["tracks"]["id"])
    assert len(parts["numbers"]["tracks"]["id"]) == 3


@pytest.mark.parametrize("is_own", [True, False])
def test_the_drift_of_the_trackers_run_is_shown_and_that_of_another_is_not(run, scene, is_own):
    path = scene / MOVIE_NAME
    write_record(scene, path, fingerprint([path]))
    numbers = np.arange(10)
    measured = {
        "frame": numbers,
        "dy_px": np.full(10, 3.0),
        "dx_px": np.zeros(10),
        "y_px": 3.0 * numbers,
        "x_px": np.zeros(10),
        "correlation": np.ones(10),
        "jump": np.zeros(10, dtype=bool),
    }
    facts = {"movie_sha256": fingerprint([path]) if is_own else "another"}
    write_table(scene / "masks" / "drift.parquet", DRIFT.fill(measured, UNCALIBRATED), facts)
    result = run("report", scene / "masks", "-o", scene / "r.html")
    assert result.exit_code == 0, result.output
    assert ("drift.parquet: tells of another run" in result.stderr) == (not is_own)
    drift = parts_of(scene / "r.html")["numbers"]["drift"]
    assert (drift["y"] == list(range(0, 30, 3))) == is_own


def test_a_movie_of_another_size_is_refused(run, scene):
    frames = np.zeros((10, 50, 61), dtype=np.uint8)
    other = scene / "other.tif"
    write_movie(other, Movie(other, *frames.shape, frames.dtype, lambda t: frames[t]))
    result = run("report", scene / "masks", "--movie", other, "-o", scene / "r.html")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "the masks are 10 frames of 50x60 px" in result.stderr
    assert not (scene / "r.html").exists()


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("masks", "-o", "r.pdf"), 2, "name that ends in .html"),
        (("masks", "-o", "there.html"), 1, "--force"),
        (("masks", "-o", "inway/r.html"), 1, "inway"),
        (("masks", "-o", "/proc/below/r.html"), 1, "/proc/below"),
        (("masks", "--movie", "none.tif"), 1, "none.tif: there is no such"),
        (("nothing",), 1, "nothing"),
        (("empty",), 1, "empty"),
    ],
)
def test_what_cannot_be_ends_in_one_line(run, scene, monkeypatch, words, code, reason):
    monkeypatch.chdir(scene)
    for name in ("there.html", "inway"):
        (scene / name).touch()
    (scene / "empty").mkdir()
    result = run("report", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
    assert reason in result.stderr
    assert result.stdout == ""
    assert not list(scene.glob(".writing-*"))


def test_force_writes_over_an_older_page(run, scene):
    (scene / "r.html").write_text("old")
    assert run("report", scene / "masks", "-o", scene / "r.html", "--force").exit_code == 0
    assert "old" not in (scene / "r.html").read_text(encoding="utf-8")[:10]


def test_several_runs_stand_on_one_page(run, scene):
    shutil.copytree(scene / "masks", scene / "second")
    for name in ("masks", "second"):
        assert run("analyze", scene / name, "--frame-time", "2s").exit_code == 0
        assert run("kinetics", scene / name).exit_code == 0
    words = ("report", scene / "second", scene / "masks", "-o", scene / "all.html")
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["inputs"]
    assert row["inputs"] == [str(scene / "masks"), str(scene / "second")]
    parts = parts_of(scene / "all.html")
    assert [one["title"] for one in parts["all-runs"]["runs"]] == ["masks", "second"]
    assert parts["run1-numbers"]["merges"] == parts["numbers"]["merges"]
    beside = {one["quantity"]: one["values"] for one in parts["all-runs"]["beside"]}
    assert beside["coalescence_fraction"]["second"][0] == 1
    failed = run("report", scene / "masks", scene / "none", "-o", scene / "other.html")
    assert (failed.exit_code, failed.stderr.count("\n")) == (1, 1)
    assert not (scene / "other.html").exists()


@pytest.mark.parametrize(("answer", "n_merges"), [(0, 1), (1, 0)])
def test_what_a_reader_says_of_merges_is_a_log_of_corrections(run, scene, answer, n_merges):
    page = scene / "report.html"
    assert run("report", scene / "masks", "--movie", scene / MOVIE_NAME, "-o", page).exit_code == 0
    told = parts_of(page)["numbers"]["corrections"]
    (answers,) = told["answers"]
    line = {"id": "0a", "time": "2026-01-01T00:00:00+00:00", "why": "in the report", **answers[answer]}
    log = scene / "corrections.jsonl"
    log.write_text("".join(json.dumps(one) + "\n" for one in (told["head"], line)))
    result = run("correct", scene / "masks", "--from", log, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["inputs"]
    assert (row["n_corrections"], row["n_stale"], row["n_merges"]) == (1, 0, n_merges)

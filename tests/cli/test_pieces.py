"""One long movie on many machines: ``segment --frames`` into one folder, ``track --masks`` of all."""

import json

import numpy as np
import pytest
import tifffile
from cases import CASES

from temtrack.formats.store.masks import mask_name

CASE = next(c for c in CASES if c.name == "two fuse")
N_FRAMES = len(CASE.truth)
OTSU = ("--model", "otsu")


@pytest.fixture
def movie(tmp_path, monkeypatch):
    """A noisy movie, so that neighbours count."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 40, CASE.truth.shape)
    frames = (np.where(CASE.truth > 0, 60, 180) + noise).astype(np.uint8)
    tifffile.imwrite("film.tif", frames, photometric="minisblack")
    return tmp_path


def segment(run, frames, *words):
    return run("segment", "film.tif", "--frames", frames, "-o", "pieces", *OTSU, *words)


def track(run, out, *words):
    return run("track", "film.tif", "--tracker", "overlap", "-o", out, *words)


def tracked(folder):
    names = [*(mask_name(t) for t in range(N_FRAMES)), "lineage.json", "res_track.txt"]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def test_pieces_give_the_bytes_of_one_process(run, movie):
    for frames in ("16:", ":9", "9:16"):
        result = segment(run, frames, "--json")
        assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["inputs"][0]["n_frames"] == 7
    masks = sorted(path.name for path in (movie / "pieces").glob("mask*"))
    assert masks == [mask_name(t) for t in range(N_FRAMES)]
    assert track(run, "joined", "--masks", "pieces").exit_code == 0
    assert track(run, "whole", *OTSU).exit_code == 0
    assert tracked(movie / "joined") == tracked(movie / "whole")
    assert len(tracked(movie / "whole")) == N_FRAMES + 2
    one, other = (json.loads((movie / name / "run.json").read_text()) for name in ("joined", "whole"))
    for told in (one, other):
        del told["frames"]["seen_fraction"]  # masks that are there were not seen by a model now
    for part in ("models", "found", "frames"):
        assert one[part] == other[part]
    assert track(run, "part", "--masks", "pieces", "--frames", "4:12").exit_code == 0
    assert len(list((movie / "part").glob("mask*"))) == 8


def test_a_missing_piece_is_told_with_the_command_that_makes_it(run, movie):
    segment(run, ":9")
    segment(run, "12:")
    result = track(run, "out", "--masks", "pieces")
    assert result.exit_code == 1
    assert "pieces: no piece holds frame 9 to 11, 3 of 26; segment them with" in result.stderr
    assert "--frames 9:12" in result.stderr
    assert segment(run, "9:12").exit_code == 0
    (movie / "pieces" / mask_name(3)).unlink()
    assert "no piece holds frame 3, 1 of 26" in track(run, "out", "--masks", "pieces").stderr
    assert not (movie / "out").exists()


def test_pieces_of_other_settings_are_refused(run, movie):
    segment(run, ":9")
    segment(run, "9:", "--min-area", "5")
    result = track(run, "out", "--masks", "pieces")
    assert result.exit_code == 1
    assert "piece0000-0008.json and piece0009-0025.json differ: min_area_px none, now 5.0" in result.stderr


def test_pieces_that_were_shown_otherwise_are_refused(run, movie):
    segment(run, ":9")
    segment(run, "9:")
    record = movie / "pieces" / "piece0009-0025.json"
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "found": {**told["found"], "rescale": 1.5}}))
    assert ", now 1.5 (found); segment one of them again" in track(run, "out", "--masks", "pieces").stderr


def test_pieces_of_another_movie_are_refused(run, movie):
    segment(run, ":")
    frames = tifffile.imread("film.tif")
    tifffile.imwrite("film.tif", frames[::-1], photometric="minisblack")
    assert "its pieces are of another movie than film.tif" in track(run, "out", "--masks", "pieces").stderr
    tifffile.imwrite("film.tif", frames[:20], photometric="minisblack")
    assert "of a movie of 26 frames, film.tif has 20" in track(run, "out", "--masks", "pieces").stderr


def test_pieces_that_overlap_are_told(run, movie):
    segment(run, ":14")
    assert segment(run, "12:").exit_code == 1  # not by mistake
    assert segment(run, "12:", "--resume").exit_code == 0
    result = track(run, "out", "--masks", "pieces")
    assert result.exit_code == 0
    assert "pieces overlap in frame 12 to 13, 2 in all" in result.stderr


def test_a_piece_that_is_done_stays_and_one_that_died_is_made_again(run, movie):
    assert segment(run, ":9").exit_code == 0
    before = (movie / "pieces" / mask_name(0)).stat().st_mtime_ns
    assert "is done already; give --resume" in segment(run, ":9").stderr
    assert segment(run, ":9", "--resume").exit_code == 0
    assert (movie / "pieces" / mask_name(0)).stat().st_mtime_ns == before
    other = segment(run, ":9", "--resume", "--min-area", "5")
    assert (other.exit_code, "was done with min_area_px none, now 5.0" in other.stderr) == (2, True)
    (movie / "pieces" / "piece0000-0008.json").unlink()
    (movie / "pieces" / mask_name(8)).unlink()
    assert "exists already; give --resume to segment" in segment(run, ":9").stderr
    assert segment(run, ":9", "--resume").exit_code == 0
    assert (movie / "pieces" / mask_name(8)).exists()


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--frames", "26:", "-o", "p"), 1, "holds none of its 26 frames"),
        (("--frames", "::3", "-o", "p"), 2, "leave out the step of 3"),
        (("--frames", ":9"), 2, "--frames: give the folder of the pieces too"),
        (("film.tif", "other.tif", "--frames", ":9", "-o", "p"), 2, "--frames: is about one input"),
        (("--frames", ":9", "-o", "p.zarr"), 2, "p.zarr: pieces are TIFF"),
    ],
)
def test_wrong_use_is_refused_in_one_line(run, movie, words, code, reason):
    result = run("segment", "film.tif", *OTSU, *words)
    assert (result.exit_code, reason in result.stderr) == (code, True), result.output


def test_a_damaged_record_is_named(run, movie):
    segment(run, ":")
    record = movie / "pieces" / "piece0000-0025.json"
    record.write_text(record.read_text()[:50])
    assert "is no record of a piece" in track(run, "out", "--masks", "pieces").stderr

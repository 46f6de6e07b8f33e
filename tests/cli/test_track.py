import json

import av
import numpy as np
import pytest
import tifffile
from cases import CASES
from ctc_metrics.scripts.validate import validate_sequence

from temtrack.calibration import Calibration, PixelSize
from temtrack.formats.readers import read_movie
from temtrack.formats.store.masks import read_masks
from temtrack.formats.store.run import open_run
from temtrack.pipeline.options import TrackOptions
from temtrack.provenance import Source

CASE = next(c for c in CASES if c.name == "two fuse")


@pytest.fixture
def movie(tmp_path):
    frames = np.where(CASE.truth > 0, 60, 200).astype(np.uint8)
    tifffile.imwrite(tmp_path / "film.tif", frames, photometric="minisblack")
    return tmp_path / "film.tif"


@pytest.fixture
def masks(tmp_path):
    folder = tmp_path / "segmented"
    folder.mkdir()
    for t, labels in enumerate(CASE.truth):
        tifffile.imwrite(folder / f"mask{t:04d}.tif", (labels * (t % 3 + 1)).astype(np.uint16))
    return folder


def test_masks_table_lineage_and_run_are_written(run, movie, masks, tmp_path):
    out = tmp_path / "out"
    result = run("track", movie, "--masks", masks, "-o", out, "--pixel-size", "0.5nm", "--json")
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)["inputs"]
    assert [(m["frame"], m["contact_frame"], len(m["parent_ids"])) for m in told["merges"]] == [(9, 8, 2)]
    assert told["merged"] == 2
    written = read_masks(out)
    assert len(written) == len(CASE.truth)
    np.testing.assert_array_equal(written[20] > 0, CASE.truth[20] > 0)
    lineage = json.loads((out / "lineage.json").read_text())
    assert lineage["merges"][0]["parents"] == told["merges"][0]["parent_ids"]
    tracked = open_run(out)
    assert tracked.calibration == Calibration(PixelSize(0.5, "given by --pixel-size"))
    assert TrackOptions.from_json(tracked.provenance.options) == TrackOptions(pixel_size_nm=0.5)
    assert tracked.quality == ["good"] * len(CASE.truth)
    assert [len(source.sha256) for source in tracked.provenance.inputs.values()] == [64, 64]
    assert "frame times unknown" in result.stderr


def test_small_particles_are_left_out_or_kept_as_asked(run, movie, tmp_path):
    words = ["track", movie, "--model", "otsu", "--tracker", "overlap", "-o", tmp_path / "out"]
    facts = []
    for least in (1, 10_000):
        assert run(*words, "--force", "--min-area", least).exit_code == 0
        facts.append(json.loads((tmp_path / "out" / "run.json").read_text()))
        assert read_masks(tmp_path / "out")[0].any() == (least == 1)
    assert [each["options"]["min_area_px"] for each in facts] == [1, 10_000]


def test_the_table_passes_the_validation_of_ctc_metrics(run, movie, masks, tmp_path):
    assert run("track", movie, "--masks", masks, "-o", tmp_path / "out").exit_code == 0
    assert validate_sequence(str(tmp_path / "out"), threads=1) == {"Valid": 1}


def test_masks_that_do_not_fit_are_refused(run, movie, masks, tmp_path):
    (masks / "mask0000.tif").unlink()
    result = run("track", movie, "--masks", masks, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "the masks are 25 frames" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_input_is_never_the_output(run, movie, masks):
    result = run("track", movie, "--masks", masks, "-o", masks, "--force")
    assert result.exit_code == 2
    assert len(list(masks.iterdir())) == len(CASE.truth)


def test_force_leaves_nothing_of_an_earlier_run(run, movie, masks, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    tifffile.imwrite(out / "mask0099.tif", np.zeros((2, 2), np.uint16))
    assert run("track", movie, "--masks", masks, "-o", out).exit_code == 1
    assert run("track", movie, "--masks", masks, "-o", out, "--force").exit_code == 0
    assert not (out / "mask0099.tif").exists()


def test_the_plain_baseline_is_a_tracker_like_others(run, movie, masks, tmp_path):
    result = run("track", movie, "--masks", masks, "-o", tmp_path / "out", "--tracker", "trackpy", "--json")
    assert result.exit_code == 0, result.output
    assert [m["frame"] for m in json.loads(result.stdout)["inputs"][0]["merges"]] == [9]
    assert open_run(tmp_path / "out").provenance.models["tracker"] == Source("trackpy")


@pytest.mark.parametrize(("name", "hint"), [("overlpa", "Did you mean 'overlap'?"), ("effsam-tiny", "")])
def test_what_follows_no_ids_is_refused(run, movie, masks, tmp_path, name, hint):
    result = run("track", movie, "--masks", masks, "-o", tmp_path / "out", "--tracker", name)
    assert result.exit_code == 2
    assert f"--tracker {name}: follows no ids; allowed are overlap, trackpy" in result.stderr
    assert hint in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_overlay_is_a_film_of_the_movie_with_outlines(run, movie, masks, tmp_path):
    film = tmp_path / "films" / "overlay.mp4"
    words = ("track", movie, "--masks", masks, "--overlay", film)
    assert run(*words, "-o", tmp_path / "out").exit_code == 0
    shown = read_movie(film)
    assert shown.n_frames == len(CASE.truth)
    assert min(shown.height, shown.width) >= 2 * min(CASE.truth.shape[1:])
    with av.open(str(film)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.ptp(first, axis=2).max() > 60  # the movie is grey, outlines are coloured
    result = run(*words, "-o", tmp_path / "again")
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert not (tmp_path / "again").exists()


def test_a_movie_that_is_being_written_is_told_of_line_by_line(run, movie, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "temtrack.pipeline.live.TELL_EVERY_S", float("inf")
    )  # how far it is, on a busy machine
    words = ["track", movie, "--follow", "--model", "otsu", "--tracker", "overlap", "-o", tmp_path / "out"]
    result = run(*words, "--idle", "300ms", "--json")
    assert result.exit_code == 0, result.output
    *merges, finished = [json.loads(line) for line in result.stdout.splitlines()]
    assert (finished["event"], finished["n_frames"]) == ("finished", len(CASE.truth))
    told = json.loads((tmp_path / "out" / "lineage.json").read_text())["merges"]
    assert len(told) == finished["n_merges"] > 0
    assert [event["event"] for event in merges] == ["merge"] * len(told)
    assert [event["parent_ids"] for event in merges] == [merge["parents"] for merge in told]
    assert TrackOptions.from_json(open_run(tmp_path / "out").provenance.options).follow
    refused = run("track", movie, "--idle", "1s", "-o", tmp_path / "other")
    assert (refused.exit_code, "give it with --follow" in refused.stderr) == (2, True)


def test_an_overlay_that_is_no_mp4_is_refused_before_tracking(run, movie, masks, tmp_path):
    result = run("track", movie, "--masks", masks, "-o", tmp_path / "out", "--overlay", tmp_path / "film.avi")
    assert result.exit_code == 2
    assert "ends in .mp4" in result.stderr
    assert not (tmp_path / "out").exists()

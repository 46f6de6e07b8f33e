"""Many masks folders in one command: pages, exports and comparisons."""

import json
import shutil

import numpy as np
import pytest
import tifffile
from export_scene import write_scene


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two masks folders and, between them, one that holds none."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "c"):
        write_scene(tmp_path / "out" / name)
    (tmp_path / "out" / "b").mkdir()
    return ["out/c", "out/b", "out/a"]


def rows(stdout):
    return json.loads(stdout)["inputs"]


def states(folder):
    found = [json.loads(line) for line in (folder / "batch.jsonl").read_text().splitlines()]
    return {line["output"]: line["state"] for line in found}


WRITING = {
    "report": (["report"], ".html"),
    "napari": (["export", "--to", "napari"], ""),
    "trackmate": (["export", "--to", "trackmate"], ".xml"),
    "ome-tiff": (["export", "--to", "ome-tiff"], ".ome.tif"),
}


@pytest.mark.parametrize("name", WRITING)
def test_each_gets_a_result_of_its_name_and_a_bad_one_stops_no_other(run, folders, tmp_path, name):
    words, suffix = WRITING[name]
    result = run(*words, *folders, "-o", "new", "--json")
    assert result.exit_code == 3, result.output
    shown = rows(result.stdout)
    assert [line["state"] for line in shown] == ["done", "failed", "done"]
    assert shown[0]["output"] == f"new/a{suffix}"
    there = {path.name for path in (tmp_path / "new").iterdir() if not path.name.startswith(".")}
    assert there == {f"a{suffix}", f"c{suffix}", "batch.jsonl"}
    assert states(tmp_path / "new") == {f"a{suffix}": "done", f"b{suffix}": "failed", f"c{suffix}": "done"}


@pytest.mark.parametrize("name", WRITING)
def test_resume_does_what_is_left_and_makes_gone_ones_again(run, folders, tmp_path, name):
    words, suffix = WRITING[name]
    assert run(*words, *folders, "-o", "new").exit_code == 3
    refused = run(*words, *folders, "-o", "new")
    assert (refused.exit_code, "give --resume to go on" in refused.stderr) == (1, True)
    shutil.rmtree(tmp_path / "out" / "b")
    write_scene(tmp_path / "out" / "b")
    kept = tmp_path / "new" / f"a{suffix}"
    before = kept.stat().st_mtime_ns
    result = run(*words, *folders, "-o", "new", "--resume")
    assert result.exit_code == 0, result.stderr
    assert kept.stat().st_mtime_ns == before
    assert set(states(tmp_path / "new").values()) == {"done"}


def test_other_options_are_not_taken_for_done(run, folders):
    words = ["export", "--to", "csv", "out/a", "out/c", "-o", "new", "--resume"]
    assert run(*words).exit_code == 0
    stale = run(*words, "--pixel-size", "0.5nm")
    assert (stale.exit_code, "done with other options" in stale.stderr) == (2, True)


def test_pages_lie_beside_the_masks_folders_where_no_folder_is_given(run, folders, tmp_path):
    assert run("report", "out/a", "out/c").exit_code == 0
    assert {path.name for path in (tmp_path / "out").glob("*.html")} == {"a.html", "c.html"}


def test_shards_share_one_folder_and_pages_tell_the_command(run, folders, tmp_path):
    for k in (1, 2):
        assert run("report", "out/a", "out/c", "-o", "pages", "--shard", f"{k}/2").exit_code == 0
    assert states(tmp_path / "pages") == {"a.html": "done", "c.html": "done"}
    assert "temtrack report out/a out/c -o pages --shard 2/2" in (tmp_path / "pages" / "c.html").read_text()


#: Of one input and of many: the words before them, and behind them where there is one, or many.
ONE_AND_MANY = {
    "info": (["info"], [], []),
    "segment": (["segment", "--model", "otsu", "-o", "new"], [], []),
    "track": (["track", "--model", "otsu", "--tracker", "overlap"], ["-o", "new/a"], ["-o", "new"]),
    "analyze": (["analyze", "--kinetics"], [], []),
    "kinetics": (["kinetics", "--pixel-size", "1nm"], [], []),
    "report": (["report"], ["-o", "new/a.html"], ["-o", "new"]),
    "export": (["export", "--to", "trackmate"], ["-o", "new/a.xml"], ["-o", "new"]),
    "evaluate": (["evaluate"], ["truth/a"], ["truth"]),
}


@pytest.mark.parametrize("name", ONE_AND_MANY)
def test_one_input_and_many_give_the_same_objects(run, folders, tmp_path, name):
    words, alone, together = ONE_AND_MANY[name]
    a, c = "out/a", "out/c"
    if name in ("info", "segment", "track"):
        frames = np.full((4, 40, 60), 200, np.uint8)
        frames[:, 8:20, 8:20] = 60
        a, c = "a.tif", "c.tif"
        for path in (a, c):
            tifffile.imwrite(path, frames, imagej=True)
    for folder in ("a", "c"):
        write_scene(tmp_path / "truth" / folder)
    force = [] if name in ("info", "evaluate") else ["--force"]
    (one,) = rows(run(*words, a, *alone, "--json").stdout)
    first, _ = rows(run(*words, a, c, *together, *force, "--json").stdout)
    assert one == first
    assert one["state"] == "done"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["export", "out/a", "out/c", "--to", "coco", "-o", "r.json"], "give a folder for them"),
        (["report", "out/a", "out/c", "--movie", "film.tif"], "is about one input"),
    ],
)
def test_what_is_about_one_is_refused_for_many(run, folders, words, reason):
    result = run(*words)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_each_result_is_compared_with_the_truth_of_its_name(run, folders, tmp_path):
    write_scene(tmp_path / "truth" / "a")
    write_scene(tmp_path / "truth" / "b")
    result = run("evaluate", *folders, "truth", "--json")
    assert result.exit_code == 3
    a, b, c = rows(result.stdout)
    assert (a["state"], a["tracking"]["tra"], a["merges_f1"]) == ("done", 1.0, 1.0)
    assert [line["state"] for line in (b, c)] == ["failed", "failed"]
    assert "truth/c: there is no truth of that name" in c["reason"]
    shown = run("evaluate", "out/a", "out/c", "truth", "--shard", "1/2")
    assert shown.exit_code == 0
    assert "out/a" in shown.stdout
    assert "out/c" not in shown.stdout

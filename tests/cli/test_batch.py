"""Many movies in one command: real runs of `track` with the models that need no network."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from cases import CASES

from temtrack.formats.store.atomic import locked

TRUTH = next(c for c in CASES if c.name == "two fuse").truth[:8]
PLAIN = ("--model", "otsu", "--tracker", "overlap")

#: Runs the command line; dies as a crash in a decoder does at the film of that name.
CHILD = """
import os, signal, sys
from temtrack.pipeline import track
from temtrack.cli.app import main

fatal, sys.argv = sys.argv[1], ["temtrack", *sys.argv[2:]]
track_into = track.track_into

def dying(folder, plan, *more):
    if plan.movie.path.name == fatal:
        os.kill(os.getpid(), signal.SIGSEGV)
    return track_into(folder, plan, *more)

track.track_into = dying
main()
"""


@pytest.fixture
def films(tmp_path, monkeypatch):
    """Three short movies, the second of them broken."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a.tif", "c.tif"):
        frames = np.where(TRUTH > 0, 60, 200) + rng.integers(0, 20, TRUTH.shape)
        tifffile.imwrite(name, frames.astype(np.uint8), photometric="minisblack")
    (tmp_path / "b.tif").write_text("no movie")
    return ["c.tif", "b.tif", "a.tif"]


def states(folder, command="track"):
    lines = [json.loads(line) for line in (folder / "batch.jsonl").read_text().splitlines()]
    return {line["output"]: line["state"] for line in lines if line["command"] == command}


def rows(stdout):
    return json.loads(stdout)["inputs"]


def mend(tmp_path):
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes())


def test_a_bad_movie_stops_no_other_and_is_told_in_the_end(run, films, tmp_path):
    result = run("track", *films, "-o", "out", *PLAIN, "--json")
    assert result.exit_code == 3
    shown = rows(result.stdout)
    assert [(line["input"], line["state"]) for line in shown] == [
        ("a.tif", "done"),
        ("b.tif", "failed"),
        ("c.tif", "done"),
    ]
    assert shown[0]["n_frames"] == len(TRUTH)
    assert shown[1]["reason"].startswith("b.tif: ")
    assert result.stderr.splitlines()[-1] == (
        "temtrack: error: 1 of 3 inputs failed: b.tif; the others are done"
    )
    assert states(tmp_path / "out") == {"a": "done", "b": "failed", "c": "done"}


def test_one_of_many_is_the_same_as_alone_and_its_record_names_the_command_as_typed(run, films, tmp_path):
    words = ["track", "a.tif", "c.tif", "-o", "out", "--pixel-size", "0.5nm", *PLAIN]
    assert run(*words, "--resume").exit_code == 0
    facts = json.loads((tmp_path / "out" / "c" / "run.json").read_text())
    assert facts["command"] == f"temtrack {' '.join(words)}"
    assert run("track", "c.tif", "-o", "alone", "--pixel-size", "0.5nm", *PLAIN).exit_code == 0
    for path in (tmp_path / "alone").glob("mask*"):
        assert path.read_bytes() == (tmp_path / "out" / "c" / path.name).read_bytes()


@pytest.mark.parametrize("words", [["info"], ["track", *PLAIN, "-o", "out"]])
def test_json_tells_one_input_as_it_tells_many(run, films, words):
    command, *options = words
    alone = run(command, "a.tif", *options, "--json")
    many = run(command, "a.tif", "c.tif", *options, "--json", *(["--force"] * (command != "info")))
    assert (alone.exit_code, many.exit_code) == (0, 0), many.stderr
    (one,), (first, _) = rows(alone.stdout), rows(many.stdout)
    assert {**one, "output": ""} == {**first, "output": ""}
    failed = run(command, "b.tif", *options, "--json", *(["--force"] * (command != "info")))
    (told,) = rows(failed.stdout)
    assert (told["state"], failed.exit_code, failed.stderr.count("\n")) == ("failed", 1, 1)
    assert told["reason"] in failed.stderr


def test_resume_skips_what_is_done_and_shows_it_all_the_same(run, films, tmp_path):
    first = rows(run("track", *films, "-o", "out", *PLAIN, "--json").stdout)
    done = (tmp_path / "out" / "a" / "run.json").stat().st_mtime_ns
    refused = run("track", *films, "-o", "out", *PLAIN)
    assert refused.exit_code == 1
    assert "give --resume to go on" in refused.stderr
    mend(tmp_path)
    result = run("track", *films, "-o", "out", *PLAIN, "--json", "--resume")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / "a" / "run.json").stat().st_mtime_ns == done
    again = sorted(rows(result.stdout), key=lambda line: line["input"])
    assert [again[0], again[2]] == [first[0], first[2]]
    assert set(states(tmp_path / "out").values()) == {"done"}


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(run, films, tmp_path):
    words = ["track", *films, "none.tif", "-o", "out", *PLAIN, "--dry-run"]
    result = run(*words, "--json")
    told = json.loads(result.stdout)
    assert [(one["input"], one.get("output"), one["state"]) for one in told["inputs"]] == [
        ("a.tif", "out/a", "todo"),
        ("b.tif", "out/b", "todo"),
        ("c.tif", "out/c", "todo"),
        ("none.tif", "out/none", "failed"),
    ]
    assert (told["options"]["model"], told["options"]["max_gap_frames"]) == ("otsu", 8)
    assert not (tmp_path / "out").exists()
    assert run("track", "a.tif", "b.tif", "-o", "out", *PLAIN).exit_code == 3
    before = (tmp_path / "out" / "batch.jsonl").read_bytes()
    again = rows(run(*words, "--json", "--resume").stdout)
    assert [one["state"] for one in again] == ["done", "todo", "todo", "failed"]
    assert (tmp_path / "out" / "batch.jsonl").read_bytes() == before
    shown = run("track", "a.tif", "-o", "other", *PLAIN, "--dry-run")
    assert shown.exit_code == 0
    assert "max_gap_frames" in shown.stdout


@pytest.mark.parametrize("change", ["input", "options"])
def test_what_is_out_of_date_is_not_taken_for_done(run, films, tmp_path, change):
    words = ["track", "a.tif", "c.tif", "-o", "out", *PLAIN]
    assert run(*words).exit_code == 0
    if change == "input":
        (tmp_path / "c.tif").write_bytes((tmp_path / "a.tif").read_bytes())
    if change == "options":
        words += ["--max-gap", "5"]
    result = run(*words, "--resume")
    assert result.exit_code == 2
    assert "give the same, or --force too to do those anew" in result.stderr
    assert run(*words, "--resume", "--force").exit_code == 0
    assert run(*words, "--resume").exit_code == 0


def test_a_result_that_is_gone_is_made_again(run, films, tmp_path):
    words = ["track", "a.tif", "c.tif", "-o", "out", *PLAIN]
    assert run(*words).exit_code == 0
    shutil.rmtree(tmp_path / "out" / "c")
    assert run(*words, "--resume").exit_code == 0
    assert (tmp_path / "out" / "c" / "run.json").is_file()


def track_until(fatal, *more):
    words = ["track", "a.tif", "b.tif", "c.tif", "-o", "out", *PLAIN, *more]
    return subprocess.run([sys.executable, "-c", CHILD, fatal, *words], capture_output=True, text=True)


def test_a_crash_of_the_process_is_told_and_comes_last_the_next_time(films, tmp_path):
    mend(tmp_path)
    assert track_until("a.tif").returncode == -signal.SIGSEGV
    assert states(tmp_path / "out") == {"a": "running", "b": "todo", "c": "todo"}
    assert track_until("a.tif", "--resume").returncode == -signal.SIGSEGV
    assert states(tmp_path / "out") == {"a": "running", "b": "done", "c": "done"}
    assert track_until("", "--resume").returncode == 0
    assert set(states(tmp_path / "out").values()) == {"done"}


def test_what_was_begun_stays_so_where_the_next_run_dies_before_it(films, tmp_path):
    mend(tmp_path)
    assert track_until("a.tif").returncode == -signal.SIGSEGV
    assert track_until("b.tif", "--resume").returncode == -signal.SIGSEGV
    assert states(tmp_path / "out") == {"a": "running", "b": "running", "c": "todo"}
    (tmp_path / "out" / "a" / "left.tif").touch()  # of the first run
    assert track_until("", "--resume").returncode == 0


def test_shards_share_one_folder(run, films, tmp_path):
    mend(tmp_path)
    for k in (1, 2):
        assert run("track", *films, "-o", "out", *PLAIN, "--shard", f"{k}/2").exit_code == 0
    assert states(tmp_path / "out") == {"a": "done", "b": "done", "c": "done"}
    assert rows(run("track", *films, "-o", "out", *PLAIN, "--json", "--resume").stdout)[1]["input"] == "b.tif"


def test_no_keep_going_stops_at_the_first_failure(run, films, tmp_path):
    result = run("track", *films, "-o", "out", *PLAIN, "--no-keep-going")
    assert result.exit_code == 3
    assert "1 of 3 inputs failed: b.tif; 1 are not begun" in result.stderr
    assert states(tmp_path / "out")["c"] == "todo"


@pytest.mark.parametrize("error", [MemoryError("no room"), ZeroDivisionError("bug")])
def test_no_memory_or_a_bug_stops_no_other_and_keeps_its_traceback(run, films, monkeypatch, error):
    from temtrack.pipeline import track

    track_into = track.track_into

    def stumbling(folder, *more):
        if folder.name == "a":
            raise error
        return track_into(folder, *more)

    monkeypatch.setattr(track, "track_into", stumbling)
    result = run("track", "a.tif", "c.tif", "-o", "out", *PLAIN)
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert f"a.tif: {type(error).__name__}: {error}" in result.stderr


def test_all_failed_is_no_partial_success(run, films, tmp_path):
    result = run("track", "b.tif", "none.tif", "-o", "out", *PLAIN)
    assert result.exit_code == 1
    assert "2 of 2 inputs failed: b.tif, none.tif" in result.stderr


def test_a_folder_that_another_process_holds_is_left_to_it(run, films, tmp_path):
    with locked(tmp_path / "out" / "a"):
        result = run("track", "a.tif", "c.tif", "-o", "out", *PLAIN)
        alone = run("track", "a.tif", "-o", "out/a", *PLAIN, "--force")
    assert (result.exit_code, alone.exit_code) == (3, 1)
    assert "another process is writing into it" in alone.stderr
    assert states(tmp_path / "out") == {"a": "running", "c": "done"}


def test_options_about_one_input_are_refused_for_many(run, films):
    for words in (["track", *films, "--masks", "m", "-o", "out"], ["analyze", "x", "y", "--movie", "a.tif"]):
        result = run(*words)
        assert result.exit_code == 2
        assert "is about one input" in result.stderr


def test_tables_and_facts_of_many(run, films, tmp_path):
    assert run("track", "a.tif", "c.tif", "-o", "out", *PLAIN).exit_code == 0
    masks = [*sorted((tmp_path / "out").iterdir())]  # as `out/*` names them, batch.jsonl among them
    result = run("analyze", *masks, "--merges", "--json")
    assert result.exit_code == 0, result.stderr
    assert [line["n_frames"] for line in rows(result.stdout)] == [len(TRUTH)] * 2
    assert states(tmp_path / "out", "analyze") == {"a": "done", "c": "done"}
    assert rows(run("analyze", *masks, "--merges", "--json", "--resume").stdout) == rows(result.stdout)
    told = run("info", *films, "--json")
    assert told.exit_code == 3
    assert [line.get("n_frames") for line in rows(told.stdout)] == [len(TRUTH), None, len(TRUTH)]

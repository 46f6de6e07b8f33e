"""Runs that are stopped and go on: real processes, really killed."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from cases import CASES

CASE = next(c for c in CASES if c.name == "two fuse")

#: Runs the command line with a checkpoint after every frame and sends itself a signal at some moment: just
#: before the file of that number is put in its place.
CHILD = """
import os, sys
from pathlib import Path
from temtrack.tracking import checkpoint
from temtrack.cli.app import main

moment, number = int(sys.argv[1]), int(sys.argv[2])
sys.argv = ["temtrack", *sys.argv[3:]]
checkpoint.INTERVAL_S, checkpoint.MAX_TIME_FRACTION = 0, float("inf")
replace, n_written = Path.replace, 0

def count(self, target):
    global n_written
    n_written += 1
    if n_written == moment:
        os.kill(os.getpid(), number)
    return replace(self, target)

Path.replace = count
main()
"""

NEVER = 0


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    (folder / "segmented").mkdir()
    rng = np.random.default_rng(0)
    frames = np.where(CASE.truth > 0, 60, 200) + rng.integers(0, 20, CASE.truth.shape)
    tifffile.imwrite(folder / "film.tif", frames.astype(np.uint8), photometric="minisblack")
    for t, labels in enumerate(CASE.truth):
        tifffile.imwrite(folder / "segmented" / f"mask{t:04d}.tif", (labels * (t % 3 + 1)).astype(np.uint16))
    return folder


def track(source, folder, *words, moment=NEVER, number=signal.SIGKILL, name="film.tif"):
    command = ["track", source / name, "--masks", source / "segmented", "-o", "out", *words]
    words = [sys.executable, "-c", CHILD, str(moment), str(int(number)), *map(str, command)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env={**os.environ})


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def unbroken(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    result = track(source, folder)
    assert result.returncode == 0, result.stderr
    return contents(folder / "out")


def test_a_killed_run_goes_on_to_the_same_bytes(source, unbroken, tmp_path):
    assert track(source, tmp_path, moment=43).returncode == -signal.SIGKILL
    refused = track(source, tmp_path)
    assert refused.returncode == 1
    assert "give --resume to go on" in refused.stderr
    assert track(source, tmp_path, "--resume", moment=5).returncode == -signal.SIGKILL
    result = track(source, tmp_path, "--resume")
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "out") == unbroken


def test_ctrl_c_says_how_to_go_on(source, unbroken, tmp_path):
    stopped = track(source, tmp_path, moment=20, number=signal.SIGINT)
    assert stopped.returncode == 130
    assert stopped.stderr.count("\n") == 1
    assert "out: interrupted, unfinished; the same command with --resume goes on" in stopped.stderr
    other = track(source, tmp_path, "--resume", "--max-gap", "5")
    assert other.returncode == 2
    assert "holds an unfinished run with max_gap_frames 8, now 5" in other.stderr
    assert track(source, tmp_path, "--resume").returncode == 0
    assert contents(tmp_path / "out") == unbroken


@pytest.mark.parametrize("change", ["options", "damage"])
def test_with_force_too_a_run_that_cannot_go_on_starts_again(source, unbroken, tmp_path, change):
    words = ("--max-gap", "5") if change == "options" else ()
    assert track(source, tmp_path, *words, moment=20).returncode == -signal.SIGKILL
    if change == "damage":
        (tmp_path / "out" / ".resume").write_bytes(b"damaged")
    assert track(source, tmp_path, "--resume").returncode in (1, 2)
    result = track(source, tmp_path, "--resume", "--force")
    assert result.returncode == 0, result.stderr
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["options"]["max_gap_frames"] == 8
    masks = [name for name in unbroken if name.startswith("mask")]
    found = contents(tmp_path / "out")
    assert all(found[name] == unbroken[name] for name in masks)


def test_with_force_too_a_run_that_can_go_on_does(source, tmp_path):
    assert track(source, tmp_path, moment=43).returncode == -signal.SIGKILL
    first = (tmp_path / "out" / "mask0000.tif").stat().st_mtime_ns
    assert track(source, tmp_path, "--resume", "--force").returncode == 0
    assert (tmp_path / "out" / "mask0000.tif").stat().st_mtime_ns == first

"""Runs that are stopped and go on: real processes, really killed."""

import json
import signal

import numpy as np
import pytest
import tifffile
from cases import CASES
from damage.commands import CHECKPOINT_OFTEN, Nursery

CASE = next(c for c in CASES if c.name == "two fuse")

#: Lets the command send itself a signal at some moment: just before the file of that number is put in its
#: place.
STOP_AT = """
import os
from pathlib import Path
replace, n_written = Path.replace, 0

def count(self, target):
    global n_written
    n_written += 1
    if n_written == {moment}:
        os.kill(os.getpid(), {number})
    return replace(self, target)

Path.replace = count
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


@pytest.fixture(scope="module")
def track(source):
    """Run ``temtrack track`` on the film in a folder."""
    with Nursery() as nursery:

        def track(folder, *words, moment=NEVER, number=signal.SIGKILL):
            command = ["track", source / "film.tif", "--masks", source / "segmented", "-o", "out"]
            command += ["--tracker", "overlap", *words]
            before = CHECKPOINT_OFTEN + STOP_AT.format(moment=moment, number=int(number))
            return nursery.run(command, folder, before)

        yield track


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def unbroken(track, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    result = track(folder)
    assert result.exit_code == 0, result.stderr
    return contents(folder / "out")


def test_a_killed_run_goes_on_to_the_same_bytes(track, unbroken, tmp_path):
    assert track(tmp_path, moment=43).exit_code == -signal.SIGKILL
    refused = track(tmp_path)
    assert refused.exit_code == 1
    assert "give --resume to go on" in refused.stderr
    assert track(tmp_path, "--resume", moment=5).exit_code == -signal.SIGKILL
    result = track(tmp_path, "--resume")
    assert result.exit_code == 0, result.stderr
    assert contents(tmp_path / "out") == unbroken


def test_ctrl_c_says_how_to_go_on(track, unbroken, tmp_path):
    stopped = track(tmp_path, moment=20, number=signal.SIGINT)
    assert stopped.exit_code == 130
    assert stopped.stderr.count("\n") == 1
    assert "out: interrupted, unfinished; the same command with --resume goes on" in stopped.stderr
    other = track(tmp_path, "--resume", "--max-gap", "5")
    assert other.exit_code == 2
    assert "holds an unfinished run with max_gap_frames 8, now 5" in other.stderr
    assert track(tmp_path, "--resume").exit_code == 0
    assert contents(tmp_path / "out") == unbroken


@pytest.mark.parametrize("change", ["options", "damage"])
def test_with_force_too_a_run_that_cannot_go_on_starts_again(track, unbroken, tmp_path, change):
    words = ("--max-gap", "5") if change == "options" else ()
    assert track(tmp_path, *words, moment=20).exit_code == -signal.SIGKILL
    if change == "damage":
        (tmp_path / "out" / ".resume").write_bytes(b"damaged")
    assert track(tmp_path, "--resume").exit_code in (1, 2)
    result = track(tmp_path, "--resume", "--force")
    assert result.exit_code == 0, result.stderr
    told = json.loads((tmp_path / "out" / "run.json").read_text())
    assert told["options"]["max_gap_frames"] == 8
    masks = [name for name in unbroken if name.startswith("mask")]
    found = contents(tmp_path / "out")
    assert all(found[name] == unbroken[name] for name in masks)


def test_with_force_too_a_run_that_can_go_on_does(track, tmp_path):
    assert track(tmp_path, moment=43).exit_code == -signal.SIGKILL
    first = (tmp_path / "out" / "mask0000.tif").stat().st_mtime_ns
    assert track(tmp_path, "--resume", "--force").exit_code == 0
    assert (tmp_path / "out" / "mask0000.tif").stat().st_mtime_ns == first

"""The job array of examples/cluster, without a workflow engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cluster.movies import BROKEN, write_movies

SCRIPT = Path(__file__).parents[2] / "examples" / "cluster" / "array.sh"

pytestmark = pytest.mark.slow


def submit(slurm, folder, *movies):
    """Submit the script as two tasks, wait for both, and return the exit code: the highest of a task."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{slurm.environment['PATH']}"
    limits = ["--wait", "--array=1-2", "--cpus-per-task=1", "--output=slurm-%a.log"]
    done = subprocess.run(
        ["sbatch", *limits, str(SCRIPT), "--model", "otsu", "--tracker", "overlap", *movies],
        cwd=folder,
        env={**slurm.environment, "PATH": path},
        timeout=1800,
    )
    return done.returncode


def test_each_task_tracks_its_share_and_a_broken_movie_stops_no_other(slurm, tmp_path):
    good = write_movies(tmp_path / "movies", 5)
    movies = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "movies").iterdir())
    assert submit(slurm, tmp_path, *movies) == 3
    first = {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/run.json")}
    assert sorted(first) == good
    said = [(tmp_path / f"slurm-{task}.log").read_text() for task in (1, 2)]
    assert [f"{BROKEN}.tif: TIFF is truncated" in text for text in said] == [True, False]
    assert submit(slurm, tmp_path, *movies) == 3
    assert {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/run.json")} == first

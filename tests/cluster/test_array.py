"""The job arrays of examples/cluster, without a workflow engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cluster.movies import BROKEN, LONG, N_FRAMES_LONG, write_movies

SCRIPTS = Path(__file__).parents[2] / "examples" / "cluster"

pytestmark = pytest.mark.slow


def submit(slurm, folder, *words, script="array.sh", array="1-2", **variables):
    """Submit a script as two tasks, wait for both, and return the exit code: the highest of a task."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{slurm.environment['PATH']}"
    limits = ["--wait", f"--array={array}", "--cpus-per-task=1", "--output=slurm-%a.log"]
    done = subprocess.run(
        ["sbatch", *limits, str(SCRIPTS / script), "--model", "otsu", *words],
        cwd=folder,
        env={**slurm.environment, "PATH": path, **variables},
        timeout=1800,
    )
    return done.returncode


def test_each_task_tracks_its_share_and_a_broken_movie_stops_no_other(slurm, tmp_path):
    good = write_movies(tmp_path / "movies", 5)
    movies = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "movies").iterdir())
    assert submit(slurm, tmp_path, "--tracker", "overlap", *movies) == 3
    first = {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/run.json")}
    assert sorted(first) == good
    said = [(tmp_path / f"slurm-{task}.log").read_text() for task in (1, 2)]
    assert [f"{BROKEN}.tif: TIFF is truncated" in text for text in said] == [True, False]
    assert submit(slurm, tmp_path, "--tracker", "overlap", *movies) == 3
    assert {path.parent.name: path.stat().st_mtime_ns for path in tmp_path.glob("out/*/run.json")} == first


def test_tasks_segment_pieces_of_one_movie(slurm, tmp_path):
    write_movies(tmp_path / "movies", 2)
    movie, half = f"movies/{LONG}.tif", str(N_FRAMES_LONG // 2)
    assert submit(slurm, tmp_path, movie, script="pieces.sh", array="0-1", FRAMES_PER_TASK=half) == 0
    found = {}
    for name, source in (("joined", ["--masks", "pieces"]), ("whole", ["--model", "otsu"])):
        words = [
            sys.executable,
            "-m",
            "temtrack",
            "track",
            movie,
            "-o",
            name,
            "--tracker",
            "overlap",
            *source,
        ]
        subprocess.run(words, cwd=tmp_path, check=True, timeout=600)
        found[name] = {path.name: path.read_bytes() for path in (tmp_path / name).glob("mask*")}
    assert len(found["whole"]) == N_FRAMES_LONG
    assert found["joined"] == found["whole"]

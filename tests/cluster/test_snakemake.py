"""The workflow of examples/cluster as a user runs it, on this machine alone and under Slurm."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cluster.movies import BROKEN, LONG, write_movies
from cluster.slurm import environments, wait_for
from needs import need_module

from temtrack.provenance import Provenance
from temtrack.tracking.checkpoint import Checkpoint, CheckpointFile
from temtrack.tracking.overlap import OverlapTracker

WORKFLOW = Path(__file__).parents[2] / "examples" / "cluster"
N_MOVIES = 4
TIMEOUT_S = 1800
SETTINGS = ("model=otsu", "tracker=overlap", "pixel_size=0.5nm", "frame_time=0.5s", "threads=1")

#: Without accounting only squeue is answered; and jobs of seconds are asked about every second.
ON_SLURM = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1")

need_module("snakemake_executor_plugin_slurm")
pytestmark = pytest.mark.slow


def prepare(folder, movies):
    """Lay out a folder as docs/cluster.md says."""
    shutil.copytree(WORKFLOW, folder)
    shutil.copytree(movies, folder / "movies")
    return folder


def with_temtrack(path):
    """Return a PATH whose ``temtrack`` is the one under test, also where no environment is activated."""
    return f"{Path(sys.executable).parent}{os.pathsep}{path}"


def snakemake(slurm, folder, *words):
    """Begin the workflow in a folder, with what it says in ``snakemake.log``."""
    path = with_temtrack(slurm.environment["PATH"])
    with_us = ["setpriv", "--pdeathsig", "KILL"]  # also where this process is killed
    command = [*with_us, sys.executable, "-m", "snakemake", *words, "--retries", "1", "--config", *SETTINGS]
    with (folder / "snakemake.log").open("w") as log:
        return subprocess.Popen(
            command, cwd=folder, env={**slurm.environment, "PATH": path}, stdout=log, stderr=log
        )


def said(folder):
    return (folder / "snakemake.log").read_text()


def results(n_movies):
    """Return what to make: tables of all movies; to spare time, a report of the long one alone."""
    return [
        *(f"out/movie{number:02d}/merges.parquet" for number in range(n_movies)),
        f"out/{LONG}/report.html",
    ]


def tables(folder):
    return {path.stem: pq.read_table(path) for path in sorted(folder.glob("*.parquet"))}


def masks(folder):
    return {path.name: path.read_bytes() for path in folder.glob("mask*.tif")}


def slurm_job_of(movie):
    """Return the number of the Slurm job that tracks a movie, as the process that does so knows it."""
    for pid, environment in environments():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue  # it has ended meanwhile
        if f"\0track\0movies/{movie}.tif\0" in command:
            return environment["SLURM_JOB_ID"]
    raise AssertionError(f"no process tracks {movie}")


def cancel_midway(slurm, folder, movie):
    """Cancel the job of a movie once it has written a mask, and return its number."""
    wait_for((folder / "out" / movie / "mask0000.tif").exists, f"the first mask of {movie}", TIMEOUT_S)
    job = slurm_job_of(movie)
    slurm.ask("scancel", job)
    return job


def test_slurm_gives_what_a_local_run_gives_though_a_movie_is_broken_and_a_job_killed(slurm, tmp_path):
    good = write_movies(tmp_path / "movies", N_MOVIES)
    local, cluster = (prepare(tmp_path / name, tmp_path / "movies") for name in ("local", "cluster"))
    remote = snakemake(slurm, cluster, *results(N_MOVIES), "--profile", "profiles/slurm", *ON_SLURM)
    killed = cancel_midway(slurm, cluster, LONG)
    assert remote.wait(TIMEOUT_S) == 1, said(cluster)
    states = dict(
        line.split() for line in slurm.ask("squeue", "-h", "--states=all", "-o", "%i %T").splitlines()
    )
    assert states.pop(killed) == "CANCELLED"
    assert sorted(states.values()) == ["COMPLETED"] * len(good)  # the broken one never came here
    assert snakemake(slurm, local, *results(N_MOVIES), "--cores", "2").wait(TIMEOUT_S) == 1, said(local)
    for folder in (local, cluster):
        assert sorted(path.parent.name for path in folder.glob("out/*/merges.parquet")) == good
        assert f"{BROKEN}: temtrack: error: movies/{BROKEN}.tif: TIFF is truncated" in said(folder)
        assert (folder / "out" / LONG / "report.html").exists()
    for name in good:
        assert masks(local / "out" / name) == masks(cluster / "out" / name)
        here, there = tables(local / "out" / name), tables(cluster / "out" / name)
        assert here == there
        assert {k: t.schema.metadata for k, t in here.items()} == {
            k: t.schema.metadata for k, t in there.items()
        }
        assert {"particles", "tracks", "frames", "merges"} <= here.keys()
    long = tables(cluster / "out" / LONG)
    assert long["kinetics"].num_rows > 0
    assert long["frames"]["n_particles"].to_pylist().count(0) == 0


#: In the place of temtrack: notes its words, and dies at the first call for one movie.
WATCHED = """\
#!/bin/sh
echo "$@" >> {folder}/calls
if [ "$1 $2" = "track movies/movie00.tif" ] && [ ! -e {folder}/died ]; then
    touch {folder}/died
    kill -9 $$
fi
exec {python} -c "import sys; sys.argv[0] = 'temtrack'; from temtrack.cli.app import main; main()" "$@"
"""


def test_a_killed_job_is_tried_again_and_a_broken_movie_is_not(tmp_path, monkeypatch):
    write_movies(tmp_path / "movies", 3)
    folder = prepare(tmp_path / "local", tmp_path / "movies")
    (folder / "bin").mkdir()
    (folder / "bin" / "temtrack").write_text(WATCHED.format(folder=folder, python=sys.executable))
    (folder / "bin" / "temtrack").chmod(0o755)
    half = folder / "out" / "movie00"
    half.mkdir(parents=True)  # a run of other settings that was stopped midway
    CheckpointFile(half, OverlapTracker()).save(
        Checkpoint(Provenance("track", "temtrack track", options={"max_gap_frames": 9}))
    )
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    targets = [f"out/{name}/run.json" for name in ("movie00", BROKEN)]
    words = ["--cores", "1", "--retries", "2", "--config", *SETTINGS]
    command = [sys.executable, "-m", "snakemake", *targets, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1, done.stderr
    calls = [tuple(line.split()[:2]) for line in (folder / "calls").read_text().splitlines()]
    good, broken = "movies/movie00.tif", f"movies/{BROKEN}.tif"
    assert sorted(calls) == [("info", good), ("info", broken), ("track", good), ("track", good)]
    assert json.loads((half / "run.json").read_text())["options"]["max_gap_frames"] == 8
    assert f"{BROKEN}: temtrack: error: movies/{BROKEN}.tif: TIFF is truncated" in done.stderr


def test_on_gpus_only_tracking_asks_for_one(slurm, tmp_path):
    write_movies(tmp_path / "movies", 1)
    folder = prepare(tmp_path / "cluster", tmp_path / "movies")
    words = ("out/movie00/merges.parquet", "--profile", "profiles/slurm-gpu", *ON_SLURM)
    assert snakemake(slurm, folder, *words).wait(TIMEOUT_S) == 0, said(folder)
    jobs = slurm.ask("squeue", "-h", "--states=all", "--sort=i", "-O", "partition,tres-per-job").splitlines()
    assert [job.split() for job in jobs] == [["gpu", "gres:gpu:1"], ["cpu", "N/A"]]


def test_a_movie_longer_than_a_piece_is_segmented_in_several(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", with_temtrack(os.environ["PATH"]))
    write_movies(tmp_path / "movies", 1)
    found = {}
    for frames in (0, 3):
        folder = prepare(tmp_path / f"by {frames}", tmp_path / "movies")
        words = ["out/movie00/run.json", "--cores", "1", "--config", *SETTINGS, f"frames_per_piece={frames}"]
        subprocess.run([sys.executable, "-m", "snakemake", *words], cwd=folder, check=True, timeout=TIMEOUT_S)
        found[frames] = masks(folder / "out" / "movie00")
    records = sorted(path.name for path in folder.glob("out/movie00-pieces/*.json"))
    assert records == ["piece0000-0002.json", "piece0003-0005.json", "piece0006-0007.json"]
    assert found[3] == found[0] != {}

"""How far `track --follow` falls behind a movie that grows at a steady rate, and what a kill costs.

Run ``python benchmarks/following.py --rate 5 --frames 60``, or with ``--only otsu``. PNG files come into a
folder, one every 1 / rate seconds, and `track --follow` tells what it does by its own lines of JSON.
Another run is killed after ``--kill`` seconds and started again with ``--resume``; the masks are compared.
How far it is behind tells of this machine with whatever else it does; the processor's seconds a frame,
loading in them, tell at what rate a free core keeps up.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from batches import MAIN, masks
from numpy.typing import NDArray
from PIL import Image
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish, told

from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

SEED = 5

#: The options of `track` by the name of a way.
WAYS = {
    "defaults": [],
    "one-view": ["--no-tta"],
    "overlap": ["--tracker", "overlap", "--no-tta", "--neighbours", "0"],
    "yolo": ["--model", "yolov8n-seg", "--tracker", "overlap", "--neighbours", "0"],
    "otsu": ["--model", "otsu", "--tracker", "overlap"],
}

#: Without a frame for so many seconds the movie has ended.
IDLE_S = 4.0


def simulated(n_frames: int) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Simulate a movie of 512 px with merges; return its frames, and those in which particles merge."""
    config = MovieConfig(
        height=512, width=512, n_particles=50, radius_px=12.0, n_frames=n_frames, merges={2: 3}
    )
    movie = simulate_movie(SEED, config)
    return [movie.frame(t) for t in range(n_frames)], [merge.frame for merge in movie.lineage.merges]


def write_all(folder: Path, frames: list[NDArray[np.uint8]]) -> list[Path]:
    """Write the frames as PNG, and return their files in order."""
    folder.mkdir()
    files = [folder / f"frame_{t:05d}.png" for t in range(len(frames))]
    for file, frame in zip(files, frames, strict=True):
        Image.fromarray(frame).save(file, compress_level=1)
    return files


def arrive(files: list[Path], folder: Path, rate: float) -> None:
    """Link one file after the other into a folder, at a rate."""
    begun_s = time.monotonic()
    for t, file in enumerate(files):
        time.sleep(max(0.0, begun_s + t / rate - time.monotonic()))
        os.link(file, folder / file.name)


def start(source: Path, out: Path, words: list[str]) -> subprocess.Popen[str]:
    """Start to follow a folder."""
    command = ["track", source, "-o", out, "--follow", "--idle", f"{IDLE_S:g}s", "--json", *words]
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, command)],
        stdout=subprocess.PIPE,
        text=True,
    )


def events_of(child: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """Return the events that a run tells, each with the time of the clock at which it came."""
    assert child.stdout is not None
    found = [{**json.loads(line), "at_s": time.monotonic()} for line in child.stdout]
    if child.wait():
        raise SystemExit("track --follow failed; run it by hand")
    return found


def filmed(files: list[Path], folder: Path, rate: float) -> threading.Thread:
    """Begin to fill a new folder at a rate."""
    folder.mkdir()
    thread = threading.Thread(target=arrive, args=(files, folder, rate))
    thread.start()
    return thread


def measure(name: str, files: list[Path], words: list[str], rate: float, kill_s: float) -> Row:
    """Return how one way of tracking keeps up, and whether a kill and a restart lose anything."""
    folder = files[0].parent.parent
    begun_s, before = time.monotonic(), processor_s()
    filmed(files, folder / f"{name}-film", rate)
    events = events_of(start(folder / f"{name}-film", folder / f"{name}-out", words))
    spent_s = processor_s() - before
    last_s = begun_s + (len(files) - 1) / rate
    ended_s = float(events[-1]["at_s"])
    coming = filmed(files, folder / f"{name}-again", rate)
    killed = start(folder / f"{name}-again", folder / f"{name}-killed", words)
    time.sleep(kill_s)
    killed.kill()
    killed.communicate()
    n_left = len(masks(folder / f"{name}-killed"))
    events_of(start(folder / f"{name}-again", folder / f"{name}-killed", [*words, "--resume"]))
    coming.join()
    same = masks(folder / f"{name}-out") == masks(folder / f"{name}-killed")
    told_behind = [int(event["n_behind"]) for event in events if event["event"] == "frames"]
    return {
        "way": name,
        "merges told": sum(event["event"] == "merge" for event in events),
        "processor s a frame, loading too": spent_s / len(files),
        "most frames behind": max(told_behind, default=0),
        "s after the last frame": ended_s - IDLE_S - last_s,
        "masks when killed": n_left,
        "the same masks after the kill": told(same),
    }


def processor_s() -> float:
    """Return the processor time of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=5.0, help="frames a second")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--kill", type=float, default=12.0, metavar="S")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    add_json_option(parser)
    arguments = parser.parse_args()
    frames, merges = simulated(arguments.frames)
    with tempfile.TemporaryDirectory() as name:
        files = write_all(Path(name) / "all", frames)
        rows = [measure(way, files, WAYS[way], arguments.rate, arguments.kill) for way in arguments.only]
    result = BenchmarkResult(
        title="A movie that is tracked while it is written",
        data=f"{len(frames)} simulated frames of 512 px, 50 particles of 24 px, {arguments.rate:g} a second",
        split="-",
        seed=str(SEED),
        tables=[ResultTable(f"`track --follow`, of {len(merges)} merges", rows)],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

"""How much faster two shards track 24 small movies than one process, each with one thread.

Run ``python benchmarks/batches.py``, further options of `track` after ``--``. All processes write into one
folder; what they write is compared, mask by mask, with what the single one wrote.

Wall time tells of an idle machine only: beside other work a second process also takes a share from them, and
the cores that it gets are anyone's guess. Processor time is told too, user and system: where shards take
as much of it as one process does, nothing is wasted, and free cores would do the work in that many parts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from results import BenchmarkResult, ResultTable, add_json_option, publish, told

MAIN = "import sys; from temtrack.cli.app import main; sys.argv[0] = 'temtrack'; main()"
SMALL = ("--size", "192", "--particles", "8", "--radius", "10", "--merges", "2:1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--movies", type=int, default=24)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("words", nargs="*", help="further options of temtrack track, after --")
    add_json_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(arguments.movies):
            words = ["simulate", "-o", str(folder / f"sim{seed}"), "--seed", str(seed), *SMALL]
            start([*words, "--frames", str(arguments.frames)]).wait()
            (folder / f"sim{seed}" / "movie.tif").rename(folder / f"movie{seed}.tif")
        movies = [str(path) for path in folder.glob("movie*.tif")]
        words = ["track", *movies, *arguments.words, "-o"]
        one = run_all([[*words, str(folder / "one")]])
        shards = [f"{k + 1}/{arguments.shards}" for k in range(arguments.shards)]
        many = run_all([[*words, str(folder / "many"), "--shard", shard] for shard in shards])
        same = masks(folder / "one") == masks(folder / "many")
    rows = [
        {"run": name, "clock (s)": took.wall_s, "processor (s)": took.processor_s}
        for name, took in (("one process", one), (f"{len(shards)} shards", many))
    ]
    note = (
        f"{one.wall_s / many.wall_s:.2f} times as fast; with free cores, by processor time and the slowest "
        f"shard, {one.processor_s / many.longest_processor_s:.2f} times. The same masks: {told(same)}."
    )
    result = BenchmarkResult(
        title="Two processes on many movies",
        data=f"{len(movies)} simulated movies of {arguments.frames} frames of 192 px",
        split="-",
        seed=f"0 to {len(movies) - 1}",
        tables=[ResultTable("Tracking all movies, one thread for each process", rows, note)],
    )
    publish(result, arguments.json)


@dataclass(frozen=True)
class Took:
    """How long commands took together, on the clock and of the processor, and the longest of them."""

    wall_s: float
    processor_s: float
    longest_processor_s: float


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start the command line with one thread."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet
    )


def run_all(commands: list[list[str]]) -> Took:
    """Run commands at once and return what they took."""
    begun_s = time.monotonic()
    processes = [start(words) for words in commands]
    ends = [os.wait4(process.pid, 0) for process in processes]
    if any(status for _, status, _ in ends):
        raise SystemExit("a command failed; run it by hand")
    took_s = [usage.ru_utime + usage.ru_stime for _, _, usage in ends]
    return Took(time.monotonic() - begun_s, sum(took_s), max(took_s))


def masks(folder: Path) -> dict[str, bytes]:
    """Return the masks in a folder and those below, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("mask*.tif")}


if __name__ == "__main__":
    main()

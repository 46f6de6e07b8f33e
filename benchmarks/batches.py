"""How much faster two shards track 24 small movies than one process, each with one thread.

Run ``python benchmarks/batches.py`` on an otherwise idle machine with two cores or more. All processes write
into one folder; what they write is compared, mask by mask, with what the single one wrote.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MAIN = "import sys; from temtrack.cli.app import main; sys.argv[0] = 'temtrack'; main()"
SMALL = ("--frames", "30", "--size", "192", "--particles", "8", "--radius", "10", "--merges", "2:1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--movies", type=int, default=24)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("words", nargs="*", help="further options of temtrack track, after --")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(arguments.movies):
            start(["simulate", "-o", str(folder / f"sim{seed}"), "--seed", str(seed), *SMALL]).wait()
            (folder / f"sim{seed}" / "movie.tif").rename(folder / f"movie{seed}.tif")
        movies = [str(path) for path in folder.glob("movie*.tif")]
        words = ["track", *movies, *arguments.words, "-o"]
        one_s = run_all([[*words, str(folder / "one")]])
        shards = [f"{k + 1}/{arguments.shards}" for k in range(arguments.shards)]
        many_s = run_all([[*words, str(folder / "many"), "--shard", shard] for shard in shards])
        same = masks(folder / "one") == masks(folder / "many")
    print(
        f"{len(movies)} movies: {one_s:.1f} s in one process, {many_s:.1f} s in {len(shards)} shards, ",
        end="",
    )
    print(f"{one_s / many_s:.2f} times faster; the same masks: {'yes' if same else 'no'}")


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Start the command line with one thread."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet
    )


def run_all(commands: list[list[str]]) -> float:
    """Run commands at once and return how long they take together, in seconds."""
    begun_s = time.monotonic()
    processes = [start(words) for words in commands]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("a command failed; run it by hand")
    return time.monotonic() - begun_s


def masks(folder: Path) -> dict[str, bytes]:
    """Return the masks of all movies by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/mask*.tif")}


if __name__ == "__main__":
    main()

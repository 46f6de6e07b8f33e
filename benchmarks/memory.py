"""Peak memory of ``temtrack track --masks`` on a short and on a long movie.

Run ``python benchmarks/memory.py``, or with ``--side 256 --frames 100 10000``. A simulated movie of 60
frames is played to and fro, so that the long one costs no simulation; true masks stand in for a model, whose
memory does not depend on the movie's length.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from temtrack.formats.masks import mask_name, write_mask
from temtrack.formats.tiff_writer import write_movie
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

N_FRAMES, SEED = 60, 1

#: Runs in a child. The kernel's own count (KiB, Linux) is the child's alone; getrusage would begin with the
#: parent's, from which the child was forked.
CHILD = """
import pathlib, re, sys
from temtrack.cli.app import app
app(sys.argv[1:], standalone_mode=False)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]) // 1024)
"""


def to_and_fro(n_frames: int) -> list[int]:
    """Return which simulated frame stands at each place of a movie of ``n_frames``."""
    last = N_FRAMES - 1
    return list(islice(cycle(chain(range(last), range(last, 0, -1))), n_frames))


def in_memory(render: Callable[[int], NDArray[np.integer]]) -> list[NDArray[np.integer]]:
    """Render every simulated frame once."""
    return [render(t) for t in range(N_FRAMES)]


def write_inputs(folder: Path, movie: SimulatedMovie, n_frames: int) -> None:
    """Write ``film.tif`` and ``masks/`` frame by frame."""
    order = to_and_fro(n_frames)
    frames, labels = in_memory(movie.frame), in_memory(movie.labels)
    shown = replace(movie.to_movie(), n_frames=n_frames, read_frame=lambda t: frames[order[t]])
    write_movie(folder / "film.tif", shown)
    (folder / "masks").mkdir()
    for t, source in enumerate(order):
        write_mask(folder / "masks" / mask_name(t), labels[source])


def movie_of(side: int) -> SimulatedMovie:
    """Simulate a movie of ``side`` px, as crowded at any size."""
    n = max(20, 60 * side**2 // 512**2)
    config = MovieConfig(n_frames=N_FRAMES, height=side, width=side, n_particles=n, merges={2: 3, 3: 1})
    return simulate_movie(SEED, config)


def peak_mib(folder: Path, propagator: str) -> tuple[int, float]:
    """Track in a child process and return its peak memory in MiB and the seconds it took."""
    words = ["track", folder / "film.tif", "--masks", folder / "masks", "-o", folder / "out"]
    words += ["--propagator", propagator, "--json"]
    start = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, words)], capture_output=True, text=True, check=True
    )
    return int(child.stdout.splitlines()[-1]), time.perf_counter() - start


def main() -> None:
    """Simulate, track, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs=2, default=(200, 2000), metavar=("SHORT", "LONG"))
    parser.add_argument("--side", type=int, default=512, help="px")
    parser.add_argument("--propagator", default="deaot-t")
    arguments = parser.parse_args()
    movie, peaks = movie_of(arguments.side), []
    print(f"{'frames':>7s} {'peak MiB':>9s} {'seconds':>8s}")
    for n_frames in arguments.frames:
        with tempfile.TemporaryDirectory() as folder:
            write_inputs(Path(folder), movie, n_frames)
            peak, seconds = peak_mib(Path(folder), arguments.propagator)
        peaks.append(peak)
        print(f"{n_frames:7d} {peak:9d} {seconds:8.0f}", flush=True)
    print(f"difference: {peaks[1] - peaks[0]} MiB")


if __name__ == "__main__":
    main()

"""Peak memory of ``temtrack track --masks`` on its way through a long movie, and of commands on a huge file.

Run ``python benchmarks/memory.py``, or with ``--side 256 --frames 100 1000 10000``. A simulated movie of 60
frames is played to and fro, so that the long one costs no simulation; true masks stand in for a model, whose
memory does not depend on the movie's length.

``PYTHONPATH=tests python benchmarks/memory.py --huge`` writes a TIFF and a dm4 of 2048 x 2048 px and over
4 GB, which take little room on the disk since all but their first 20 frames are a hole, and runs ``info`` on
them and ``track --frames 0:20``, once with true masks and once with ``--model otsu``.

``python benchmarks/memory.py --wide 2 4`` tracks movies of as many frames of 4096 px, some 5,000 particles,
64 fields beside each other, with the network and all defaults.
"""

from __future__ import annotations

import argparse
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.formats.store.masks import mask_name, write_mask
from temtrack.formats.store.movies import write_movie
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

N_FRAMES, SEED = 60, 1

#: Frames of a huge file, and of the piece of it that is tracked.
N_HUGE, N_PIECE = 513, 20

#: Runs in a child. The kernel's own count (KiB, Linux) is the child's alone; getrusage would begin with the
#: parent's, from which the child was forked.
CHILD = """
import pathlib, sys
from temtrack.cli.app import app
app(sys.argv[1:], standalone_mode=False)
print(pathlib.Path("/proc/self/status").read_text())
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


def peak_mib(*words: object) -> tuple[int, float]:
    """Run a command in a child process and return its peak memory in MiB and the seconds it took."""
    start = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, words)], capture_output=True, text=True, check=True
    )
    return told_peak_mib(child.stdout), time.perf_counter() - start


def told_peak_mib(status: str) -> int:
    """Return the peak memory that a process's status file tells, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    if found is None:
        raise ValueError("no VmHWM in the status: the process has ended")
    return int(found[1]) // 1024


def watch_tracking(folder: Path, tracker: str, milestones: list[int]) -> Iterator[Row]:
    """Track ``film.tif`` in a child process; yield its peak memory whenever so many masks are written."""
    words = ["track", folder / "film.tif", "--masks", folder / "masks", "-o", folder / "out", "--json"]
    words += ["--tracker", tracker]
    start = time.perf_counter()
    command = [sys.executable, "-c", CHILD, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for n in milestones:
            while child.poll() is None and not (folder / "out" / mask_name(n - 1)).exists():
                time.sleep(0.1)
            if n == milestones[-1]:
                told, _ = child.communicate()  # to its end: the tables are written after the last mask
            else:
                told = Path(f"/proc/{child.pid}/status").read_text()
            yield {"frames": n, "peak MiB": told_peak_mib(told), "seconds": time.perf_counter() - start}


def write_huge(folder: Path) -> list[Path]:
    """Write ``huge.tif`` and ``huge.dm4``, and ``masks/`` of the piece that holds particles."""
    movie = movie_of(512)
    frames = np.stack([np.tile(movie.frame(t), (4, 4)).astype(np.uint16) for t in range(N_PIECE)])
    whole = tifffile.memmap(
        folder / "huge.tif", shape=(N_HUGE, *frames.shape[1:]), dtype=np.uint16, bigtiff=True
    )
    whole[:N_PIECE] = frames
    del whole
    (folder / "masks").mkdir()
    for t in range(N_PIECE):
        labels = movie.labels(t)
        tiles = np.arange(16).reshape(4, 4) * (int(labels.max()) + 1)
        own = np.kron(tiles, np.ones(labels.shape, np.int32))
        write_mask(
            folder / "masks" / mask_name(t),
            np.where(np.tile(labels, (4, 4)) > 0, own, 0) + np.tile(labels, (4, 4)),
        )
    return [folder / "huge.tif", stretch_dm(folder / "huge.dm4", frames)]


def stretch_dm(path: Path, frames: NDArray[np.uint16]) -> Path:
    """Write a dm4 that tells of ``N_HUGE`` frames, all but the given ones a hole in the file."""
    from microscope_files import write_dm

    raw, pixels = write_dm(path, frames).read_bytes(), frames.tobytes()
    at = raw.index(pixels)
    before, after = raw[: at - 8], raw[at + len(pixels) :]
    size = struct.pack(">q", N_HUGE * frames[0].size)
    told, telling = (struct.pack(">qq", 1, 5) + struct.pack("<I", n) for n in (len(frames), N_HUGE))
    with path.open("wb") as file:
        file.write(before + size + pixels)
        file.seek(at + N_HUGE * frames[0].nbytes)
        file.write(after.replace(told, telling))
    return path


def measure_huge() -> Iterator[Row]:
    """Yield the peak memory of commands on files of more than 4 GB."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n, path in enumerate(write_huge(folder)):
            piece = ["track", path, "--frames", f"0:{N_PIECE}", "--tracker", "overlap", "--json"]
            commands = [
                ["info", path, "--json"],
                [*piece, "--masks", folder / "masks", "-o", folder / f"masked{n}"],
                [*piece, "--model", "otsu", "-o", folder / f"otsu{n}"],
            ]
            for words in commands:
                peak, seconds = peak_mib(*words)
                shown = " ".join(str(word).removeprefix(f"{name}/") for word in words)
                size = f"{path.stat().st_size / 1e9:.2f} GB"
                yield {"peak MiB": peak, "seconds": seconds, "command": shown, "size of the file": size}


def measure_wide(lengths: list[int]) -> Iterator[Row]:
    """Yield the peak memory of ``track`` with its defaults on movies of 4096 px."""
    config = MovieConfig(height=512, width=512, n_particles=79, radius_px=12.0, n_frames=max(lengths))
    movie = simulate_movie(SEED, config)
    n_particles = 64 * len(np.unique(movie.labels(0))) - 64
    for n in lengths:
        with tempfile.TemporaryDirectory() as name:
            film = Path(name) / "wide.tif"
            shape = (n, 4096, 4096)
            whole = tifffile.memmap(film, shape=shape, dtype=np.uint8, photometric="minisblack")
            for t in range(n):
                whole[t] = np.tile(movie.frame(t), (8, 8))
            del whole
            peak, seconds = peak_mib("track", film, "-o", Path(name) / "out", "--json")
        yield {"frames": n, "particles": n_particles, "peak MiB": peak, "seconds": seconds}


def main() -> None:
    """Simulate, track, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[200, 2000], help="the last is the length")
    parser.add_argument("--side", type=int, default=512, help="px")
    parser.add_argument("--tracker", default="deaot-t")
    parser.add_argument("--huge", action="store_true", help="files of more than 4 GB instead")
    parser.add_argument("--wide", type=int, nargs="+", metavar="FRAMES", help="movies of 4096 px instead")
    add_json_option(parser)
    arguments = parser.parse_args()
    if arguments.wide:
        table = ResultTable(
            "Peak memory of `temtrack track` on frames of 4096 px", list(measure_wide(arguments.wide))
        )
    elif arguments.huge:
        table = ResultTable("Peak memory on files of more than 4 GB", list(measure_huge()))
    else:
        title = f"Peak memory of `temtrack track` with {arguments.tracker} on its way through a movie"
        with tempfile.TemporaryDirectory() as folder:
            write_inputs(Path(folder), movie_of(arguments.side), arguments.frames[-1])
            rows = list(watch_tracking(Path(folder), arguments.tracker, arguments.frames))
        table = ResultTable(title, rows, "True masks stand in for a model.")
    result = BenchmarkResult(
        title="Memory",
        data=f"a simulated movie of {512 if arguments.huge or arguments.wide else arguments.side} px",
        split="-",
        seed=str(SEED),
        tables=[table],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

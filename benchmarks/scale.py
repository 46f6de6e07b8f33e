"""Seconds per frame of ``track`` and ``segment`` on small, crowded and large movies.

Run ``python benchmarks/scale.py``. ``--only still`` measures what has that in its name, ``--frames 42``
takes longer movies, and ``--beside FOLDER`` does the same with another checkout in turns, and tells how
many times as fast this one is. Each measurement is a command in a process of its own, and a shorter one of
the same movie is taken off, so that loading and finding the scale do not count. Beside the time stand the
seconds of the processor, which depend less on what else a machine does.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from results import ROOT, BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.formats.store.movies import write_movie
from temtrack.movie import Movie
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

SEED = 1

#: Frames of the short movie that is taken off. Of one that stands still every tenth frame is segmented whole,
#: so a multiple of 10 more is fair to it.
N_SHORT = 2

#: Moments of a movie with merges, of which the frames around the middle are filmed.
N_MOMENTS = 40


@dataclass(frozen=True)
class Case:
    """A movie and what is done with it.

    Parameters
    ----------
    name, command
        What it is called, and the words of the command.
    config
        Of the simulated movie; its frames are as many as merges need.
    n_frames
        How many of them are measured, from the middle on.
    """

    name: str
    command: tuple[str, ...]
    config: MovieConfig
    n_frames: int


def movie_of(side: int, n: int, radius_px: float, **more: object) -> MovieConfig:
    """Return a movie of a square field."""
    config = MovieConfig(height=side, width=side, n_particles=n, radius_px=radius_px, n_frames=N_MOMENTS)
    return replace(config, **more)


STILL = {"motion_px": 0.0, "flicker": 0.0, "detector": Detector(500.0)}

CASES = (
    Case("track 512 px x 50", ("track",), movie_of(512, 50, 12.0, merges={2: 3}), 6),
    Case("track 512 px x 50, still", ("track",), movie_of(512, 50, 12.0, merges={2: 3}, **STILL), 12),
    Case("track 1024 px x 1,000 of 12 px", ("track",), movie_of(1024, 1000, 6.0, merges={2: 10}), 3),
    Case(
        "track 2048 px x 300, still but for 10 merges",
        ("track",),
        movie_of(2048, 300, 20.0, merges={2: 10}, **STILL),
        12,
    ),
    Case("segment 4096 px x 800", ("segment",), movie_of(4096, 800, 24.0), 1),
)


def write_piece(path: Path, movie: SimulatedMovie, n_frames: int) -> None:
    """Write frames from the middle of a simulated movie on."""
    first = (len(movie) - n_frames) // 2
    whole = movie.to_movie()
    write_movie(
        path, Movie(path, n_frames, whole.height, whole.width, whole.dtype, lambda t: movie.frame(first + t))
    )


def seconds_of(words: list[object], checkout: Path) -> tuple[float, float]:
    """Run a command of a checkout; return the seconds that it took, and those of the processor."""
    before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "temtrack", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    subprocess.run(command, env=environment, cwd=checkout, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun_s, cpu_s


def measure(case: Case, n_frames: int, checkouts: dict[str, Path]) -> Iterator[Row]:
    """Yield the cost of a frame of a case with each checkout, which take turns."""
    movie, n_short = simulate_movie(SEED, case.config), min(N_SHORT, n_frames - 1)
    spent = {name: np.zeros(2) for name in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        for sign, n in ((1, n_frames), (-1, n_short)):
            if n == 0:
                continue
            film = Path(folder) / f"film{n}.tif"
            write_piece(film, movie, n)
            for name, checkout in checkouts.items():
                out = Path(folder) / f"{name}{n}"
                spent[name] += sign * np.array(seconds_of([*case.command, film, "-o", out], checkout))
    megapixels = case.config.height * case.config.width / 1e6
    for name, total in spent.items():
        seconds, cpu_s = (total / (n_frames - n_short)).tolist()
        yield {
            "case": case.name,
            "checkout": name,
            "frames": n_frames,
            "s a frame": seconds,
            "processor s a frame": cpu_s,
            "processor s a megapixel": cpu_s / megapixels,
            "processor ms a particle": 1e3 * cpu_s / case.config.n_particles,
        }


def times_as_fast(rows: list[Row]) -> Iterator[Row]:
    """Yield, for each case, how many times less this checkout takes than the other one."""
    for this, other in zip(rows[::2], rows[1::2], strict=True):
        names = ("s a frame", "processor s a frame")
        yield {"case": this["case"], **{f"times less {name}": other[name] / this[name] for name in names}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="WORD", help="measure only what has this in its name")
    parser.add_argument("--frames", type=int, help="of each movie, in place of each one's own number")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout, measured in turns")
    add_json_option(parser)
    arguments = parser.parse_args()
    checkouts = {"this": ROOT} | ({"other": arguments.beside} if arguments.beside else {})
    rows = [
        row
        for case in CASES
        if arguments.only in case.name
        for row in measure(case, arguments.frames or case.n_frames, checkouts)
    ]
    tables = [ResultTable("Cost of a frame", rows, "Loading, and finding the scale, do not count.")]
    if arguments.beside:
        tables.append(ResultTable("Beside the other checkout", list(times_as_fast(rows))))
    result = BenchmarkResult(
        title="Cost of large and crowded movies",
        data="simulated movies, of which the frames in the middle are taken",
        split="-",
        seed=str(SEED),
        tables=tables,
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

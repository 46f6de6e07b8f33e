"""How much faster two processes segment one long movie in pieces than one does, each with one thread.

Run ``python benchmarks/pieces.py``, further options of both commands after ``--``. One `track` is timed
beside ``segment --frames A:B`` of the pieces, two at a time, and ``track --masks`` that joins them; what
both write is compared, file by file. Processor time is told beside the time on the clock, which tells of an
idle machine only: with free cores the pieces would take what the slowest process and joining take.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path

from batches import Took, run_all, start
from results import BenchmarkResult, ResultTable, add_json_option, publish, told

SIZE = ("--size", "512", "--particles", "50", "--radius", "12", "--merges", "2:3")


def in_pairs(pieces: list[list[str]]) -> tuple[Took, float]:
    """Segment pieces two at a time; return what they took, and the longest of each two together."""
    took = [run_all(pieces[i : i + 2]) for i in range(0, len(pieces), 2)]
    longest_s = sum(one.longest_processor_s for one in took)
    return Took(sum(o.wall_s for o in took), sum(o.processor_s for o in took), longest_s), longest_s


def results(folder: Path) -> dict[str, bytes]:
    """Return what a run wrote, but for its record."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".tif", ".txt")} | {
        "lineage.json": (folder / "lineage.json").read_bytes()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--pieces", type=int, default=4)
    parser.add_argument("words", nargs="*", help="further options of temtrack track, after --")
    add_json_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start(["simulate", "-o", str(folder / "sim"), *SIZE, "--frames", str(arguments.frames)]).wait()
        movie = str(folder / "sim" / "movie.tif")
        one = run_all([["track", movie, "-o", str(folder / "one"), *arguments.words]])
        ends = [arguments.frames * i // arguments.pieces for i in range(arguments.pieces + 1)]
        piece = ["segment", movie, "-o", str(folder / "pieces")]
        many, longest_s = in_pairs([[*piece, "--frames", f"{a}:{b}"] for a, b in pairwise(ends)])
        join = ["track", movie, "--masks", str(folder / "pieces"), "-o", str(folder / "joined")]
        joined = run_all([[*join, *arguments.words]])
        same = results(folder / "one") == results(folder / "joined")
    rows = [
        {"run": run, "clock (s)": took.wall_s, "processor (s)": took.processor_s}
        for run, took in (("one process", one), ("pieces, two at a time", many), ("joining them", joined))
    ]
    by_clock = one.wall_s / (many.wall_s + joined.wall_s)
    by_cores = one.processor_s / (longest_s + joined.processor_s)
    note = (
        f"{by_clock:.2f} times as fast by the clock; with two free cores, by processor time, {by_cores:.2f} "
        f"times. The same masks, lineage and table of tracks: {told(same)}."
    )
    result = BenchmarkResult(
        title="One movie in pieces",
        data=f"a simulated movie of {arguments.frames} frames of 512 px and 50 particles, "
        f"in {arguments.pieces} pieces",
        split="-",
        seed="0",
        tables=[ResultTable("Beside one process", rows, note)],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

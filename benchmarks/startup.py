"""CPU seconds that the command line takes to start, beyond Python's own start.

Run ``python benchmarks/startup.py [FILE]``; FILE is what ``temtrack info`` looks at, by default the embedded
video. It counts processor time, but that of a busy machine is up to a half more. Modules are compiled once,
as where the program is installed. With ``--imports`` it also names those that take longest, by
``python -X importtime``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from results import BenchmarkResult, ResultTable, add_json_option, publish

import temtrack

MAIN = "import sys; from temtrack.cli.app import main; sys.argv[0] = 'temtrack'; main()"
DEMO = Path(temtrack.__file__).parent / "demo" / "sintering.mp4"
N_RUNS = 7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", default=str(DEMO))
    parser.add_argument("--imports", action="store_true")
    add_json_option(parser)
    arguments = parser.parse_args()
    nothing_s = cpu_seconds(["-c", "pass"])
    rows = []
    for words in (["--help"], ["info", arguments.file]):
        taken_s = cpu_seconds(["-c", MAIN, *words]) - nothing_s
        rows.append({"command": f"temtrack {words[0]}", "processor (s)": taken_s})
        if arguments.imports:
            print("\n".join(slowest_imports(words)))
    note = f"Beyond {nothing_s:.3f} s that `python -c pass` takes; medians of {N_RUNS}."
    result = BenchmarkResult(
        title="Start of the command line",
        data=Path(arguments.file).name,
        split="-",
        seed="-",
        tables=[ResultTable("Processor time until a command is done", rows, note)],
    )
    publish(result, arguments.json)


def cpu_seconds(words: list[str]) -> float:
    """Return the median CPU time, user's and system's, of Python with these words."""
    return statistics.median(_once(words) for _ in range(N_RUNS))


def _once(words: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words], check=True, env=environment, **quiet)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def slowest_imports(words: list[str], n: int = 15) -> list[str]:
    """Return the lines of ``-X importtime`` with the largest times of their own."""
    command = [sys.executable, "-X", "importtime", "-c", MAIN, *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    lines = [line for line in told if line.startswith("import time:") and "|" in line and "self" not in line]
    return sorted(lines, key=lambda line: -int(line.split(":")[1].split("|")[0]))[:n]


if __name__ == "__main__":
    main()

"""Kill commands at random moments and go on: how many end in the bytes of an unbroken run.

Run ``PYTHONPATH=tests python benchmarks/faults.py --stops 100``, with ``--signal SIGINT`` for Ctrl-C.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from damage.commands import Nursery, Result, contents
from damage.scenes import WORKS, Work, write_inputs
from results import BenchmarkResult, ResultTable, add_json_option, publish


@dataclass
class Bench:
    """Runs one command again and again."""

    nursery: Nursery
    work: Work
    folder: Path
    n_runs: int = 0

    def run(
        self, after_s: float | None = None, number: signal.Signals = signal.SIGKILL
    ) -> tuple[Path, Result]:
        """Run the command in a fresh folder, and send it a signal after a time."""
        self.n_runs += 1
        here = self.folder / f"run {self.n_runs}"
        here.mkdir()
        running = self.nursery.start(self.work.words, here, self.work.before)
        if after_s is not None:
            time.sleep(after_s)
            running.signal(number)
        return here, running.wait()

    def go_on(self, here: Path, whole: dict[str, bytes]) -> str:
        """Go on with a stopped run; return what differs from the unbroken one."""
        out = here / "out"
        if out.is_dir() and contents(out) == whole:
            return ""  # it was stopped when all was done
        words = [*self.work.words, *self.work.go_on * out.is_dir()]
        result = self.nursery.run(words, here, self.work.before)
        found = contents(out) if out.is_dir() else {}
        differing = [name for name in {**whole, **found} if whole.get(name) != found.get(name)]
        return " ".join([*result.stderr.split() * (result.exit_code != 0), *sorted(differing)])


def stop_and_resume(bench: Bench, n_stops: int, rng: np.random.Generator, number: signal.Signals) -> int:
    """Stop runs at random moments and go on; return how many of them end otherwise than unbroken."""
    begun = time.monotonic()
    here, result = bench.run()
    lasts_s, whole = time.monotonic() - begun, contents(here / "out")
    assert result.exit_code == 0, result.stderr
    n_stopped = n_wrong = 0
    while n_stopped < n_stops:
        begun = time.monotonic()
        here, result = bench.run(rng.uniform(0, lasts_s), number)
        if result.exit_code == 0:  # it was through before; a busy machine is not always equally slow
            lasts_s = min(lasts_s, time.monotonic() - begun)
            continue
        n_stopped += 1
        if fault := bench.go_on(here, whole):
            n_wrong += 1
            print(f"{here.name}: {fault}", flush=True)
        shutil.rmtree(here)
    return n_wrong


def main() -> int:
    """Stop runs of every command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stops", type=int, default=100, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", default="SIGKILL")
    parser.add_argument("commands", nargs="*", default=list(WORKS))
    add_json_option(parser)
    arguments = parser.parse_args()
    rows, n_all_wrong = [], 0
    with tempfile.TemporaryDirectory() as name, Nursery() as nursery:
        (Path(name) / "inputs").mkdir()
        write_inputs(Path(name) / "inputs")
        for command in arguments.commands:
            folder = Path(name) / command
            folder.mkdir()
            (folder / "inputs").symlink_to(Path(name) / "inputs")
            rng, number = np.random.default_rng(arguments.seed), signal.Signals[arguments.signal]
            bench = Bench(nursery, WORKS[command], folder)
            n_wrong = stop_and_resume(bench, arguments.stops, rng, number)
            rows.append(
                {"command": command, "stopped": arguments.stops, "same bytes": arguments.stops - n_wrong}
            )
            n_all_wrong += n_wrong
    result = BenchmarkResult(
        title="Runs that are killed and go on",
        data="small simulated inputs of each command",
        split="-",
        seed=str(arguments.seed),
        tables=[ResultTable(f"Stopped by {arguments.signal} at random moments, then resumed", rows)],
    )
    publish(result, arguments.json)
    return int(n_all_wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())

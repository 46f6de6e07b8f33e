"""Time and memory of the kinetics of a large run: 1,000 particles over 1,000 frames.

Run ``PYTHONPATH=tests python benchmarks/kinetics_cost.py`` (a minute). Another process writes the tables of
made-up particles, a fifth of which merge in pairs; this one reads them, fits everything and draws the plots,
as ``temtrack kinetics`` does where tables lie beside the masks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pickle
import tempfile
import time
from pathlib import Path

import numpy as np
from kinetic_laws import World, coalescing
from memory import told_peak_mib
from results import BenchmarkResult, ResultTable, add_json_option, publish

SEED = 0

NOTE = "More time passes than a core works where other programs run beside, as here."


def write_run(path: str, n_particles: int, n_frames: int) -> None:
    """Write what was observed in a made-up run."""
    world = World(n_particles=n_particles, n_frames=n_frames, field_nm=3000.0)
    run = coalescing(np.random.default_rng(SEED), n_particles // 10, world=world)
    Path(path).write_bytes(pickle.dumps(run))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=1000)
    add_json_option(parser)
    given = parser.parse_args()
    from temtrack.kinetics.estimate import fill_kinetics
    from temtrack.kinetics.measure import measure_kinetics
    from temtrack.report.plots import write_kinetics_plots

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "run.pickle"
        spawn = multiprocessing.get_context("spawn")
        made = spawn.Process(target=write_run, args=(str(path), given.particles, given.frames))
        made.start()
        made.join()
        start, began = time.process_time(), time.perf_counter()
        run = pickle.loads(path.read_bytes())
        rows = measure_kinetics(run, np.random.default_rng(SEED))
        fitted = time.process_time() - start
        fill_kinetics(rows)
        write_kinetics_plots(Path(name), run, rows)
        seconds, passed = time.process_time() - start, time.perf_counter() - began
    row = {
        "particles": given.particles,
        "frames": given.frames,
        "rows of particles": len(run.particles),
        "quantities": len(rows),
        "fits, s of a core": fitted,
        "fits and plots, s of a core": seconds,
        "passed, s": passed,
        "peak memory, MiB": told_peak_mib(Path("/proc/self/status").read_text()),
    }
    result = BenchmarkResult(
        title="Cost of kinetics",
        data="a made-up table of particles, a fifth of which merge in pairs",
        split="-",
        seed=str(SEED),
        tables=[ResultTable("All quantities of a large run", [row], NOTE)],
    )
    publish(result, given.json)


if __name__ == "__main__":
    main()

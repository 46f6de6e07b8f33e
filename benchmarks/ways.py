"""What a frame of `track` costs with faster and faster options, and which merges are told.

Run ``python benchmarks/ways.py``. Of a simulated movie with three merges the frames in the middle are
tracked in memory, by each way in turn, as ``--follow`` does it: the first five frames tell how all are
shown. That, and the first frame, in which networks settle, are left out; processor time of one thread is
counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.movie import movie_of_array
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.tracking_plan import TrackStage
from temtrack.pipeline.tracking_run import track_in_memory
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import simulate_movie

SEED = 5
FRAMES = slice(18, 34)

FAST = {"tracker": "overlap", "n_neighbours": 0}
WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "--no-tta": {"tta": False},
    "--no-tta --tracker overlap": {"tta": False, "tracker": "overlap"},
    "--no-tta --tracker overlap --neighbours 0": {"tta": False, **FAST},
    "--model yolov8n-seg --tracker overlap --neighbours 0": {"model": "yolov8n-seg", **FAST},
    "--model otsu --tracker overlap --neighbours 0": {"model": "otsu", **FAST},
}


def measure() -> Iterator[Row]:
    """Yield cost and finds of each way."""
    config = MovieConfig(height=512, width=512, n_particles=50, radius_px=12.0, n_frames=50, merges={2: 3})
    simulated = simulate_movie(SEED, config)
    movie = movie_of_array(np.stack([simulated.frame(t) for t in range(50)[FRAMES]]))
    true = [merge.frame for merge in simulated.lineage.merges if merge.frame in range(50)[FRAMES]]
    for way, options in WAYS.items():
        plan = TrackStage.load(TrackOptions(**options, follow=True), "cpu").plan(movie, "benchmark")
        begun: list[float] = []

        def noted(frames: Any, what: str, begun: list[float] = begun) -> Iterator[Any]:
            for t in frames:
                begun.append(time.process_time())
                yield t
            begun.append(time.process_time())

        run = track_in_memory(plan, noted)
        found = run.lineage.merges if run.lineage else ()
        yield {
            "options": way,
            "processor s a frame": (begun[-1] - begun[1]) / (len(begun) - 2),
            "particles in the first frame": len(np.unique(run.masks[0])) - 1,
            f"merges, of {len(true)}": len(found),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_json_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = ResultTable("A frame of `track`", list(measure()))
    result = BenchmarkResult(
        title="Faster ways of tracking",
        data="16 simulated frames of 512 px with 50 particles of 24 px",
        split="-",
        seed=str(SEED),
        tables=[table],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

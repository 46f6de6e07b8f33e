"""Milliseconds per frame of given masks of 1024 x 1024 px, at 100, 1,000 and 5,000 particles.

Run ``python benchmarks/linking_speed.py``; it counts processor time of one core, for linking and for all that
``analyze --merges`` does with masks in memory: finding the lineage, measuring particles, tracks, merges.
Discs on a grid tremble and are renumbered in every frame; a tenth of them touch a neighbour now and then.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.analysis.measure import analyze_run
from temtrack.calibration import UNCALIBRATED
from temtrack.linking.masks import link_masks
from temtrack.masks import Run, masks_of_arrays

SIDE_PX, N_FRAMES = 1024, 40

#: Radius of a disc and its tremor in units of the grid's step.
RADIUS, TREMOR = 0.36, 0.05


def trembling_discs(n: int, rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Yield masks (Y, X) of ``n`` discs."""
    n_a_side = int(np.ceil(np.sqrt(n)))
    step = SIDE_PX / n_a_side
    cells = np.stack(np.divmod(np.arange(n), n_a_side))
    radius = RADIUS * step * rng.uniform(0.8, 1.2, n)
    y, x = np.indices((SIDE_PX, SIDE_PX))
    cell = np.minimum((y / step).astype(int) * n_a_side + (x / step).astype(int), n - 1)
    for _ in range(N_FRAMES):
        cy, cx = (cells + 0.5 + rng.normal(0, TREMOR, (2, n))) * step
        ids = rng.permutation(n) + 1
        inside = (y - cy[cell]) ** 2 + (x - cx[cell]) ** 2 <= radius[cell] ** 2
        yield np.where(inside, ids[cell], 0).astype(np.int32)


def ms_per_frame(work: Callable[[], object]) -> float:
    """Return the processor time of some work on all frames, per frame."""
    start = time.process_time()
    work()
    return 1e3 * (time.process_time() - start) / N_FRAMES


def analyze(masks: list[NDArray[np.int32]]) -> None:
    """Do what ``temtrack analyze`` does."""
    analyze_run(Run(masks_of_arrays(masks)), None, UNCALIBRATED)


def main() -> None:
    """Link, analyse and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_json_option(parser)
    arguments = parser.parse_args()
    rows = []
    for n in (100, 1000, 5000):
        masks = list(trembling_discs(n, np.random.default_rng(n)))
        linked = link_masks(masks)
        linking, analysis = ms_per_frame(partial(list, linked)), ms_per_frame(partial(analyze, masks))
        rows.append({"particles": n, "linking (ms a frame)": linking, "analysis (ms a frame)": analysis})
        rows[-1] |= {"frames per second": 1e3 / analysis, "tracks": len(linked.lineage.tracks)}
    result = BenchmarkResult(
        title="Speed of linking and analysis",
        data=f"{N_FRAMES} masks of {SIDE_PX} px of trembling discs",
        split="-",
        seed="number of particles",
        tables=[ResultTable("Processor time of one core", rows)],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

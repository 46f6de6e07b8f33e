"""The tracker's network asked only where a particle was missed, and of every frame: ids, merges and cost.

Run ``python benchmarks/doubt.py --movies 5`` (two minutes on one core). Each movie is segmented by its true
masks, by disturbed ones, or by true ones of which a tenth is left out, in turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from disturbances import disturbed
from merges import small_movie_of, tally
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

from temtrack.metrics.tracks import match_tracks
from temtrack.simulation.movie import SimulatedMovie
from temtrack.tracking.deaot.tracker import DeaotTracker
from temtrack.tracking.engine import TrackingEngine
from temtrack.tracking.load import load_deaot

FIRST_SEED = 7100
KINDS = ("true", "disturbed", "a tenth left out")
DOSES_E_PX = (100, 30)

#: Merges within so many frames of the true ones are found.
TOLERANCE_FRAMES = 1

Labels = NDArray[np.int32]


def segmentations(movie: SimulatedMovie, kind: str, seed: int) -> list[Labels]:
    """Return what is found of each frame."""
    rng, true = np.random.default_rng((seed, 5)), [movie.labels(t) for t in range(len(movie))]
    if kind == "true":
        return true
    if kind == "disturbed":
        return [disturbed(labels, rng) for labels in true]
    seen = []
    for labels in true:
        ids = np.unique(labels[labels > 0])
        seen.append(np.where(np.isin(labels, ids[rng.random(ids.size) < 0.1]), 0, labels))
    return seen


def rows_of(tracker: DeaotTracker, seed: int) -> Iterator[Row]:
    """Yield what is told of a movie with the network asked of every frame, and only in doubt."""
    kind, dose = KINDS[seed % len(KINDS)], DOSES_E_PX[seed % len(DOSES_E_PX)]
    movie = small_movie_of(seed, dose)
    true, seen = [movie.labels(t) for t in range(len(movie))], segmentations(movie, kind, seed)
    before: list[Labels] | None = None
    for only in (False, True):
        own = DeaotTracker(tracker.net, tracker.device, replace(tracker.config, only_in_doubt=only))
        left = iter(seen)
        engine = TrackingEngine(lambda _, left=left: next(left), own)
        begun_s = time.process_time()
        frames = [frame for t in range(len(movie)) for frame in engine.push(movie.frame(t))]
        last, lineage = engine.finish()
        cpu_s = time.process_time() - begun_s
        labels = [frame.labels for frame in (*frames, *last)]
        told = tally(labels, lineage, true, movie.lineage)
        yield {
            "movie": seed,
            "masks": kind,
            "asked": "in doubt" if only else "of every frame",
            "merge F1": told.merges[TOLERANCE_FRAMES].f1,
            "id switches": int(match_tracks(labels, true).n_switches),
            "frames that differ": sum((a != b).any() for a, b in zip(before or labels, labels, strict=True)),
            "processor s a frame": cpu_s / len(movie),
        }
        before = labels


def main() -> None:
    """Track and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=5)
    add_json_option(parser)
    words = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + words.movies)
    tracker = load_deaot("deaot-t", "cpu")
    rows = [row for seed in seeds for row in rows_of(tracker, seed)]
    result = BenchmarkResult(
        title="The tracker's network in doubt, and of every frame",
        data=f"{len(seeds)} simulated movies of 18 particles with merges, contacts and crossings",
        split="no threshold was set on them",
        seed=f"{seeds.start} to {seeds.stop - 1}",
        tables=[ResultTable("Ids and merges", rows)],
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()

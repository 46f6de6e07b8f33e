"""Link the true masks of simulated movies, ids shuffled in every frame, and compare with the truth.

Run ``python benchmarks/tracking.py``; the table is that of the README.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.labels import touching_pairs
from temtrack.lineage import Lineage
from temtrack.linking import link_masks
from temtrack.metrics.merges import MergeScore, match_merges
from temtrack.metrics.tracks import TrackMatches, match_tracks
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

TOLERANCES = (0, 1, 3)
FIRST_SEED = 1000

#: Chance, in each frame, that a particle is missed or broken in two, and that a pair in contact is joined.
MISSED_SHARE, BROKEN_SHARE, JOINED_SHARE = 0.01, 0.005, 0.1


@dataclass(frozen=True)
class Outcome:
    """One movie: found and true lineage, matched detections, seconds per frame of linking alone."""

    seed: int
    found: Lineage
    true: Lineage
    matches: TrackMatches
    seconds_per_frame: float

    def merges(self, tolerance_frames: int) -> MergeScore:
        """Match the merges within a tolerance."""
        return match_merges(
            self.found.merges, self.true.merges, self.matches.true_of_found(), tolerance_frames
        )


def movie_of(seed: int) -> SimulatedMovie:
    """Simulate a movie of 30 to 60 particles in which everything happens."""
    rng = np.random.default_rng(seed)
    config = MovieConfig(
        n_frames=60,
        height=512,
        width=512,
        n_particles=int(rng.integers(34, 60)),
        radius_px=float(rng.uniform(10, 15)),
        merges={2: 3, 3: 1} if seed % 2 else {2: 4},
        n_dissolutions=2,
        n_crossings=2,
        n_touches=2,
        n_nucleations=2,
        n_entering=2,
        n_leaving=1,
        drift_px_per_frame=(float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-0.3, 0.3))),
    )
    return simulate_movie(seed, config)


def shuffled(masks: list[NDArray[np.int32]], rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Yield the masks with ids permuted in every frame, so that no id tells anything."""
    for labels in masks:
        ids = np.unique(labels[labels != 0])
        table = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        table[ids] = rng.permutation(ids.size) + 1
        yield table[labels]


def disturbed(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    """Return a mask as a poor segmentation would give it: some missed, some broken, touching ones joined."""
    out = labels.copy()
    for a, b in touching_pairs(labels).tolist():
        if rng.random() < JOINED_SHARE:
            out[out == b] = a
    for i in np.unique(out[out != 0]).tolist():
        chance = rng.random()
        if chance < MISSED_SHARE:
            out[out == i] = 0
        elif chance < MISSED_SHARE + BROKEN_SHARE:
            y, x = np.nonzero(out == i)
            half = y > y.mean()
            out[y[half], x[half]] = out.max() + 1
    return out


def link_movie(seed: int, disturb: bool) -> Outcome:
    """Link one movie's true masks."""
    movie = movie_of(seed)
    masks = [movie.labels(t) for t in range(len(movie))]
    rng = np.random.default_rng(seed)
    segments = [disturbed(labels, rng) for labels in masks] if disturb else masks
    start = time.perf_counter()
    linked = link_masks(shuffled(segments, rng))
    found = [frame.labels for frame in linked]
    seconds = (time.perf_counter() - start) / len(masks)
    return Outcome(seed, linked.lineage, movie.lineage, match_tracks(found, masks), seconds)


def show(outcomes: list[Outcome]) -> None:
    """Print the table."""
    n_matched = sum(o.matches.frame.size for o in outcomes)
    n_switches = sum(o.matches.n_switches for o in outcomes)
    n_true = sum(o.matches.n_true for o in outcomes)
    pooled = {d: sum((o.merges(d) for o in outcomes), MergeScore()) for d in TOLERANCES}
    errors = np.abs(pooled[3].frame_errors)
    rows = [
        ("movies, true merges", f"{len(outcomes)}, {sum(len(o.true.merges) for o in outcomes)}"),
        *((f"merge F1 within {d} frames", f"{score.f1:.4f}") for d, score in pooled.items()),
        ("precision, recall within 1", f"{pooled[1].precision:.4f}, {pooled[1].recall:.4f}"),
        ("exact parent sets", f"{pooled[1].exact_parents_share:.4f}"),
        ("frame error, median and 95 %", f"{np.median(errors):g}, {np.percentile(errors, 95):g}"),
        ("id switches per 10,000", f"{1e4 * n_switches / n_matched:.2f} ({n_switches} of {n_matched})"),
        ("true particle-frames matched", f"{n_matched / n_true:.4f}"),
        ("milliseconds per frame", f"{1e3 * np.mean([o.seconds_per_frame for o in outcomes]):.1f}"),
    ]
    for name, value in rows:
        print(f"{name:32s} {value}")


def show_failures(outcome: Outcome) -> None:
    """Print what went wrong in one movie."""
    score = outcome.merges(1)
    names = outcome.matches.true_of_found()
    for merge in score.missed:
        print(f"  seed {outcome.seed}: missed {merge}")
    for merge in score.false:
        print(f"  seed {outcome.seed}: false {merge}, true parents {[names.get(p) for p in merge.parents]}")
    for match in score.matches:
        if not match.has_exact_parents:
            print(f"  seed {outcome.seed}: parents {set(match.found_parents)} of {match.true}")


def main() -> None:
    """Simulate, link, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--disturb", action="store_true", help="link poor segmentations of the same movies")
    parser.add_argument("--failures", action="store_true")
    arguments = parser.parse_args()
    outcomes = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.movies):
        outcomes.append(link_movie(seed, arguments.disturb))
        if arguments.failures:
            show_failures(outcomes[-1])
    show(outcomes)


if __name__ == "__main__":
    main()

"""Movies in which ids are lost easily: sparse fast particles, dense films that jump, dissolution.

Run ``PYTHONPATH=tests python benchmarks/hard_movies.py`` (ten minutes on one core). Masks whose ids tell
nothing, of the generator that nothing is fitted on, are linked. Told are the share of a particle's detections
that bear the id which it has most often; the least share of the particles, in any two frames that follow each
other, which bear one id in both; and the merges told that are none.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from scenarios import Scenario, judging

from temtrack.imaging.labels import overlap_counts
from temtrack.linking.masks import link_masks
from temtrack.metrics.merges import match_merges
from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.pooling import Pooled, fraction
from temtrack.metrics.tracks import match_detections

FIRST_SEED = 8000

#: What is filmed, by the name of its regime.
MOVIES = {
    "one rod, up to two lengths a frame": "single_rod",
    "three particles, 1.2 diameters a frame": "sparse_fast",
    "film of 900, two jumps, two double exposures": "lattice",
    "600 particles dissolve": "dissolution",
}

#: A merge is found where it lies at most so many frames from a true one.
TOLERANCE_FRAMES = 1


@dataclass(frozen=True)
class Held(Pooled):
    """How ids were held in some movies; add them to pool.

    ``followed`` has, for each two frames in a row, the share of the particles in both that bear one id.
    """

    n_detections: int = 0
    n_held: int = 0
    n_particles: int = 0
    n_of_one_id: int = 0
    followed: tuple[float, ...] = ()
    n_false_merges: int = 0
    n_dissolved: int = 0


@dataclass
class Life:
    """The ids that a true particle was given, by frame."""

    ids: dict[int, int] = field(default_factory=dict)

    @property
    def n_held(self) -> int:
        """Frames in which it has its most frequent id."""
        return (
            Counter(i for i in self.ids.values() if i).most_common(1)[0][1] if any(self.ids.values()) else 0
        )


def link(regime: str, seed: int) -> Held:
    """Make a movie, link its masks, and tell how ids were held."""
    scenario = judging.scenario(regime, seed)
    linked = link_masks(scenario.observed)
    labels = [frame.labels for frame in linked]
    lives = follow(scenario, labels)
    good = [t for t in range(len(labels)) if t not in scenario.bad_frames]
    pairs = [
        [(life.ids[a], life.ids[b]) for life in lives if a in life.ids and b in life.ids]
        for a, b in pairwise(good)
    ]
    matches = match_detections(measure_overlaps(labels, scenario.masks))
    merges = match_merges(linked.lineage.merges, scenario.lineage.merges, matches, TOLERANCE_FRAMES)
    return Held(
        n_detections=sum(len(life.ids) for life in lives),
        n_held=sum(life.n_held for life in lives),
        n_particles=len(lives),
        n_of_one_id=sum(life.n_held == len(life.ids) for life in lives),
        followed=tuple(float(np.mean([a == b for a, b in pair])) for pair in pairs if pair),
        n_false_merges=len(merges.false),
        n_dissolved=sum(track.fate == "dissolved" for track in scenario.lineage.tracks),
    )


def follow(scenario: Scenario, labels: list[np.ndarray]) -> list[Life]:
    """Return the ids of each true particle in the good frames that a detection of its own shows."""
    lives: dict[int, Life] = {}
    for t, (observed, sources, found) in enumerate(
        zip(scenario.observed, scenario.sources, labels, strict=True)
    ):
        if t in scenario.bad_frames:
            continue
        shared = overlap_counts(observed, found)
        best = {}
        for detection, i, n_px in zip(
            shared.a.tolist(), shared.b.tolist(), shared.n_px.tolist(), strict=True
        ):
            best[detection] = max(best.get(detection, (0, 0)), (n_px, i))
        for detection, true in sources.items():
            if len(true) == 1:
                lives.setdefault(true[0], Life()).ids[t] = best.get(detection, (0, 0))[1]
    return list(lives.values())


def row_of(title: str, n_movies: int, held: Held) -> Row:
    """Return a row of the table."""
    return {
        "movies": title,
        "number": n_movies,
        "detections": held.n_detections,
        "held (%)": 100 * fraction(held.n_held, held.n_detections),
        "particles of one id (%)": 100 * fraction(held.n_of_one_id, held.n_particles),
        "followed, worst two frames (%)": 100 * min(held.followed),
        "two frames below 99 %": sum(share < 0.99 for share in held.followed),
        "false merges": held.n_false_merges,
        "per 10,000 detections": 1e4 * fraction(held.n_false_merges, held.n_detections),
        "per 1,000 dissolved": 1e3 * fraction(held.n_false_merges, held.n_dissolved)
        if held.n_dissolved
        else None,
    }


def main() -> None:
    """Simulate, link, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--movies", type=int, default=20, help="of each kind")
    parser.add_argument("--jobs", type=int, default=1, help="movies at a time")
    add_json_option(parser)
    arguments = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for title, regime in MOVIES.items():
            seeds = range(FIRST_SEED, FIRST_SEED + arguments.movies)
            rows.append(row_of(title, arguments.movies, sum(pool.map(partial(link, regime), seeds), Held())))
    result = BenchmarkResult(
        title="Movies in which ids are lost easily",
        data="simulated masks whose ids tell nothing",
        split="the generator that nothing is fitted on",
        seed=f"from {FIRST_SEED} on",
        tables=[ResultTable("Ids held and merges invented", rows)],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

"""Low-dose movies, whose particles a single frame hardly shows: each frame with its neighbours, and alone.

Run ``python benchmarks/low_dose.py`` (a few minutes). Ten movies with slow particles span electrons
per px times contrast squared from 0.1 to 3.3; in as many others every particle moves by about its radius a
frame, where neighbours must not hurt. Frames are shown as ``temtrack track`` shows them.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from skimage.measure import regionprops

from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.movie import movie_of_array
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.segment import find_common_sight
from temtrack.segmentation.segmenter import Segmenter
from temtrack.simulation.chance import log_uniform
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

FIRST_SEED = 9800
SIDE_PX, N_FRAMES = 288, 12
SEEN = (0.1, 3.3)  # electrons per px times contrast squared
RADII_PX = (8.0, 17.0)
DOSE_E_PX, CONTRAST = (2.0, 40.0), (0.12, 0.7)
FAST_STRIDE = 60  # moments from frame to frame of a fast movie: where a particle was is forgotten
COVERAGE, FAST_COVERAGE = 0.15, 0.04  # of the field by particles; fast ones need room
LOOKED_AT = (2, 6, 9)

#: With neighbours, and alone.
Scores = tuple[SegmentationScore, SegmentationScore]


@dataclass(frozen=True)
class Filmed:
    """A simulated movie and how it was filmed."""

    movie: SimulatedMovie
    dose_e_px: float
    contrast: float
    radius_px: float


def film(seed: int, seen: float, is_fast: bool) -> Filmed:
    """Simulate a movie at a dose times contrast squared, its particles slow or a radius a frame fast."""
    rng = np.random.default_rng([seed, is_fast])
    radius = log_uniform(rng, *RADII_PX)
    least, most = (math.sqrt(seen / dose) for dose in reversed(DOSE_E_PX))
    contrast = log_uniform(rng, *np.clip((least, most), *CONTRAST))
    dose = seen / contrast**2
    config = MovieConfig(
        n_frames=N_FRAMES,
        height=SIDE_PX,
        width=SIDE_PX,
        n_particles=int((FAST_COVERAGE if is_fast else COVERAGE) * SIDE_PX**2 / (math.pi * radius**2)),
        radius_px=radius,
        stride=FAST_STRIDE if is_fast else 1,
        motion_px=1.5 * radius if is_fast else 1.0,
        drift_px_per_frame=(0.0, 0.0) if is_fast else (0.25, -0.3),
        contrast=contrast,
        detector=Detector(dose, readout_e=0.05 * dose**0.5),
    )
    return Filmed(simulate_movie(seed, config), dose, contrast, radius)


def score(segmenter: Segmenter, filmed: Filmed, n_neighbours: int) -> SegmentationScore:
    """Segment a few frames, each with so many neighbours on either side, as `temtrack track` does."""
    simulated = filmed.movie
    movie = movie_of_array(np.stack([simulated.frame(t) for t in range(len(simulated))]))
    show = FramesWithNeighbours(movie, n_neighbours).show
    sight = find_common_sight(segmenter, show, movie, TrackOptions())
    total = SegmentationScore()
    shown = FramesWithNeighbours(movie, n_neighbours).show
    for t in LOOKED_AT:
        total += score_segmentation(segmenter.segment(shown(t), sight).labels, simulated.labels(t))
    return total


def step_px(movie: SimulatedMovie) -> float:
    """Return the median way of a particle from one of the frames looked at to the next frame, in pixels."""
    ways = [
        np.hypot(*(after[particle] - place))
        for t in LOOKED_AT
        for before, after in [(centres(movie.labels(t)), centres(movie.labels(t + 1)))]
        for particle, place in before.items()
        if particle in after
    ]
    return float(np.median(ways))


def centres(labels: NDArray[np.int32]) -> dict[int, NDArray[np.float64]]:
    """Return each particle's centre (y, x)."""
    return {one.label: np.array(one.centroid) for one in regionprops(labels)}


def measure(segmenter: Segmenter, n: int, first_seed: int, is_fast: bool) -> Iterator[tuple[Row, Scores]]:
    """Yield a row and the scores, with neighbours and alone, of each movie."""
    for i, seen in enumerate(np.geomspace(*SEEN, n)):
        filmed = film(first_seed + i, float(seen), is_fast)
        scores = score(segmenter, filmed, TrackOptions().n_neighbours), score(segmenter, filmed, 0)
        row = {
            "electrons per px times contrast squared": round(float(seen), 2),
            "electrons per px": round(filmed.dose_e_px, 1),
            "contrast": round(filmed.contrast, 2),
            "radius, px": round(filmed.radius_px, 1),
            "step, px": round(step_px(filmed.movie), 1),
        }
        yield {**row, **figures(scores)}, scores


def figures(scores: Scores) -> Row:
    """Return the figures of scores with neighbours and alone."""
    together, alone = scores
    return {"F1": together.f1, "PQ": together.pq, "F1, alone": alone.f1, "PQ, alone": alone.pq}


def main() -> None:
    """Film, segment, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=10, help="of each kind")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--model", default="effsam-tiny")
    add_json_option(parser)
    words = parser.parse_args()
    segmenter = Segmenter(words.model)
    each, pooled = [], []
    for kind, is_fast in (("slow", False), ("about a radius a frame", True)):
        rows, scores = zip(*measure(segmenter, words.movies, words.first_seed, is_fast), strict=True)
        each.append(ResultTable(f"Each movie, particles {kind}", rows))
        sums = tuple(sum(kept, SegmentationScore()) for kept in zip(*scores, strict=True))
        pooled.append({"particles": kind, **figures(sums)})
    result = BenchmarkResult(
        title="Low-dose movies: frames with their neighbours, and alone",
        data=f"{words.movies} simulated movies of each kind, {len(LOOKED_AT)} frames of each",
        split="simulated; the generator is that of training, with other seeds",
        seed=f"from {words.first_seed} on",
        tables=[ResultTable("Pooled over particles", pooled), *each],
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()

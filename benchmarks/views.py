"""What a second view of a movie's frames is worth: particles and outlines in one view and in two.

Run ``python benchmarks/views.py`` (ten minutes on one core). Movies of the generator that thresholds were
chosen on come first, then scenes of another one; ``--movies 4 --scenes 4`` takes fewer. Told are how far one
view is from two, both beside the truth, and means over what `temtrack.pipeline.views` would show once and
over the rest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from segmentation import SCENES

from temtrack.metrics.segmentation import SegmentationScore, score_segmentation
from temtrack.movie import movie_of_array
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.segment import find_common_sight
from temtrack.segmentation.agreement import MIN_PARTICLES, Agreement
from temtrack.segmentation.segmenter import Segmenter
from temtrack.segmentation.sight import Sight
from temtrack.simulation.chance import log_uniform
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import simulate_movie
from temtrack.simulation.scenes import simulate_scene

MOVIES_SEED, SCENES_SEED = 9400, 9900

#: Of the movies: electrons per pixel with the contrast, and radii.
EXPOSURES = ((50, 0.6), (100, 0.6), (30, 0.6), (200, 1.0), (10, 0.6), (500, 0.6), (50, 0.3))
RADII_PX = (12, 6, 9, 15)

#: Frames of each movie that are looked at, and how many there are around them.
N_FRAMES, SHOWN = 40, (0, 39)


@dataclass(frozen=True)
class Looked:
    """A movie or scene, seen in two views and in one: how they agree, and what is true of both."""

    name: str
    agreement: Agreement
    twice: SegmentationScore
    once: SegmentationScore
    bias_twice: float
    bias_once: float

    @property
    def is_shown_once(self) -> bool:
        """Whether such a movie is shown once."""
        return self.agreement.is_close and len(self.agreement.shared) >= MIN_PARTICLES

    def row(self) -> Row:
        """Return its row of the table."""
        apart_px = float(np.median(self.agreement.apart_px)) if len(self.agreement.shared) else None
        return {
            "seen": self.name,
            "shown": "once" if self.is_shown_once else "twice",
            "particles": self.agreement.n_one,
            "in both": self.agreement.shared_fraction,
            "apart, px": apart_px,
            "areas": self.agreement.area_bias,
            "F1, twice": self.twice.f1,
            "once": self.once.f1,
            "PQ, twice": self.twice.pq,
            "once ": self.once.pq,
            "area bias, twice": self.bias_twice,
            "once  ": self.bias_once,
        }


def look(
    segmenter: Segmenter, name: str, sight: Sight, seen: list[tuple[NDArray[Any], NDArray[np.int32]]]
) -> Looked:
    """Segment images in two views and in one, and compare both with each other and with the true labels."""
    agreement, truths = Agreement(), [Agreement(), Agreement()]
    scores = [SegmentationScore(), SegmentationScore()]
    for image, true in seen:
        found = [segmenter.segment(image, replace(sight, n_views=n)).labels for n in (2, 1)]
        agreement += Agreement.of(*found)
        for i, labels in enumerate(found):
            scores[i] += score_segmentation(labels, true)
            truths[i] += Agreement.of(true, labels)
    return Looked(name, agreement, *scores, *(truth.area_bias for truth in truths))


def look_at_movies(segmenter: Segmenter, n: int, first_seed: int) -> Iterator[Looked]:
    """Yield what is seen of simulated movies, of few frames each, with their neighbours."""
    options = TrackOptions()
    for i, ((dose, contrast), radius_px) in enumerate(list(product(EXPOSURES, RADII_PX))[:n]):
        side = 256 if radius_px < 8 else 320
        n_particles = min(60, int(0.18 * side**2 / (np.pi * radius_px**2)))
        config = MovieConfig(
            n_frames=N_FRAMES,
            height=side,
            width=side,
            n_particles=n_particles,
            radius_px=radius_px,
            merges={2: 2},
            contrast=contrast,
            detector=Detector(dose),
        )
        simulated = simulate_movie(first_seed + i, config)
        movie = movie_of_array(np.stack([simulated.frame(t) for t in range(len(simulated))]))
        show = FramesWithNeighbours(movie, options.n_neighbours).show
        sight = find_common_sight(segmenter, show, movie, options)
        name = f"{2 * radius_px} px, {dose} e/px, contrast {contrast:g}"
        shown = FramesWithNeighbours(movie, options.n_neighbours).show
        yield look(segmenter, name, sight, [(shown(t), simulated.labels(t)) for t in SHOWN])


def look_at_scenes(segmenter: Segmenter, n: int) -> Iterator[Looked]:
    """Yield what is seen of simulated scenes, each in place of a movie; every second one is a clear one."""
    for i in range(n):
        rng = np.random.default_rng([SCENES_SEED, i])
        is_clear = i % 2 == 1
        dose = log_uniform(rng, *((100.0, 1000.0) if is_clear else (10.0, 316.0)))
        config = replace(
            SCENES,
            height=384,
            width=384,
            mean_radius_px=(5.0, 20.0),
            dose_e_px=(dose, dose),
            contrast=(0.6, 1.2) if is_clear else (0.2, 1.2),
        )
        scene = simulate_scene(rng, config)
        found = segmenter.find_sight(scene.image)
        if found is not None:
            name = f"scene {i}, {dose:.0f} e/px"
            yield look(segmenter, name, found.sight, [(scene.image, scene.labels)])


def pooled(some: list[Looked]) -> Iterator[Row]:
    """Yield the means over what would be shown once, and over the rest."""
    for shown in ("once", "twice"):
        rows = [one.row() for one in some if one.row()["shown"] == shown]
        if rows:
            numbers = [name for name, value in rows[0].items() if isinstance(value, float)]
            means = {name: float(np.nanmean([row[name] for row in rows])) for name in numbers}
            yield {"would be shown": shown, "of them": len(rows), **means}


def main() -> None:
    """Look, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=len(EXPOSURES) * len(RADII_PX))
    parser.add_argument("--scenes", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=MOVIES_SEED, help="of the movies")
    parser.add_argument("--model", default="effsam-tiny")
    add_json_option(parser)
    words = parser.parse_args()
    segmenter = Segmenter(words.model)
    tables = []
    for title, looked in (
        (
            "Movies of the generator that thresholds were chosen on",
            look_at_movies(segmenter, words.movies, words.first_seed),
        ),
        ("Scenes of another generator", look_at_scenes(segmenter, words.scenes)),
    ):
        some = []
        for one in looked:
            some.append(one)
            print(one.row(), flush=True)
        tables += [
            ResultTable(title, list(pooled(some))),
            ResultTable(f"{title}, each", [o.row() for o in some]),
        ]
    result = BenchmarkResult(
        title="One view beside two",
        data="simulated movies, and simulated scenes",
        split="-",
        seed=f"{words.first_seed} and {SCENES_SEED}",
        tables=tables,
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()

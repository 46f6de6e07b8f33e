"""Fit how sure merges, fates and origins are on simulated movies, and show on others that it is calibrated.

Run ``PYTHONPATH=tests python benchmarks/confidence.py``: prints the coefficients and fractions that stand in
``temtrack/analysis/confidence.py``, and the reliability diagrams (needs ``.[benchmark]`` for the fit). With
``--check`` only the diagrams of the coefficients that stand there.

Merges are told in movies of masks of any regime (``tests/scenarios``), and in simulated movies with frames,
whose true masks get faults that last: joined contacts, broken and missed particles, in three strengths. Of
each movie a part is taken that begins and ends at random. What is fitted on one generator's movies is judged
on those of another with other physics of motion and merging, and on the real movie whose merges people
labelled.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
from linking import real_movie
from matplotlib import pyplot as plt
from numpy.typing import NDArray
from real_data import REAL_DATA
from results import BenchmarkResult, ResultTable, add_json_option, publish
from scenarios import Regime, Scenario, any_regime, fitting, judging

from temtrack.analysis.confidence import FITTED, MODEL, SHORT_FRAMES, Logistic
from temtrack.analysis.merge_features import MergeFeatures, MergeScene
from temtrack.analysis.particles import ParticleHistory, measure_particles
from temtrack.imaging.labels import LabelImage, measure_gaps
from temtrack.lineage import Lineage, Merge
from temtrack.linking.masks import link_masks
from temtrack.metrics.merges import match_merges
from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.tracks import TrackMatches, match_detections, match_tracks
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

#: Those from 30,000 on were looked at.
FIT_SEED, CHECK_SEED = 20_000, 31_000

#: Movies are cut to at least so many frames.
LEAST_FRAMES = 20

#: Strengths of the faults of a segmentation.
STRENGTHS = (0.3, 1.0, 3.0)

#: The features, in their order.
NAMES = [one.name for one in fields(MergeFeatures)]

#: What is told with confidences from one value to the next is taken together.
BINS = ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.98), (0.98, 1.01))

#: A merge told at most so many frames from a true one is true.
TOLERANCE_FRAMES = 3


@dataclass
class PoorSegmentation:
    """Joins, breaks and loses particles for some frames each.

    Parameters
    ----------
    rng
        Source of the faults.
    strength
        Their number; 1 is poor.
    """

    rng: np.random.Generator
    strength: float
    _until: dict[tuple[int, ...], int] = field(default_factory=dict)

    def segment(self, labels: NDArray[np.int32], t: int) -> NDArray[np.int32]:
        """Return the segments (Y, X) of frame ``t`` from its true labels."""
        out = labels.copy()
        ids = np.unique(labels[labels > 0]).tolist()
        for a, b, _ in measure_gaps(labels, 1).tolist():
            if self._fails((0, a, b), t, 0.06, 7):
                out[out == b] = a
        for i in ids:
            if self._fails((1, i), t, 0.002, 2):
                out[labels == i] = 0
            elif self._fails((2, i), t, 0.004, 5):
                y, x = np.nonzero(labels == i)
                half = y > y.mean() if i % 2 else x > x.mean()
                out[y[half], x[half]] = out.max() + 1
        return out

    def _fails(self, what: tuple[int, ...], t: int, chance: float, mean_frames: int) -> bool:
        if self.rng.random() < self.strength * chance:
            self._until[what] = t + int(self.rng.geometric(1 / mean_frames))
        return t < self._until.get(what, 0)


@dataclass(frozen=True)
class Told:
    """A merge that was told: its features, whether it is true, and what its movie is like."""

    features: tuple[float, ...]
    is_true: bool
    conditions: dict[str, float]


@dataclass(frozen=True)
class Events:
    """What was told of movies; add those of several.

    ``lives`` counts tracks by ("fate" or "origin", the word, is long, is right).
    """

    merges: tuple[Told, ...] = ()
    lives: Counter[tuple[str, str, bool, bool]] = field(default_factory=Counter)

    def __add__(self, other: Events) -> Events:
        return Events(self.merges + other.merges, self.lives + other.lives)

    @property
    def features(self) -> NDArray[np.float64]:
        """(N, F)."""
        return np.array([one.features for one in self.merges])

    @property
    def is_true(self) -> NDArray[np.bool_]:
        """(N,)."""
        return np.array([one.is_true for one in self.merges])


def movie_of(seed: int) -> SimulatedMovie:
    """Simulate a small movie with as much that is no merge as there are merges."""
    rng = np.random.default_rng(seed)
    config = MovieConfig(
        n_frames=50,
        height=288,
        width=288,
        n_particles=22,
        radius_px=float(rng.uniform(7, 12)),
        log_sigma=0.25,
        merges={2: 2, 3: 1} if seed % 2 else {2: 3},
        n_dissolutions=2,
        n_crossings=2,
        n_touches=2,
        n_nucleations=1,
        n_entering=1,
        n_leaving=1,
        wobble_px=0.5,
    )
    return simulate_movie(seed, config)


def tell_poor(seeds: Iterable[int]) -> Events:
    """Link movies with frames at each strength of faults and measure what is told."""
    found = Events()
    for seed in seeds:
        movie = movie_of(seed)
        part, lineage = cut(movie.lineage, seed)
        true, frames = ([get(t) for t in part] for get in (movie.labels, movie.frame))
        for strength in STRENGTHS:
            poor = PoorSegmentation(np.random.default_rng((seed, int(10 * strength))), strength)
            linked = link_masks(poor.segment(labels, t) for t, labels in enumerate(true))
            masks = [frame.labels for frame in linked]
            matches = match_tracks(masks, true)
            told = _told_merges(masks, frames, linked.lineage, lineage.merges, matches)
            found += Events(tuple(told), Counter(_told_lives(linked.lineage, lineage, matches)))
    return found


def tell_masks(make: Callable[[Regime, int], Scenario], seeds: Iterable[int]) -> Events:
    """Link movies of masks alone, of any regime, of a generator, and measure what is told."""
    found = Events()
    for seed in seeds:
        scenario = make(any_regime(seed), seed)
        part, lineage = cut(scenario.lineage, seed)
        linked = link_masks(scenario.observed[t] for t in part)
        masks = [frame.labels for frame in linked]
        matches = match_detections(measure_overlaps(masks, [scenario.masks[t] for t in part]))
        told = _told_merges(masks, None, linked.lineage, lineage.merges, matches)
        found += Events(tuple(told), Counter(_told_lives(linked.lineage, lineage, matches)))
    return found


def cut(lineage: Lineage, seed: int) -> tuple[range, Lineage]:
    """Choose a part of a movie at random, and return what is true in it.

    A microscopist begins and stops whatever happens, while simulated merges keep away from a movie's ends.
    """
    rng = np.random.default_rng((seed, 5))
    n = int(rng.integers(LEAST_FRAMES, lineage.n_frames + 1))
    first = int(rng.integers(0, lineage.n_frames - n + 1))
    last = first + n - 1
    tracks = [
        replace(
            one,
            start=max(one.start - first, 0),
            end=min(one.end, last) - first,
            origin="present" if one.start <= first else one.origin,
            fate="present" if one.end >= last else one.fate,
        )
        for one in lineage.tracks
        if one.start <= last and one.end >= first
    ]
    merges = [replace(one, frame=one.frame - first) for one in lineage.merges if first < one.frame <= last]
    return range(first, first + n), Lineage(n, tuple(tracks), tuple(merges))


def tell_real() -> Events | None:
    """Link the real movie and measure what is told; ``None`` where it is not there."""
    folder = REAL_DATA / "merges" / "pt_cod"
    if not folder.is_dir():
        return None
    movie = real_movie(folder)
    linked = link_masks(movie.seen.masks)
    masks = [frame.labels for frame in linked]
    matches = match_detections(measure_overlaps(masks, movie.true))
    return Events(tuple(_told_merges(masks, None, linked.lineage, movie.merges, matches)))


def _told_merges(
    masks: list[NDArray[np.int32]],
    frames: list[NDArray[np.generic]] | None,
    found: Lineage,
    true: Sequence[Merge],
    matches: TrackMatches,
) -> Iterator[Told]:
    images = frames or [None] * len(masks)
    parts = [
        measure_particles(LabelImage(m), image, t)
        for t, (m, image) in enumerate(zip(masks, images, strict=True))
    ]
    scene = MergeScene(ParticleHistory({name: np.concatenate([p[name] for p in parts]) for name in parts[0]}))
    good = {match.found for match in match_merges(found.merges, true, matches, TOLERANCE_FRAMES).matches}
    conditions = {name: getattr(scene, name) for name in FITTED}
    for merge in found.merges:
        yield Told(astuple(scene.features(merge)), merge in good, conditions)


def _told_lives(
    found: Lineage, true: Lineage, matches: TrackMatches
) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield what is told of each track: right where the true track begins or ends so, and then."""
    rows = list(zip(matches.found.tolist(), matches.true.tolist(), strict=True))  # in the order of frames
    first, last = dict(reversed(rows)), dict(rows)
    tracks = {track.id: track for track in true.tracks}
    for track in found.tracks:
        is_long = track.end - track.start + 1 > SHORT_FRAMES
        one, other = tracks.get(first.get(track.id, 0)), tracks.get(last.get(track.id, 0))
        began = one is not None and abs(one.start - track.start) <= TOLERANCE_FRAMES
        ended = other is not None and abs(other.end - track.end) <= TOLERANCE_FRAMES
        yield "origin", track.origin, is_long, bool(began and one and one.origin == track.origin)
        yield "fate", track.fate, is_long, bool(ended and other and other.fate == track.fate)


def fit(events: Events) -> Logistic:
    """Fit the logistic function; features that could not be measured count as average."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = np.nanmean(events.features, axis=0), np.nanstd(events.features, axis=0)
    standard = np.nan_to_num((events.features - mean) / scale)
    fitted = LogisticRegression(C=1.0).fit(standard, events.is_true)
    rows = np.column_stack([mean, scale, fitted.coef_[0]])
    terms = {name: tuple(float(f"{x:.4g}") for x in row) for name, row in zip(NAMES, rows, strict=True)}
    return Logistic(float(f"{fitted.intercept_[0]:.4g}"), terms)


def show_lives(lives: Counter[tuple[str, str, bool, bool]]) -> None:
    """Print the share of right fates and origins, of short tracks and of long ones (rule of succession)."""
    for kind, word in sorted({key[:2] for key in lives}):
        right, wrong = (
            [lives[kind, word, is_long, yes] for is_long in (False, True)] for yes in (True, False)
        )
        shares = [(r + 1) / (r + w + 2) for r, w in zip(right, wrong, strict=True)]
        print(
            f"  {kind:7s} {word:10s} right {right} of {[r + w for r, w in zip(right, wrong, strict=True)]}:",
            end="",
        )
        print(" " + ", ".join(f"{share:.3f}" for share in shares))


def reliability(title: str, events: Events, model: Logistic) -> ResultTable:
    """Return the reliability diagram: how often what was told with a confidence is true."""
    rows_told = [dict(zip(NAMES, one.features, strict=True)) for one in events.merges]
    told, is_true = np.array([model(row) for row in rows_told]), events.is_true
    rows, error = [], 0.0
    for low, high in BINS:
        some = (told >= low) & (told < high)
        if some.any():
            mean, share = float(told[some].mean()), float(is_true[some].mean())
            error += some.mean() * abs(mean - share)
            rows.append(
                {
                    "confidence": f"{low:g} to {min(high, 1):g}",
                    "merges told": int(some.sum()),
                    "mean confidence": mean,
                    "share true": share,
                }
            )
    note = (
        f"{is_true.mean():.1%} are true, with a median confidence of {np.median(told[is_true]):.3f}; "
        f"expected calibration error {error:.3f}, AUROC {area_under_curve(told, is_true):.3f}."
    )
    return ResultTable(title, rows, note)


def area_under_curve(told: NDArray[np.float64], is_true: NDArray[np.bool_]) -> float:
    """Return how often a true merge has more confidence than a false one (AUROC), equal ones half."""
    if is_true.all() or not is_true.any():
        return float("nan")
    true, false = told[is_true][:, None], told[~is_true]
    return float(((true > false) + 0.5 * (true == false)).mean())


def draw(tables: Sequence[ResultTable], path: Path) -> None:
    """Draw the reliability diagrams."""
    mpl.use("Agg")
    figure, ax = plt.subplots(figsize=(4.2, 4.0))
    ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for table in tables:
        mean, share = ([row[name] for row in table.rows] for name in ("mean confidence", "share true"))
        ax.plot(mean, share, marker="o", label=table.title)
    ax.set(xlabel="confidence told", ylabel="share of merges that are true", xlim=(0, 1), ylim=(0, 1.02))
    ax.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Fit, print, check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=100, help="of masks alone; a fifth as many with frames")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--png", type=Path, help="also draw the reliability diagrams")
    add_json_option(parser)
    arguments = parser.parse_args()
    n, n_poor = arguments.movies, arguments.movies // 5
    model = MODEL
    if not arguments.check:
        events = tell_poor(range(FIT_SEED, FIT_SEED + n_poor))
        events += tell_masks(fitting.scenario, range(FIT_SEED, FIT_SEED + n))
        model = fit(events)
        print(model)
        for name in FITTED:
            values = [one.conditions[name] for one in events.merges]
            print(f"  {name}: {min(values):.3g} to {max(values):.3g}")
        show_lives(events.lives)
        print(reliability("Fitted on", events, model))
    check, real = range(CHECK_SEED, CHECK_SEED + n), tell_real()
    tables = [
        reliability("Masks alone, another generator", tell_masks(judging.scenario, check), model),
        reliability("Poor masks and frames", tell_poor(check[:n_poor]), model),
    ]
    if real is not None:
        tables.append(reliability("Real movie (pt_cod)", real, model))
    result = BenchmarkResult(
        title="How sure a merge is said to be, beside how often it is true",
        data=f"{n} simulated movies of masks of any regime, {n_poor} with frames and the faults of a poor "
        "segmentation; a real movie whose 18 merges people labelled",
        split=f"fitted on movies of seeds from {FIT_SEED} on, those of masks by the other generator",
        seed=f"from {CHECK_SEED} on",
        tables=tables,
    )
    publish(result, arguments.json)
    if arguments.png:
        draw(tables, arguments.png)


if __name__ == "__main__":
    main()

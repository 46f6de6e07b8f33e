"""Fit how sure merges, fates and origins are on simulated movies, and show on others that it is calibrated.

Run ``python benchmarks/confidence.py``: prints the coefficients that stand in
``temtrack/analysis/confidence.py``, the fractions in ``fate_confidence.py``, and the reliability diagram
(needs ``.[benchmark]`` for the fit). With ``--check`` only the diagram of the coefficients that stand there.

Masks come from true ones by faults that last for some frames: joined contacts, broken and missed particles,
in three strengths. So there are false merges to learn from; on true masks there are none.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field, fields

import numpy as np
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.analysis.confidence import MODEL, SHORT_FRAMES, Logistic, MergeFeatures, measure_features
from temtrack.analysis.particles import ParticleHistory, measure_particles
from temtrack.imaging.labels import measure_gaps
from temtrack.lineage import Lineage
from temtrack.linking.masks import link_masks
from temtrack.metrics.merges import match_merges
from temtrack.metrics.tracks import TrackMatches, match_tracks
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

FIT_SEED, CHECK_SEED = 20_000, 30_000

#: Strengths of the faults of a segmentation.
STRENGTHS = (0.3, 1.0, 3.0)

#: The feature that needs the movie's frames.
MASS = [one.name for one in fields(MergeFeatures)].index("mass_misfit")

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
class Events:
    """Features (N, F) of told merges, and whether each is true (N,); tracks by fate and origin.

    ``lives`` counts tracks by ("fate" or "origin", the word, is long, is right).
    """

    features: NDArray[np.float64]
    is_true: NDArray[np.bool_]
    lives: Counter[tuple[str, str, bool, bool]]


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


def tell_events(seeds: Iterable[int]) -> Events:
    """Link each movie at each strength of faults and measure what is told."""
    rows: list[tuple[MergeFeatures, bool]] = []
    lives: Counter[tuple[str, str, bool, bool]] = Counter()
    for seed in seeds:
        movie = movie_of(seed)
        true = [movie.labels(t) for t in range(len(movie))]
        for strength in STRENGTHS:
            poor = PoorSegmentation(np.random.default_rng((seed, int(10 * strength))), strength)
            linked = link_masks(poor.segment(labels, t) for t, labels in enumerate(true))
            frames = [frame.labels for frame in linked]
            matches = match_tracks(frames, true)
            rows += _told_merges(frames, movie, linked.lineage, matches)
            lives.update(_told_lives(linked.lineage, movie.lineage, matches))
    return Events(np.array([astuple(f) for f, _ in rows]), np.array([true for _, true in rows]), lives)


def _told_merges(
    frames: list[NDArray[np.int32]], movie: SimulatedMovie, found: Lineage, matches: TrackMatches
) -> Iterator[tuple[MergeFeatures, bool]]:
    parts = [measure_particles(labels, movie.frame(t), t) for t, labels in enumerate(frames)]
    history = ParticleHistory({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    good = {
        match.found
        for match in match_merges(found.merges, movie.lineage.merges, matches, TOLERANCE_FRAMES).matches
    }
    for merge in found.merges:
        yield measure_features(merge, history), merge in good


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
    mean, scale, weight = (
        tuple(float(f"{x:.4g}") for x in values) for values in (mean, scale, fitted.coef_[0])
    )
    return Logistic(mean, scale, weight, float(f"{fitted.intercept_[0]:.4g}"))


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


def reliability(
    title: str, features: NDArray[np.float64], is_true: NDArray[np.bool_], model: Logistic
) -> ResultTable:
    """Return the reliability diagram."""
    told = np.array([model(tuple(row)) for row in features])
    brier = np.mean((told - is_true) ** 2)
    rows = []
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 0.99), (0.99, 1.01)):
        some = (told >= low) & (told < high)
        if some.any():
            rows.append(
                {
                    "confidence": f"{low:g} to {min(high, 1):g}",
                    "merges told": int(some.sum()),
                    "mean confidence": float(told[some].mean()),
                    "share true": float(is_true[some].mean()),
                }
            )
    return ResultTable(title, rows, f"{is_true.mean():.1%} are true; Brier score {brier:.4f}.")


def main() -> None:
    """Fit, print, check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=60)
    parser.add_argument("--check", action="store_true")
    add_json_option(parser)
    arguments = parser.parse_args()
    model = MODEL
    if not arguments.check:
        events = tell_events(range(FIT_SEED, FIT_SEED + arguments.movies))
        model = fit(events)
        print(model)
        show_lives(events.lives)
    told = tell_events(range(CHECK_SEED, CHECK_SEED + arguments.movies))
    tables = [reliability("With the movie", told.features, told.is_true, model)]
    told.features[:, MASS] = np.nan
    tables.append(reliability("From masks alone", told.features, told.is_true, model))
    result = BenchmarkResult(
        title="How sure a merge is said to be, beside how often it is true",
        data=f"{arguments.movies} simulated movies, true masks with the faults of a poor segmentation",
        split=f"fitted on movies of seeds from {FIT_SEED} on",
        seed=f"from {CHECK_SEED} on",
        tables=tables,
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

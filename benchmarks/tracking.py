"""Trackers beside each other on simulated movies with seeds used for nothing else.

Run ``python benchmarks/tracking.py`` for all parts, or name some:

``carry``  ids right when only the first frame's true mask is given, no segmenter after;
``switch`` Algorithm 1 with the own segmentation at low dose: id switches;
``bad``    Algorithm 1 with true masks, every fifth frame blank or blurred and without any mask: ids kept;
``speed``  processor seconds per frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.imaging.labels import LabelImage
from temtrack.linking.motion import MotionModel
from temtrack.metrics.tracks import TrackMatches, match_tracks
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie
from temtrack.tracking.drift import DriftEstimator
from temtrack.tracking.engine import Tracker, track_movie
from temtrack.tracking.load import load_tracker

FIRST_SEED = 9000
N_FRAMES = 60

#: Look-alikes: (name, particles, side in px, mean radius in px, width of the log-normal size distribution).
CROWDS = (
    ("30", 30, 385, 12.0, 0.05),
    ("100 of 6 to 11 px", 100, 512, 8.2, 0.13),
    ("300", 300, 768, 9.0, 0.08),
)

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Film:
    """Frames and true masks of a simulated movie, in memory."""

    frames: list[NDArray[np.uint8]]
    truth: list[Labels]


def film_of(seed: int, config: MovieConfig) -> Film:
    """Simulate a movie."""
    movie: SimulatedMovie = simulate_movie(seed, config)
    return Film([movie.frame(t) for t in range(len(movie))], [movie.labels(t) for t in range(len(movie))])


def crowd(n: int, side: int, radius: float, log_sigma: float) -> MovieConfig:
    """Describe look-alikes that wander about and drift, without any event."""
    return MovieConfig(
        n_frames=N_FRAMES,
        height=side,
        width=side,
        n_particles=n,
        radius_px=radius,
        log_sigma=log_sigma,
        motion_px=0.5 * radius,
        drift_px_per_frame=(0.4, -0.25),
    )


def propagate(film: Film, tracker: Tracker) -> Iterator[Labels]:
    """Yield the first frame's true mask propagated through the later ones, no segmenter being there."""
    drift, motion, nothing = DriftEstimator(), MotionModel(), LabelImage(np.zeros_like(film.truth[0]))
    labels = LabelImage(film.truth[0])
    for t, frame in enumerate(film.frames):
        registration = drift.measure(frame, is_good=True)
        if t:
            labels = tracker.propagate(frame, nothing, motion.predict(registration.step_px))
            yield labels.labels
        tracker.add_reference(frame, labels)
        motion.learn(labels, registration.is_jump)


def carry(film: Film, tracker: Tracker) -> float:
    """Return the share of later particle-frames that bear the first frame's id, IoU over 0.5.

    Particles that the first frame does not show are left out.
    """
    known = np.unique(film.truth[0])
    n_right = n_true = 0
    for labels, truth in zip(propagate(film, tracker), film.truth[1:], strict=True):
        matches = match_tracks([labels], [np.where(np.isin(truth, known), truth, 0)])
        n_right += int(np.count_nonzero(matches.found == matches.true))
        n_true += matches.n_true
    return n_right / n_true


def track(film: Film, segments: list[Labels], name: str) -> TrackMatches:
    """Track a movie by Algorithm 1 with given segments, and match the result with the truth."""
    in_order: Iterator[Labels] = iter(segments)
    tracked = track_movie(film.frames, lambda frame: next(in_order), load_tracker(name))
    return match_tracks((frame.labels for frame in tracked), film.truth)


def n_kept(matches: TrackMatches, first: set[int]) -> int:
    """Count the true tracks of the first frame that bear one found id in all frames that show them."""
    ids: dict[int, set[int]] = {}
    for found, true in zip(matches.found.tolist(), matches.true.tolist(), strict=True):
        ids.setdefault(true, set()).add(found)
    return sum(len(ids.get(i, ())) == 1 for i in first)


def tell_carry(names: list[str], n_movies: int) -> ResultTable:
    """Return the share of ids right from the first frame's mask alone."""
    rows = []
    for title, *facts in CROWDS:
        films = [film_of(FIRST_SEED + k, crowd(*facts)) for k in range(n_movies)]
        shares = {
            name: float(np.mean([carry(film, load_tracker(name)) for film in films]))
            for name in names
            if name != "trackpy"
        }
        rows.append({"particles": title, **shares})
    return ResultTable(
        f"Ids right from the first mask alone, {N_FRAMES} frames, {n_movies} movies each", rows
    )


def tell_switches(names: list[str], n_movies: int, dose: float) -> ResultTable:
    """Return id switches per 10,000 with the own segmentation at low dose."""
    from temtrack.segmentation.segmenter import Segmenter

    segmenter = Segmenter("effsam-tiny", tta=False)
    totals = {name: np.zeros(3, np.int64) for name in names}
    for k in range(n_movies):
        config = MovieConfig(
            n_frames=N_FRAMES,
            n_particles=40,
            radius_px=12.0,
            log_sigma=0.1,
            motion_px=5.0,
            drift_px_per_frame=(0.3, 0.3),
            detector=Detector(dose),
        )
        film = film_of(FIRST_SEED + 100 + k, config)
        scale = segmenter.find_scale(film.frames[0]) or 1.0
        segments = [segmenter.segment(frame, scale).labels for frame in film.frames]
        for name in names:
            matches = track(film, segments, name)
            totals[name] += (matches.n_switches, matches.frame.size, matches.n_true)
    rows = [
        {
            "tracker": name,
            "id switches": switches,
            "per 10,000": 1e4 * switches / matched,
            "particles matched": matched,
            "true": true,
        }
        for name, (switches, matched, true) in ((name, total.tolist()) for name, total in totals.items())
    ]
    return ResultTable(
        f"Own segmentation, {dose:g} electrons per px, {n_movies} movies of 40 particles", rows
    )


def tell_bad_frames(names: list[str], n_movies: int) -> ResultTable:
    """Return how many particles' ids live through bad frames."""
    rows, bad = [], tuple(range(4, N_FRAMES - 1, 5))
    for kind in ("blank", "blurred"):
        totals = {name: np.zeros(2, np.int64) for name in names}
        for k in range(n_movies):
            config = MovieConfig(
                n_frames=N_FRAMES,
                motion_px=4.0,
                drift_px_per_frame=(0.4, 0.2),
                faults=dict.fromkeys(bad, kind),
            )
            film = film_of(FIRST_SEED + 200 + k, config)
            segments = [np.zeros_like(m) if t in bad else m for t, m in enumerate(film.truth)]
            first = set(np.unique(film.truth[0]).tolist()) - {0}
            for name in names:
                totals[name] += (n_kept(track(film, segments, name), first), len(first))
        kept = {f"{name}: ids kept": f"{k} of {n}" for name, (k, n) in totals.items()}
        rows.append({"every fifth frame": kind, **kept})
    return ResultTable(f"No mask in bad frames, true masks else, {n_movies} movies of 30 particles", rows)


def seconds_per_frame(film: Film, name: str, n_frames: int) -> tuple[float, float]:
    """Return the median processor seconds of ``n_frames`` frames after the first, and the share of ids right.

    Processor time, that of all threads, is the same on a busy machine.
    """
    in_order = propagate(film, load_tracker(name))
    times, right = [], []
    for t in range(1, n_frames + 1):
        start = time.process_time()
        labels = next(in_order)
        times.append(time.process_time() - start)
        matches = match_tracks([labels], [film.truth[t]])
        right.append(np.count_nonzero(matches.found == matches.true) / matches.n_true)
    return float(np.median(times)), float(np.mean(right))


def tell_speed(name: str) -> ResultTable:
    """Return seconds per frame without the segmenter."""
    small = film_of(FIRST_SEED + 300, crowd(60, 512, 14.0, 0.1))
    seconds, right = seconds_per_frame(small, name, 11)
    rows = [{"side (px)": 512, "particles": 60, "seconds": seconds, "ids right": right}]
    for n, radius in ((100, 20.0), (1000, 9.0)):
        config = MovieConfig(
            n_frames=4, height=1024, width=1024, n_particles=n, radius_px=radius, log_sigma=0.1
        )
        film = film_of(FIRST_SEED + 301, config)
        seconds, right = seconds_per_frame(film, name, 3)
        rows.append({"side (px)": 1024, "particles": n, "seconds": seconds, "ids right": right})
    return ResultTable(f"Processor seconds of {name} for a frame, without the segmenter", rows)


def main() -> None:
    """Run the parts and print."""
    parts: dict[str, Callable[[argparse.Namespace], ResultTable]] = {
        "carry": lambda a: tell_carry(a.trackers, a.movies),
        "switch": lambda a: tell_switches(a.trackers, a.movies, a.dose),
        "bad": lambda a: tell_bad_frames(a.trackers, a.movies),
        "speed": lambda a: tell_speed(a.trackers[0]),
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--trackers", nargs="+", default=["deaot-t", "overlap", "trackpy"])
    parser.add_argument("--movies", type=int, default=3, help="of each kind")
    parser.add_argument("--dose", type=float, default=12.0, help="electrons per px for switch")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    add_json_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    result = BenchmarkResult(
        title="Tracking",
        data="simulated movies of look-alikes",
        split="seeds that nothing was trained on",
        seed=f"from {FIRST_SEED} on",
        tables=[parts[part](arguments) for part in arguments.parts or parts],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

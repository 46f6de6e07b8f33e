"""Merges and fates told from the masks of simulated movies, beside LapTrack and the largest-overlap rule.

Run ``python benchmarks/merges.py`` (100 movies, about half an hour on one core) or with ``--movies 10``;
``pip install .[benchmark]`` first. The true masks come with ids permuted in every frame, once as they are and
once disturbed as a poor segmentation would (see ``disturbances.py``). ``--doses 100 30 10`` segments smaller
movies by the network instead, at so many electrons per pixel, with frames shown as ``temtrack track`` does.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from disturbances import disturbed, shuffled
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish
from rivals import RIVALS, link_by_temtrack
from seen import Seen

from temtrack.analysis.relinking import relink
from temtrack.imaging.labels import map_ids
from temtrack.lineage import Lineage
from temtrack.masks import Run, masks_of_arrays
from temtrack.metrics.evaluation import TOLERANCES, EventScore, score_events
from temtrack.metrics.fates import FateScore
from temtrack.metrics.merges import MergeScore, match_merges, true_parents
from temtrack.metrics.overlaps import measure_overlaps
from temtrack.metrics.tracks import match_detections
from temtrack.movie import Movie
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.pipeline.options import TrackOptions
from temtrack.pipeline.segment import find_common_sight
from temtrack.segmentation.segmenter import Segmenter
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie

#: Never used to set a threshold: those were set on seeds below.
FIRST_SEED = 7000

Masks = list[NDArray[np.int32]]
#: LapTrack here splits too, as these movies' particles do, at the reaches that its functions have by default.
LINKERS = {name: RIVALS[name].link for name in ("temtrack", "LapTrack", "largest overlap")}


@dataclass(frozen=True)
class Tally:
    """What one linker told of some movies; add tallies to pool them."""

    merges: dict[int, MergeScore] = field(default_factory=lambda: dict.fromkeys(TOLERANCES, MergeScore()))
    causes: Counter[str] = field(default_factory=Counter)
    fates: FateScore = field(default_factory=lambda: FateScore(Counter()))
    n_dissolved_in_merge: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            {d: self.merges[d] + other.merges[d] for d in TOLERANCES},
            self.causes + other.causes,
            self.fates + other.fates,
            self.n_dissolved_in_merge + other.n_dissolved_in_merge,
        )


@dataclass(frozen=True)
class Planned:
    """How often things truly happen that are no merges."""

    dissolutions: int = 0
    contacts: int = 0

    def __add__(self, other: Planned) -> Planned:
        return Planned(self.dissolutions + other.dissolutions, self.contacts + other.contacts)


def movie_of(seed: int) -> SimulatedMovie:
    """Simulate a movie of 34 to 60 particles in which everything happens, cascades and four parents too."""
    rng = np.random.default_rng(seed)
    kinds: list[tuple[dict[int, int], int]] = [({2: 3, 3: 1}, 0), ({2: 2, 3: 1, 4: 1}, 0), ({2: 2, 3: 1}, 1)]
    merges, n_cascades = kinds[seed % 3]
    config = MovieConfig(
        n_frames=70,
        height=512,
        width=512,
        n_particles=int(rng.integers(34, 60)),
        radius_px=float(rng.uniform(8, 15)),
        log_sigma=float(rng.uniform(0.15, 0.3)),
        merges=merges,
        n_cascades=n_cascades,
        n_dissolutions=2,
        n_crossings=2,
        n_touches=2,
        n_nucleations=2,
        n_entering=2,
        n_leaving=1,
        motion_px=float(rng.uniform(1, 3)),
        drift_px_per_frame=(float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-0.3, 0.3))),
        wobble_px=float(rng.uniform(0, 1)),
        faults={35: "jolted"} if seed % 4 == 0 else {},
    )
    return simulate_movie(seed, config)


def small_movie_of(seed: int, dose_e_px: float) -> SimulatedMovie:
    """Simulate a movie of 18 particles, 288 px wide, as the detector sees it at a dose."""
    rng = np.random.default_rng(seed)
    config = MovieConfig(
        n_frames=50,
        height=288,
        width=288,
        n_particles=18,
        radius_px=float(rng.uniform(9, 14)),
        log_sigma=0.2,
        merges={2: 2, 3: 1} if seed % 2 else {2: 3},
        n_dissolutions=1,
        n_crossings=1,
        n_touches=1,
        detector=Detector(dose_e_px),
    )
    return simulate_movie(seed, config)


def tally(found: Masks, lineage: Lineage, true: Masks, truth: Lineage) -> Tally:
    """Compare what a linker told of a movie with its truth."""
    overlaps = measure_overlaps(found, true)
    score: EventScore = score_events(lineage, truth, overlaps)
    matches = match_detections(overlaps)
    dissolved = {track.id for track in truth.tracks if track.fate == "dissolved"}
    called = {
        parent
        for merge in lineage.merges
        for parent in true_parents(merge, matches, merge.frame)
        if parent in dissolved
    }
    return Tally(score.merges, Counter(score.causes), score.fates, len(called))


def with_parents_id_kept(masks: Masks, truth: Lineage) -> Masks:
    """Return the masks of a tracker that lets the id of the largest parent live on in the child."""
    new_ids: dict[int, int] = {}
    for merge in sorted(truth.merges, key=lambda merge: merge.frame):
        new_ids[merge.child] = new_ids.get(merge.parents[0], merge.parents[0])
    return [map_ids(labels, new_ids) for labels in masks]


def score_from_masks(masks: Masks, true: Masks, truth: Lineage) -> dict[int, MergeScore]:
    """Score the merges that `relink` tells of masks, in the ids that they carry."""
    run, _ = relink(Run(masks_of_arrays(masks)))
    found = run.lineage.merges
    matches = match_detections(measure_overlaps(masks, true))
    return {d: match_merges(found, truth.merges, matches, d) for d in TOLERANCES}


def table_of(title: str, tallies: dict[str, Tally], planned: Planned) -> ResultTable:
    """Return one table: a row for each measure, a column for each linker."""
    measures: list[tuple[str, Callable[[Tally], str]]] = [
        *((f"merge F1 within {d} frames", lambda t, d=d: f"{t.merges[d].f1:.4f}") for d in TOLERANCES),
        ("precision, recall within 3", lambda t: f"{t.merges[3].precision:.3f}, {t.merges[3].recall:.3f}"),
        ("exact parent sets", lambda t: f"{t.merges[3].exact_parents_fraction:.4f}"),
        ("recall of three and more parents", lambda t: _recall_of_many(t.merges[3])),
        ("dissolutions called merges", lambda t: _part(t.n_dissolved_in_merge, planned.dissolutions)),
        ("crossings and touches called merges", lambda t: _part(t.causes["contact"], planned.contacts)),
        ("false merges by flicker", lambda t: str(t.causes["flicker"])),
        ("frame error, median and 95 %", lambda t: _frame_error(t.merges[3])),
    ]
    rows = [
        {"what": name, **{linker: tell(one) for linker, one in tallies.items()}} for name, tell in measures
    ]
    fates = tallies["temtrack"].fates
    each = ", ".join(f"{row['true_fate']} {row['f1']:.3f}" for row in fates.confusion())
    return ResultTable(title, rows, f"Macro F1 of fates (temtrack) {fates.macro_f1:.4f}: {each}.")


def _recall_of_many(score: MergeScore) -> str:
    many = sum((s for n, s in score.by_number_of_parents().items() if n > 2), MergeScore())
    return f"{many.recall:.4f}"


def _part(n: int, of: int) -> str:
    return f"{n} ({n / of:.1%})" if of else str(n)


def _frame_error(score: MergeScore) -> str:
    return f"{score.median_frame_error:g}, {score.frame_error_95:g}"


def show_failures(seed: int, name: str, one: Tally) -> None:
    """Print what went wrong in one movie."""
    score = one.merges[1]
    for merge in (*score.missed, *score.false):
        kind = "missed" if merge in score.missed else "false"
        print(f"  seed {seed}, {name}: {kind} {merge}")
    for match in score.matches:
        if not match.has_exact_parents:
            print(f"  seed {seed}, {name}: parents {set(match.found_parents)} of {match.true}")
    for (true, told), n in one.fates.counts.items():
        if true != told:
            print(f"  seed {seed}, {name}: {n} {true} told {told}")


def run(seeds: Sequence[int], failures: bool) -> list[ResultTable]:
    """Simulate and link movie after movie; return the tables."""
    clean, poor = ({name: Tally() for name in LINKERS} for _ in range(2))
    variants = {name: dict.fromkeys(TOLERANCES, MergeScore()) for name in ("kept on", "a new id")}
    planned = Planned()
    for seed in seeds:
        movie = movie_of(seed)
        true, truth, rng = [movie.labels(t) for t in range(len(movie))], movie.lineage, _rng(seed)
        masks = list(shuffled(true, rng))
        bad = list(shuffled([disturbed(labels, rng) for labels in true], rng))
        for name, link in LINKERS.items():
            one, other = (tally(*link(Seen(given)), true, truth) for given in (masks, bad))
            clean[name], poor[name] = clean[name] + one, poor[name] + other
            if failures and name == "temtrack":
                show_failures(seed, "true masks", one)
                show_failures(seed, "disturbed masks", other)
        for name, given in (("kept on", with_parents_id_kept(true, truth)), ("a new id", true)):
            found = score_from_masks(given, true, truth)
            variants[name] = {d: variants[name][d] + found[d] for d in TOLERANCES}
        config = movie.config
        n_dissolved = sum(track.fate == "dissolved" for track in truth.tracks)
        planned += Planned(n_dissolved, config.n_crossings + config.n_touches)
    score = clean["temtrack"].merges[0]
    true_parents_of = [len(m.parents) for m in (*(m.true for m in score.matches), *score.missed)]
    n_many = sum(n > 2 for n in true_parents_of)
    n_true = len(true_parents_of)
    share = f"{n_true} merges, {n_many / max(1, n_true):.0%} of three and more parents"
    kept = [
        {"the child": name, **{f"F1 within {d} frames": scores[d].f1 for d in TOLERANCES}}
        for name, scores in variants.items()
    ]
    return [
        table_of(f"True masks, renumbered in every frame: {share}", clean, planned),
        ResultTable("Masks whose ids stay: the child's id is that of the largest parent, or new", kept),
        table_of("Disturbed masks, renumbered in every frame", poor, planned),
    ]


def segment_as_track_does(segmenter: Segmenter, movie: Movie) -> Masks:
    """Segment frame after frame, each shown with its neighbours, all of them at one scale."""
    options = TrackOptions()
    show = FramesWithNeighbours(movie, options.n_neighbours).show
    sight = find_common_sight(segmenter, show, movie, options)
    show = FramesWithNeighbours(movie, options.n_neighbours).show
    return [segmenter.segment(show(t), sight).labels for t in range(movie.n_frames)]


def run_segmented(
    seeds: Sequence[int], doses_e_px: Sequence[float], model: str, failures: bool
) -> list[ResultTable]:
    """Simulate, segment and link movie after movie, dose after dose; return a table for each."""
    tables = []
    segmenter = Segmenter(model, tta=False)
    linkers = LINKERS | {
        "temtrack": partial(link_by_temtrack, config=replace(TrackOptions().linking, necks_join=True))
    }
    for dose in doses_e_px:
        told, planned = {name: Tally() for name in linkers}, Planned()
        for seed in seeds:
            movie = small_movie_of(seed, dose)
            true, truth, config = [movie.labels(t) for t in range(len(movie))], movie.lineage, movie.config
            masks = segment_as_track_does(segmenter, movie.to_movie())
            ones = {name: tally(*link(Seen(masks)), true, truth) for name, link in linkers.items()}
            told = {name: told[name] + one for name, one in ones.items()}
            if failures:
                show_failures(seed, f"dose {dose:g}", ones["temtrack"])
            n_dissolved = sum(track.fate == "dissolved" for track in truth.tracks)
            planned += Planned(n_dissolved, config.n_crossings + config.n_touches)
        tables.append(table_of(f"Masks of {model}, {dose:g} electrons per px", told, planned))
    return tables


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng((seed, 1))


def main() -> None:
    """Simulate, link, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--failures", action="store_true")
    parser.add_argument("--doses", type=float, nargs="+", help="electrons per px, own segmentation")
    parser.add_argument("--model", default="effsam-tiny", help="what segments then")
    add_json_option(parser)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.movies)
    if arguments.doses:
        title, what = "Merges from images", f"at each dose, segmented by {arguments.model}"
        tables = run_segmented(seeds, arguments.doses, arguments.model, arguments.failures)
    else:
        title, what = "Merges", "ids of the masks are permuted in every frame"
        tables = run(seeds, arguments.failures)
    result = BenchmarkResult(
        title=title,
        data=f"{len(seeds)} simulated movies; {what}",
        split="no threshold was set on them",
        seed=f"{seeds.start} to {seeds.stop - 1}",
        tables=tables,
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

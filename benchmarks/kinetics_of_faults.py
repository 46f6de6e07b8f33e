"""Whether quantities of the kinetics stay within their intervals where a movie has faults.

Run ``PYTHONPATH=tests python benchmarks/kinetics_of_faults.py`` (ten minutes on one core). Each movie is
filmed twice: as it is, and with two double exposures and a jump of the field. Both are segmented, tracked
(``overlap``) and measured as a user would. A quantity has moved where its value in the second film lies
outside its 95 % interval in the first. That is told beside the same movie filmed once more with nothing but
another noise of the camera, as intervals rest on particles and contours, not on noise alone.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish

import temtrack
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.measure import measure_kinetics
from temtrack.kinetics.observed import observe
from temtrack.simulation.config import MovieConfig
from temtrack.simulation.imaging import Detector
from temtrack.simulation.movie import SimulatedMovie, simulate_movie
from temtrack.simulation.specimen import Specimen

PIXEL_NM, FRAME_S = 0.5, 2.0

MOVIE = MovieConfig(
    n_frames=72,
    n_particles=44,
    radius_px=9.0,
    contrast=1.0,
    merges={2: 9},
    n_dissolutions=4,
    motion_px=3.0,
    detector=Detector(dose_e_px=200.0),
)

#: Frame -> fault, and frame -> way in px of the jump.
FAULTY = replace(MOVIE, faults={20: "double", 50: "double"}, jumps={35: (13.0, -9.0)})

#: What is no quantity of the movie but a fraction of draws, or has no interval.
_NO_QUANTITY = ("_p_value", "_support")


def measure(movie: SimulatedMovie, model: str, seed: int) -> tuple[list[Estimate], list[int]]:
    """Track the frames of a movie; return its kinetics and the frames that were not believed."""
    seen = movie.to_movie().calibrated(PIXEL_NM, FRAME_S)
    run = observe(temtrack.analyze(temtrack.track(seen, model=model, tracker="overlap"), seen))
    return measure_kinetics(run, np.random.default_rng(seed)), sorted(run.bad_frames)


def compare(before: Sequence[Estimate], after: Sequence[Estimate]) -> Counter[str]:
    """Tell of each quantity of the whole run how it fares: ``held``, ``moved:...``, or told in one alone."""
    others = {row.quantity: row for row in after if row.is_of_run}
    found: Counter[str] = Counter()
    for row in before:
        if not row.is_of_run or row.quantity.endswith(_NO_QUANTITY):
            continue
        other = others[row.quantity]
        if row.value is None or other.value is None:
            found["refused in one"] += (row.value is None) != (other.value is None)
            continue
        low = -np.inf if row.low is None else row.low
        high = np.inf if row.high is None else row.high
        found["held" if low <= other.value <= high else f"moved: {row.quantity}"] += 1
    return found


def at_rest(specimen: Specimen) -> Specimen:
    """Return the same particles in a field that stands still."""
    paths = replace(specimen.paths, place_px=specimen.paths.place_px + specimen.drift_px[:, None])
    return replace(specimen, paths=paths, drift_px=np.zeros_like(specimen.drift_px))


def try_seed(seed: int, model: str) -> tuple[Counter[str], Counter[str], bool]:
    """Film a specimen, again with another noise, and with faults; tell whether the faults were named."""
    faulty = simulate_movie(seed, FAULTY)
    clean = at_rest(faulty.specimen)
    rows, _ = measure(SimulatedMovie(MOVIE, clean, seed), model, seed)
    again, _ = measure(SimulatedMovie(MOVIE, clean, seed + 1_000_000), model, seed)
    told_of_faulty, bad = measure(faulty, model, seed)
    return compare(rows, again), compare(rows, told_of_faulty), bad == sorted(FAULTY.faults)


def told(name: str, found: Counter[str]) -> Row:
    """Return a row of the table."""
    moved = {key.removeprefix("moved: "): n for key, n in found.items() if key.startswith("moved")}
    n = found["held"] + sum(moved.values())
    return {
        "beside the same specimen": name,
        "quantities within their interval": f"{found['held']} of {n}",
        "those that moved": ", ".join(f"{key} ({n})" for key, n in sorted(moved.items())) or "none",
        "told in one film only": found["refused in one"],
    }


def main() -> None:
    """Film and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=600)
    parser.add_argument("--model", default="otsu")
    add_json_option(parser)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    noise, faults, n_named = Counter[str](), Counter[str](), 0
    for seed in seeds:
        of_noise, of_faults, named = try_seed(seed, given.model)
        noise, faults, n_named = noise + of_noise, faults + of_faults, n_named + named
        print(seed, dict(of_noise), dict(of_faults), named, flush=True)
    rows = [told("filmed anew: another noise of the camera", noise), told("with the faults", faults)]
    title = f"Two double exposures and a jump of 16 px, {len(seeds)} movies: {given.model}"
    note = f"Both double exposures, and no other frame, were named in {n_named} of {len(seeds)} movies."
    result = BenchmarkResult(
        title="Kinetics of faulty movies",
        data="simulated movies of 72 frames of 384 px with 44 particles of 18 px, 9 merges, 4 dissolutions",
        split="-",
        seed=f"{seeds.start} to {seeds.stop - 1}",
        tables=[ResultTable(title, rows, note)],
    )
    publish(result, given.json)


if __name__ == "__main__":
    main()

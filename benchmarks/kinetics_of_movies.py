"""How often the intervals of the kinetics hold the true value, from simulated movies of known laws.

Run ``PYTHONPATH=tests python benchmarks/kinetics_of_movies.py`` (about half an hour on one core). Each movie
is measured twice: on its true masks, and as a user would, segmented, tracked (``overlap``) and analysed with
its frames. For each quantity it prints in how many of all estimates the true value lies within the 95 %
interval, how many are refused, and how much wider the intervals are than on true masks, as a ratio of
medians; then in how many movies the mechanism that prevails is told. ``--only growth`` tries one kind of
movie, ``--seeds`` and ``--first-seed`` say which, ``--model`` what segments.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from kinetic_laws import NM_PER_PX, World, evaporate, fluctuate, grow, lose_dispersion, ripen
from kinetics_apart import holds
from law_movies import DIFFUSION, FIELD, simulate_coalescence, simulate_sizes
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from scipy import constants

import temtrack
from temtrack.kinetics.arrhenius import measure_activation
from temtrack.kinetics.bootstrap import gather_power_sums
from temtrack.kinetics.conservation import measure_conservation
from temtrack.kinetics.diffusion import measure_diffusion
from temtrack.kinetics.dispersion import measure_dispersion
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.fluctuations import measure_fluctuations
from temtrack.kinetics.growth import measure_growth
from temtrack.kinetics.mechanisms import MECHANISMS, measure_mechanisms
from temtrack.kinetics.motion import measure_motion
from temtrack.kinetics.neighbours import measure_neighbours
from temtrack.kinetics.observed import observe
from temtrack.kinetics.rates import measure_rates
from temtrack.kinetics.relaxation import measure_relaxations
from temtrack.kinetics.ripening import measure_ripening
from temtrack.masks import Run, masks_of_arrays
from temtrack.simulation.movie import SimulatedMovie
from temtrack.tables import Tables

#: Temperatures (K) and activation energy (kJ/mol) of the runs of one specimen; the rate of the second run.
KELVIN, ENERGY, RATE = (890.0, 920.0, 950.0, 980.0), 120.0, 0.05

RELAX_S = 8.0

#: How volumes wander, in nm6/s: a sixth of a particle's in the 48 s of a movie.
WANDERING = 3.0
BENDING = replace(FIELD, frame_time_s=4.0, diameter_nm=5.0)
UNEQUAL = replace(FIELD, n_particles=30, field_nm=120.0, diameter_nm=8.0, spread=0.3)

Rng = np.random.Generator


@dataclass(frozen=True)
class Experiment:
    """Movies of one world, what is true of them, and the mechanism that prevails."""

    world: World
    simulate: Callable[[Rng, int], Sequence[SimulatedMovie]]
    truths: dict[str, float] = field(default_factory=dict)
    mechanism: str = ""


@dataclass(frozen=True)
class Found:
    """Estimates of one quantity, all seeds together."""

    rows: list[Estimate]

    @classmethod
    def of(cls, quantity: str, runs: Sequence[Sequence[Estimate]]) -> Found:
        """Gather those of a quantity."""
        return cls([row for rows in runs for row in rows if row.quantity == quantity])

    def held(self, truth: float) -> str:
        """Count the intervals that hold the true value, of all that are told."""
        told = [row for row in self.rows if row.value is not None]
        n = sum(holds(row, truth) for row in told)
        return f"{n} of {len(told)} ({n / max(len(told), 1):.0%}), {len(self.rows) - len(told)}"

    def value(self) -> float:
        """Return the median of the values."""
        return float(np.median([row.value for row in self.rows if row.value is not None]))

    def width(self) -> float:
        """Return the median width of the intervals; that of one with an open side is infinite."""
        told = [row for row in self.rows if row.value is not None]
        widths = [np.inf if row.low is None or row.high is None else row.high - row.low for row in told]
        return float(np.median(widths))


def experiments() -> dict[str, Experiment]:
    """Return what is tried."""
    rates = [RATE * np.exp(ENERGY * 1e3 / constants.R * (1 / KELVIN[1] - 1 / kelvin)) for kelvin in KELVIN]

    def lose(rng: Rng, seed: int) -> list[SimulatedMovie]:
        sizes = (lose_dispersion(BENDING, rng, 2, rate, final=0.4) for rate in rates)
        return [simulate_sizes(BENDING, d, rng, seed) for d in sizes]

    return {
        "growth": Experiment(
            FIELD,
            lambda rng, seed: [simulate_sizes(FIELD, grow(FIELD, rng, 3.0, 1.6), rng, seed)],
            {
                "growth_exponent": 3.0,
                "diffusion_coefficient": DIFFUSION,
                "anomalous_exponent": 1.0,
                "diffusion_size_exponent": 0.0,
            },
        ),
        "dispersion": Experiment(
            BENDING, lose, {"gple_rate_n2": RATE, "activation_energy_of_gple_rate_n2": ENERGY}
        ),
        "coalescence": Experiment(
            FIELD,
            lambda rng, seed: [simulate_coalescence(FIELD, 10, RELAX_S, rng, seed)],
            {
                "relaxation_time": RELAX_S,
                "relaxation_time_median": RELAX_S,
                "merge_conserved_power": 3.0,
                "merge_volume_ratio": 1.0,
                "radius_rate": 0.0,
            },
            "coalescence",
        ),
        "ripening": Experiment(
            UNEQUAL,
            lambda rng, seed: [simulate_sizes(UNEQUAL, ripen(UNEQUAL, rng, 2.0, 1.7), rng, seed)],
            {"ripening_power": 2.0, "neighbour_correlation": 0.0},
            mechanism="ripening",
        ),
        "evaporation": Experiment(
            UNEQUAL,
            lambda rng, seed: [simulate_sizes(UNEQUAL, evaporate(UNEQUAL, rng, 0.1, 1.7), rng, seed)],
            {"radius_rate": -0.05},
            mechanism="evaporation",
        ),
        "fluctuation": Experiment(
            FIELD,
            lambda rng, seed: [simulate_sizes(FIELD, fluctuate(FIELD, rng, WANDERING), rng, seed)],
            {
                "volume_diffusion": WANDERING,
                "velocity_correlation": 0.0,
                "non_gaussian_parameter": 0.0,
            },
        ),
    }


def tables_of_truth(movie: SimulatedMovie, world: World) -> Tables:
    """Measure the true masks."""
    masks = [movie.labels(t) for t in range(len(movie))]
    run = Run(masks_of_arrays(masks), movie.lineage)
    return temtrack.analyze(run, pixel_size_nm=NM_PER_PX, frame_time_s=world.frame_time_s)


def tables_of_frames(movie: SimulatedMovie, world: World, model: str) -> Tables:
    """Segment, track and measure the frames."""
    seen = movie.to_movie().calibrated(NM_PER_PX, world.frame_time_s)
    return temtrack.analyze(temtrack.track(seen, model=model, tracker="overlap"), seen)


def fit(tables: Tables, rng: Rng) -> list[Estimate]:
    """Make the fits whose truth is known."""
    run = observe(tables)
    sums = gather_power_sums(run)
    return [
        *measure_growth(sums, run.length_unit, rng),
        *measure_dispersion(sums, rng),
        *measure_mechanisms(run, rng),
        *measure_diffusion(run, rng),
        *measure_motion(run, rng),
        *measure_relaxations(run),
        *measure_conservation(run, rng),
        *measure_ripening(run, rng),
        *measure_rates(run, rng),
        *measure_neighbours(run, rng),
        *measure_fluctuations(run, rng),
    ]


def try_seed(experiment: Experiment, seed: int, model: str) -> tuple[list[Estimate], list[Estimate]]:
    """Return what the true masks and what the frames of a seed tell."""
    rng = np.random.default_rng(seed)
    movies, world = experiment.simulate(rng, seed), experiment.world
    both = []
    for measure in (tables_of_truth, lambda movie, world: tables_of_frames(movie, world, model)):
        runs = [fit(measure(movie, world), np.random.default_rng(seed)) for movie in movies]
        several = len(runs) > 1
        both.append([*runs[several], *(measure_activation(runs, KELVIN) if several else [])])
    return both[0], both[1]


def tells(rows: Sequence[Estimate], mechanism: str) -> bool:
    """Whether the mechanism is the one of the largest fraction."""
    fractions = {row.quantity: row.value or 0.0 for row in rows}
    return max(MECHANISMS, key=lambda name: fractions[f"{name}_fraction"]) == mechanism


def try_experiment(experiment: Experiment, seeds: range, model: str) -> Iterator[Row]:
    """Try all seeds of an experiment and yield what held."""
    tried = [try_seed(experiment, seed, model) for seed in seeds]
    titles = ("quantity", "true", "median", "true masks: held, refused", f"{model}: held, refused", "wider")
    for quantity, truth in experiment.truths.items():
        of_truth, of_frames = (
            Found([row for both in tried for row in both[side] if row.quantity == quantity])
            for side in (0, 1)
        )
        median = f"{of_truth.value():.3g}, {of_frames.value():.3g}"
        ratio = f"{of_frames.width() / of_truth.width():.2f}"
        held = (of_truth.held(truth), of_frames.held(truth))
        yield dict(zip(titles, (quantity, f"{truth:g}", median, *held, ratio), strict=True))
    if experiment.mechanism:
        told = (sum(tells(both[side], experiment.mechanism) for both in tried) for side in (0, 1))
        shares = (f"{n} of {len(tried)}" for n in told)
        yield dict(zip(titles, ("mechanism", experiment.mechanism, "", *shares, ""), strict=True))


def main() -> None:
    """Try what is asked for."""
    known = experiments()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=known, nargs="+", default=list(known))
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--model", default="otsu")
    add_json_option(parser)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    rows = [row for name in given.only for row in try_experiment(known[name], seeds, given.model)]
    title = f"Intervals that hold the true value, and their width beside that on true masks: {given.model}"
    result = BenchmarkResult(
        title=f"Kinetics from movies, segmented by {given.model}",
        data="simulated movies of 24 frames of 320 px with some 35 particles of 10 to 20 px, of known laws",
        split="-",
        seed=f"{seeds.start} to {seeds.stop - 1}",
        tables=[ResultTable(title, rows)],
    )
    publish(result, given.json)


if __name__ == "__main__":
    main()

"""How often the intervals of the kinetics hold the true value, on made-up tables of known laws.

Run ``PYTHONPATH=tests python benchmarks/kinetics.py`` (a minute or two): prints, for each quantity, in how
many seeds the true value lies within the 95 % interval, in how many it was refused, the median value and the
median width of the interval; then for each mechanism in how many seeds it is told as the one that prevails.
``--only "mean diameter"`` tries one, ``--seeds`` and ``--first-seed`` say which. One time in twenty an honest
interval holds in 35 of 40 seeds or in fewer, so that more are needed to find one at fault.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from kinetic_laws import (
    World,
    coalescing,
    colliding,
    diffusing,
    disappearing,
    evaporating,
    exchanging,
    fluctuating,
    growing,
    growth_constant,
    losing_dispersion,
    mixed,
    ripening,
    ripening_constant,
)
from results import BenchmarkResult, ResultTable, Row, add_json_option, publish
from scipy import constants

from temtrack.kinetics.approaches import measure_approaches
from temtrack.kinetics.arrhenius import measure_activation
from temtrack.kinetics.bootstrap import gather_power_sums
from temtrack.kinetics.conservation import measure_conservation
from temtrack.kinetics.diffusion import measure_diffusion
from temtrack.kinetics.dispersion import measure_dispersion
from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.events import measure_events
from temtrack.kinetics.fluctuations import measure_fluctuations
from temtrack.kinetics.forecast import measure_forecast
from temtrack.kinetics.growth import measure_growth
from temtrack.kinetics.kernel import measure_kernel
from temtrack.kinetics.mechanisms import MECHANISMS, measure_mechanisms
from temtrack.kinetics.motion import measure_motion
from temtrack.kinetics.necks import measure_necks
from temtrack.kinetics.neighbours import measure_neighbours
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.rates import measure_rates
from temtrack.kinetics.relaxation import measure_relaxations
from temtrack.kinetics.ripening import measure_ripening
from temtrack.kinetics.sizes import measure_sizes

#: Temperatures (K) and activation energy (kJ/mol) of the runs that are compared.
KELVIN, ENERGY = (873.0, 923.0, 973.0, 1023.0), 120.0

#: Sizes all but equal, so that the growth constant of the ensemble is that of the sample.
NARROW = World(spread=0.02)

#: Speeds at which runs ripen much by the laws of diffusion over the support and of the interface.
RIPENING = {"diffusion": (0.0, 100.0), "interface": (1.0, 15.0)}
RIPENING_WORLD = World(spread=0.3, n_particles=150)

#: Particles whose motion is looked at.
MOVING = World(n_particles=120, spread=0.35)

#: Fraction of the particles that vanish in a second, and the time at which survival is looked at.
FIRST_ORDER, HALF_S = 0.005, 80.0

Rng = np.random.Generator


@dataclass(frozen=True)
class Law:
    """A quantity, its true value, and how a seed's estimates come about."""

    title: str
    quantity: str
    truth: float
    measure: Callable[[Rng], Iterable[Estimate]]


def growth(run: ObservedRun, rng: Rng) -> list[Estimate]:
    """Measure the growth law."""
    return measure_growth(gather_power_sums(run), run.length_unit, rng)


def dispersion(run: ObservedRun, rng: Rng) -> list[Estimate]:
    """Measure the dispersion."""
    return measure_dispersion(gather_power_sums(run), rng)


def activation(rng: Rng) -> list[Estimate]:
    """Measure runs whose GPLE rate follows Arrhenius about 0.05 1/s."""
    rates = [0.05 * np.exp(ENERGY * 1e3 / constants.R * (1 / KELVIN[1] - 1 / kelvin)) for kelvin in KELVIN]
    runs = [dispersion(losing_dispersion(rng, 2, rate), rng) for rate in rates]
    return measure_activation(runs, KELVIN)


def changing(rng: Rng) -> list[Estimate]:
    """Measure a run whose merges become three times as frequent after 100 s."""
    return measure_events(disappearing(rng, 1.0, FIRST_ORDER / 2, change_s=100.0, change=3.0), rng)


def hazard(rng: Rng) -> list[Estimate]:
    """Measure the cumulative hazard at one time, of merges at a steady rate per particle."""
    return at_half(measure_events(disappearing(rng, 1.0, FIRST_ORDER), rng), "coalescence_cumulative_hazard")


def surviving(rng: Rng) -> list[Estimate]:
    """Measure survival at one time; a particle is a parent twice as often as it is one that vanishes."""
    return at_half(measure_events(disappearing(rng, 1.0, FIRST_ORDER), rng), "survival")


def at_half(rows: Sequence[Estimate], quantity: str) -> list[Estimate]:
    """Return a curve at one time, read between its points."""
    curve = [row for row in rows if row.quantity == quantity and row.at is not None]
    values = {end: [getattr(row, end) for row in curve] for end in ("value", "low", "high")}
    at = [row.at for row in curve]
    return [replace(curve[0], **{end: float(np.interp(HALF_S, at, held)) for end, held in values.items()})]


def laws() -> Iterator[Law]:
    """Yield what is tried."""
    for n in (3.0, 4.0):
        yield Law(f"growth exponent {n:g}", "growth_exponent", n, lambda r, n=n: growth(growing(r, n), r))
    truth = growth_constant(3.0, world=NARROW)
    yield Law("growth constant", "growth_constant_n3", truth, lambda r: growth(growing(r, world=NARROW), r))
    for order in (1, 2):
        for name, value in (("rate", 0.05), ("final_dispersion", 0.3)):
            quantity = f"gple_{name}_n{order}"
            yield Law(quantity, quantity, value, lambda r, o=order: dispersion(losing_dispersion(r, o), r))
    for name, (power, rate) in RIPENING.items():

        def of_law(r: Rng, rate: float = rate, power: float = power) -> list[Estimate]:
            return measure_ripening(ripening(r, rate, RIPENING_WORLD, power), r)

        yield Law(f"ripening power, {name}", "ripening_power", power, of_law)
        yield Law(
            f"its constant, {name}", f"ripening_constant_{name}", ripening_constant(rate, power), of_law
        )

    def evaporate(r: Rng) -> list[Estimate]:
        return measure_ripening(evaporating(r, 0.02, length_nm=2.0), r)

    for order in (1.0, 2.0):

        def count(r: Rng, order: float = order) -> list[Estimate]:
            return measure_events(disappearing(r, order), r)

        yield Law(f"order of coalescence {order:g}", "coalescence_order", order, count)
    yield Law("change of its rate", "coalescence_rate_change_time", 100.0, changing)
    yield Law("cumulative hazard of merges", "coalescence_cumulative_hazard", FIRST_ORDER * HALF_S, hazard)
    yield Law("survival", "survival", float(np.exp(-2 * FIRST_ORDER * HALF_S)), surviving)
    for q in (-3.0, 0.0, 1.0):

        def collide(r: Rng, q: float = q) -> list[Estimate]:
            return measure_kernel(colliding(r, q))

        yield Law(f"exponent of the kernel over size {q:g}", "coalescence_size_exponent", q, collide)
    title = "coalescence share, 8 false merges of confidence 0.5"
    yield Law(title, "coalescence_fraction", 0.5, lambda r: measure_mechanisms(mixed(r), r))
    for length in (10.0, 20.0):

        def screened(r: Rng, length: float = length) -> list[Estimate]:
            return measure_neighbours(exchanging(r, length), r)

        yield Law(f"screening length {length:g}", "screening_length", length, screened)
    yield Law(
        "neighbour correlation in a mean field",
        "neighbour_correlation",
        0.0,
        lambda r: measure_neighbours(exchanging(r), r),
    )
    yield Law("Gibbs-Thomson length", "gibbs_thomson_length", 2.0, evaporate)
    yield Law(
        "dr/dt over size, level", "radius_rate", -0.025, lambda r: measure_rates(evaporating(r, 0.05), r)
    )
    for diffusion in (20.0, 100.0):

        def fluctuate(r: Rng, diffusion: float = diffusion) -> list[Estimate]:
            return measure_fluctuations(fluctuating(r, diffusion), r)

        yield Law(f"diffusion of volumes {diffusion:g}", "volume_diffusion", diffusion, fluctuate)
    yield Law("its curve over size, level", "volume_diffusion_over_radius", 100.0, fluctuate)
    yield Law("diffusion", "diffusion_coefficient", 0.5, lambda r: measure_diffusion(diffusing(r), r))
    yield Law("localisation error", "localisation_error", 0.3, lambda r: measure_diffusion(diffusing(r), r))
    for s in (0.0, 3.0):

        def by_size(r: Rng, s: float = s) -> list[Estimate]:
            return measure_motion(diffusing(r, size_exponent=s, world=MOVING), r)

        yield Law(f"exponent of D over size {s:g}", "diffusion_size_exponent", s, by_size)

    def alike(r: Rng) -> list[Estimate]:
        return measure_motion(diffusing(r, world=MOVING), r)

    yield Law("D over size, level", "diffusion_over_radius", 0.5, alike)
    for alpha in (0.7, 1.0, 1.5):

        def anomalous(r: Rng, alpha: float = alpha) -> list[Estimate]:
            return measure_motion(diffusing(r, hurst=alpha / 2, world=MOVING), r)

        yield Law(f"anomalous exponent {alpha:g}", "anomalous_exponent", alpha, anomalous)

    def brownian(r: Rng) -> list[Estimate]:
        return measure_motion(diffusing(r, error_nm=0.0, world=MOVING), r)

    for name in ("non_gaussian_parameter", "velocity_correlation"):
        yield Law(f"{name.replace('_', ' ')} of Brownian motion", name, 0.0, brownian)

    def partly(r: Rng) -> list[Estimate]:
        return measure_motion(diffusing(r, mobile=0.4, world=MOVING), r)

    yield Law("mobile share", "mobile_share", 0.4, partly)
    yield Law("D of the mobile", "mobile_diffusion_coefficient", 0.5, partly)
    yield Law("relaxation time", "relaxation_time", 10.0, lambda r: measure_relaxations(coalescing(r)))
    yield Law("median of them", "relaxation_time_median", 10.0, lambda r: measure_relaxations(coalescing(r)))
    for name in ("neck_exponent", *(f"neck_exponent{stage}_pooled" for stage in ("", "_early", "_late"))):
        yield Law(name.replace("_", " "), name, 5.0, lambda r: measure_necks(coalescing(r)))
    for name in ("approach_speed", "approach_speed_median"):
        yield Law(name.replace("_", " "), name, 0.3, lambda r: measure_approaches(coalescing(r)))
    for power in (2.0, 3.0):

        def conserve(r: Rng, power: float = power) -> list[Estimate]:
            return measure_conservation(coalescing(r, power=power), r)

        yield Law(f"conserved power {power:g}", "merge_conserved_power", power, conserve)
    yield Law("mean diameter", "mean_diameter", 10.0, lambda r: measure_sizes(growing(r), 0, r))
    yield Law("activation energy", "activation_energy_of_gple_rate_n2", ENERGY, activation)


def holds(row: Estimate, truth: float) -> bool:
    """Whether the interval holds the true value; an open side holds all."""
    return (row.low is None or row.low <= truth) and (row.high is None or truth <= row.high)


def try_laws(seeds: range, titles: Sequence[str] | None) -> Iterator[Row]:
    """Yield a row for every law, or for those of some titles, tried with every seed."""
    for law in laws():
        if titles and law.title not in titles:
            continue
        rows: list[Estimate] = []
        for seed in seeds:
            found = law.measure(np.random.default_rng(seed))
            rows += [row for row in found if row.quantity == law.quantity]
        told = [row for row in rows if row.value is not None]
        widths = [row.high - row.low for row in told if row.high is not None and row.low is not None]
        held = sum(holds(row, law.truth) for row in told)
        yield {
            "quantity": law.title,
            "true": f"{law.truth:.4g}",
            "median": f"{np.median([row.value for row in told]):.4g}",
            "median width of the interval": f"{np.median(widths):.4g}",
            "intervals that hold the true value": f"{held} of {len(told)} ({held / len(told):.0%})",
            "refused": len(rows) - len(told),
        }


def try_mechanisms(seeds: range) -> Iterator[Row]:
    """Count in how many seeds the true mechanism has the largest fraction."""
    worlds = {"coalescence": coalescing, "ripening": ripening, "evaporation": evaporating}
    for true, simulate in worlds.items():
        right = 0
        for seed in seeds:
            rng = np.random.default_rng(seed)
            fractions = {row.quantity: row.value or 0.0 for row in measure_mechanisms(simulate(rng), rng)}
            right += max(MECHANISMS, key=lambda name: fractions[f"{name}_fraction"]) == true
        yield {"simulated": true, "told": f"{right} of {len(seeds)}"}


def try_wrong_laws(seeds: range) -> Iterator[Row]:
    """Count in how many seeds a law's interval holds its power and not that of the other."""
    for true, (power, rate) in RIPENING.items():
        (other,) = (p for name, (p, _) in RIPENING.items() if name != true)
        right = 0
        for seed in seeds:
            rng = np.random.default_rng(seed)
            row = measure_ripening(ripening(rng, rate, RIPENING_WORLD, power), rng)[0]
            right += row.value is not None and holds(row, power) and not holds(row, other)
        yield {"simulated": f"ripening limited by {true}", "told from the other": f"{right} of {len(seeds)}"}


def try_orders(seeds: range) -> Iterator[Row]:
    """Count in how many seeds the order of coalescence is told from the other."""
    for true in (1.0, 2.0):
        right = 0
        for seed in seeds:
            rng = np.random.default_rng(seed)
            rows = measure_events(disappearing(rng, true), rng)
            row = next(row for row in rows if row.quantity == "coalescence_order")
            right += row.value is not None and not holds(row, 3 - true)
        yield {
            "simulated": f"coalescence of order {true:g}",
            "told from the other": f"{right} of {len(seeds)}",
        }


def try_neighbours(seeds: range) -> Iterator[Row]:
    """Count in how many seeds local exchange is told from a mean field, by a p-value of 0.025."""
    for length in (None, 20.0):
        right = 0
        for seed in seeds:
            rng = np.random.default_rng(seed)
            row = measure_neighbours(exchanging(rng, length), rng)[1]
            is_local = row.value is None or row.value < 0.025
            right += is_local == (length is not None)
        name = "a mean field" if length is None else f"exchange over {length:g} nm"
        yield {"simulated": name, "told from the other": f"{right} of {len(seeds)}"}


def try_forecasts(seeds: range) -> Iterator[Row]:
    """Tell how far forecasts by the first half of a movie are off at its end, which is twice the time."""
    worlds: dict[str, Callable[[Rng], ObservedRun]] = {
        f"ripening limited by {name}": lambda r, p=power, k=rate: ripening(r, k, RIPENING_WORLD, p)
        for name, (power, rate) in RIPENING.items()
    }
    worlds["coalescence of order 2"] = disappearing
    for name, simulate in worlds.items():
        rows = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            rows.append(measure_forecast(simulate(rng), rng)[-1])
        errors = [abs(row.value) for row in rows if row.value is not None]
        yield {
            "simulated": name,
            "median error of the number": f"{np.median(errors):.1%}",
            "largest": f"{np.max(errors):.1%}",
            "intervals that hold what was seen": f"{sum(holds(row, 0.0) for row in rows)} of {len(errors)}",
        }


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--only", nargs="+", metavar="QUANTITY")
    add_json_option(parser)
    given = parser.parse_args()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    tables = [ResultTable("95 % intervals of known laws", list(try_laws(seeds, given.only)))]
    if not given.only:
        tables.append(ResultTable("The mechanism that prevails", list(try_mechanisms(seeds))))
        tables.append(
            ResultTable(
                "Laws told apart", [*try_wrong_laws(seeds), *try_orders(seeds), *try_neighbours(seeds)]
            )
        )
        tables.append(ResultTable("Forecasts", list(try_forecasts(seeds))))
    result = BenchmarkResult(
        title="Kinetics from tables" + ": some quantities" * bool(given.only),
        data="made-up tables of 80 to 120 particles that follow known laws, with noise; no images",
        split="-",
        seed=f"{seeds.start} to {seeds.stop - 1}",
        tables=tables,
    )
    publish(result, given.json)


if __name__ == "__main__":
    main()

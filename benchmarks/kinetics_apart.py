"""Whether the kinetics tell laws apart that differ, and how well they forecast, on made-up tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from kinetic_laws import World, coalescing, disappearing, evaporating, exchanging, ripening
from results import Row

from temtrack.kinetics.estimate import Estimate
from temtrack.kinetics.events import measure_events
from temtrack.kinetics.forecast import measure_forecast
from temtrack.kinetics.mechanisms import MECHANISMS, measure_mechanisms
from temtrack.kinetics.neighbours import measure_neighbours
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.ripening import measure_ripening

#: Speeds at which runs ripen much by the laws of diffusion over the support and of the interface.
RIPENING = {"diffusion": (0.0, 100.0), "interface": (1.0, 15.0)}
RIPENING_WORLD = World(spread=0.3, n_particles=150)

Rng = np.random.Generator


def holds(row: Estimate, truth: float) -> bool:
    """Whether the interval holds the true value; an open side holds all."""
    return (row.low is None or row.low <= truth) and (row.high is None or truth <= row.high)


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


def _count(simulated: str, seeds: range, tell: Callable[[Rng], bool | None]) -> Row:
    """Count in how many seeds a law is told from the other one: yes, refused, or taken for the other."""
    told = [tell(np.random.default_rng(seed)) for seed in seeds]
    return {
        "simulated": simulated,
        "told from the other": f"{told.count(True)} of {len(seeds)}",
        "refused": told.count(None),
        "taken for the other": told.count(False),
    }


def try_wrong_laws(seeds: range) -> Iterator[Row]:
    """Tell the powers of ripening by their intervals; refused where one holds both powers or neither."""
    for true, (power, rate) in RIPENING.items():
        (other,) = (p for name, (p, _) in RIPENING.items() if name != true)

        def tell(rng: Rng, power: float = power, rate: float = rate, other: float = other) -> bool | None:
            row = measure_ripening(ripening(rng, rate, RIPENING_WORLD, power), rng)[0]
            if row.value is None or holds(row, power) == holds(row, other):
                return None
            return holds(row, power)

        yield _count(f"ripening limited by {true}", seeds, tell)


def try_orders(seeds: range) -> Iterator[Row]:
    """Tell the order of coalescence by its interval; refused where that holds both orders or neither."""
    for true in (1.0, 2.0):

        def tell(rng: Rng, true: float = true) -> bool | None:
            rows = measure_events(disappearing(rng, true), rng)
            row = next(row for row in rows if row.quantity == "coalescence_order")
            if row.value is None or holds(row, true) == holds(row, 3 - true):
                return None
            return holds(row, true)

        yield _count(f"coalescence of order {true:g}", seeds, tell)


def try_neighbours(seeds: range) -> Iterator[Row]:
    """Tell local exchange from a mean field: a screening length with an interval, or a refusal of one.

    That gains do not follow the neighbours' losses, within the error, is what a mean field is told by; of
    local exchange it counts as refused.
    """
    for length in (None, 20.0):

        def tell(rng: Rng, length: float | None = length) -> bool | None:
            row = measure_neighbours(exchanging(rng, length), rng)[2]
            if length is None:
                return row.value is None
            return None if row.value is None else True

        name = "a mean field" if length is None else f"exchange over {length:g} nm"
        yield _count(name, seeds, tell)


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

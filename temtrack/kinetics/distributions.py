"""Which law the sizes follow: log-normal, one of ripening (LSW, Wagner), or that of coalescence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import integrate, stats

from temtrack.kinetics.estimate import (
    CONFIDENCE,
    Estimate,
    Measured,
    Reals,
    Refused,
    fill_rows,
    require,
    simulated_p_value,
)
from temtrack.kinetics.observed import ObservedRun

MIN_PARTICLES = 20
N_SIMULATED = 400

#: The laws that are tested.
LAWS = {
    "lognormal": "log-normal law",
    "lsw": "LSW law (diffusion)",
    "wagner": "Wagner law (interface)",
    "smoluchowski": "self-similar law of coalescence (one kernel for all sizes)",
}

_LOGNORMAL_SOURCE = "Granqvist & Buhrman 1976, doi:10.1063/1.322870"
RIPENING_SOURCE = (
    "Lifshitz & Slyozov 1961, doi:10.1016/0022-3697(61)90054-3; Wagner 1961, doi:10.1002/bbpc.19610650704"
)
_SOURCES = {"lognormal": _LOGNORMAL_SOURCE, "smoluchowski": "Smoluchowski 1917, Z. Phys. Chem. 92, 129"}
_TEST_SOURCE = "Lilliefors 1967, doi:10.1080/01621459.1967.10482916"


def lsw_density(u: Reals) -> Reals:
    """Return the density of u = r / <r> after ripening limited by diffusion; 0 from 3/2 on."""
    inside = (u >= 0) & (u < 1.5)
    v = np.where(inside, u, 0.0)
    with np.errstate(under="ignore"):
        f = 4 / 9 * v**2 * (3 / (3 + v)) ** (7 / 3) * (1.5 / (1.5 - v)) ** (11 / 3) * np.exp(-v / (1.5 - v))
    return np.where(inside, f, 0.0)


def wagner_density(u: Reals) -> Reals:
    """Return the density of u = r / r_c after ripening limited by the interface; 0 from 2 on."""
    inside = (u >= 0) & (u < 2)
    v = np.where(inside, u, 0.0)
    with np.errstate(under="ignore"):
        g = 24 * v / (2 - v) ** 5 * np.exp(-3 * v / (2 - v))
    return np.where(inside, g, 0.0)


def smoluchowski_density(u: Reals) -> Reals:
    """Return the density of u = d / cbrt(<d^3>) after long coalescence with one kernel for all sizes.

    Volumes then follow exp(-v / <v>).
    """
    return np.where(u >= 0, 3 * u**2 * np.exp(-(np.maximum(u, 0.0) ** 3)), 0.0)


_DENSITIES = {
    "lsw": (lsw_density, 1.5),
    "wagner": (wagner_density, 2.0),
    "smoluchowski": (smoluchowski_density, 3.0),
}


@dataclass(frozen=True)
class Law:
    """A law of sizes, for sizes over their mean: cumulative fraction on a grid."""

    grid: Reals
    cumulative: Reals

    def fraction_below(self, relative: Reals) -> Reals:
        """Return the fraction of particles below a size over the mean."""
        return np.interp(relative, self.grid, self.cumulative)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Reals:
        """Draw sizes over their mean."""
        return np.interp(rng.random(shape), self.cumulative, self.grid)


@cache
def ripening_law(name: str) -> Law:
    """Return the law ``lsw``, ``wagner`` or ``smoluchowski``."""
    density_of, end = _DENSITIES[name]
    u = np.linspace(0, end, 4001)[:-1]
    density = density_of(u)
    cumulative = integrate.cumulative_trapezoid(density, u, initial=0)
    cumulative /= cumulative[-1]
    mean = integrate.trapezoid(u * density, u) / integrate.trapezoid(density, u)
    return Law(u / mean, cumulative)


def compare_distributions(run: ObservedRun, frame: int, rng: np.random.Generator) -> list[Estimate]:
    """Fit the log-normal law to a frame's diameters, and test all laws on them.

    A p-value is the fraction of samples of that size, drawn from the law and fitted alike, that lie farther
    from it (Kolmogorov-Smirnov) than the diameters do. It can rule a law out; it proves none, and no law
    of sizes proves a mechanism (Datye et al. 2006).
    """
    diameters = run.whole.loc[run.whole["frame"] == frame, "diameter"].to_numpy()
    quantities = [
        *_lognormal_quantities(run.length_unit, frame),
        *(quantity for name, law in LAWS.items() for quantity in _test_quantities(name, law, frame)),
    ]
    return fill_rows(quantities, _fit, diameters, rng)


def _lognormal_quantities(unit: str, frame: int) -> tuple[Estimate, Estimate]:
    method = "log-normal, maximum likelihood; {} interval"
    return (
        Estimate("lognormal_median", unit, method.format("Student"), _LOGNORMAL_SOURCE, frame),
        Estimate("lognormal_sigma", "1", method.format("chi-square"), _LOGNORMAL_SOURCE, frame),
    )


def _test_quantities(name: str, law: str, frame: int) -> tuple[Estimate, Estimate]:
    source = f"{_SOURCES.get(name, RIPENING_SOURCE)}; {_TEST_SOURCE}"
    distance, p_value = f"Kolmogorov-Smirnov distance to the {law}", f"samples of the {law} farther off"
    return (
        Estimate(f"{name}_ks_distance", "1", distance, source, frame),
        Estimate(f"{name}_p_value", "1", f"fraction of {N_SIMULATED} {p_value}", source, frame),
    )


def _fit(diameters: Reals, rng: np.random.Generator) -> list[Measured]:
    """Return the outcomes of the log-normal law's fit, and of the tests of all laws."""
    n = diameters.size
    require(n, MIN_PARTICLES, "whole particles in the frame")
    if np.ptp(diameters) == 0:
        raise Refused("all diameters are equal", n)
    outcomes = _fit_lognormal(np.log(diameters))
    for name in LAWS:
        seen, simulated = _distances(name, diameters, rng)
        outcomes += [Measured(seen, (None, None), n), simulated_p_value(simulated >= seen, n)]
    return outcomes


def _fit_lognormal(logs: Reals) -> list[Measured]:
    n, mean, deviation = logs.size, float(logs.mean()), float(logs.std(ddof=1))
    tail = (1 - CONFIDENCE) / 2
    reach = float(stats.t.ppf(1 - tail, n - 1)) * deviation / np.sqrt(n)
    median = Measured(np.exp(mean), (np.exp(mean - reach), np.exp(mean + reach)), n)
    low, high = deviation * np.sqrt((n - 1) / stats.chi2.ppf([1 - tail, tail], n - 1))
    return [median, Measured(deviation, (low, high), n)]


def _distances(name: str, diameters: Reals, rng: np.random.Generator) -> tuple[float, Reals]:
    """Return the distance of the diameters to a law, and those (R,) of samples of that law."""
    shape = (N_SIMULATED, diameters.size)
    if name == "lognormal":
        logs, simulated = np.log(diameters)[None], rng.standard_normal(shape)
        return float(_to_normal(logs)[0]), _to_normal(simulated)
    law = ripening_law(name)
    return float(_to_law(diameters[None], law)[0]), _to_law(law.draw(shape, rng), law)


def _to_normal(logs: Reals) -> Reals:
    scaled = (logs - logs.mean(axis=1, keepdims=True)) / logs.std(axis=1, ddof=1, keepdims=True)
    return _ks_distance(stats.norm.cdf(np.sort(scaled, axis=1)))


def _to_law(sizes: Reals, law: Law) -> Reals:
    return _ks_distance(law.fraction_below(np.sort(sizes / sizes.mean(axis=1, keepdims=True), axis=1)))


def _ks_distance(fractions: Reals) -> Reals:
    """Return the distance (R,) of sorted samples to their law, from the law's fractions below each (R, N)."""
    n = fractions.shape[1]
    steps = np.arange(n + 1) / n
    distance: Reals = np.maximum(steps[1:] - fractions, fractions - steps[:-1]).max(axis=1)
    return distance

"""The growth law ``<d>^n - <d0>^n = K t`` of the mean diameter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from temtrack.kinetics.bootstrap import METHOD, PowerSums, bootstrapped, moment_ratio, require_law
from temtrack.kinetics.distributions import RIPENING_SOURCE
from temtrack.kinetics.estimate import (
    CONFIDENCE,
    NO_SCALE,
    Estimate,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
)
from temtrack.kinetics.search import find_minimum, read_between

#: Exponents that are tried; a fit at the end of them is not bounded there.
EXPONENTS = np.geomspace(0.5, 20, 81)

#: Exponents whose growth constant is given, so that runs can be compared: volume and surface diffusion.
FIXED_EXPONENTS = (3, 4)


def measure_growth(sums: PowerSums | None, length_unit: str, rng: np.random.Generator) -> list[Estimate]:
    """Fit the growth exponent, and the growth constant K at the usual exponents.

    Parameters
    ----------
    sums
        The run's diameters over time; ``None`` where frame times are unknown.
    length_unit
        ``nm``, or ``px`` where the scale is unknown, which leaves the constants out.
    rng
        Draws the families.
    """
    law = f"<d>^{{0}} = <d0>^{{0}} + K t{{1}}; {METHOD}"
    quantities = [
        Estimate("growth_exponent", "1", law.format("n", ", n free"), RIPENING_SOURCE),
        *(
            Estimate(f"growth_constant_n{n}", f"nm{n}/s", law.format(n, ""), RIPENING_SOURCE)
            for n in FIXED_EXPONENTS
        ),
    ]
    return fill_rows(quantities, _fit, sums, length_unit, rng)


def _fit(known: PowerSums | None, length_unit: str, rng: np.random.Generator) -> list[Outcome]:
    """Return the outcomes of the exponent and of the constants."""
    sums = require_law(known)
    weights = sums.total()[0, 0]
    means = [moment_ratio(one, 1, 0) for one in (sums.total(), sums.resample(rng))]
    if np.mean(_line(means[1], sums.seconds, weights, 1)[0] <= 0) > (1 - CONFIDENCE) / 2:
        raise Refused("the mean diameter does not grow, within its error", sums.n_rows)
    value, drawn = (_best_exponents(mean, sums.seconds, weights) for mean in means)
    outcomes: list[Outcome] = [_bounded(*bootstrapped([value], [drawn], sums.n_families, sums.n_rows))]
    if length_unit != "nm":
        return [*outcomes, *[Refused(NO_SCALE, sums.n_rows) for _ in FIXED_EXPONENTS]]
    values, draws = ([_line(mean, sums.seconds, weights, n)[0] for n in FIXED_EXPONENTS] for mean in means)
    return [*outcomes, *bootstrapped(values, draws, sums.n_families, sums.n_rows)]


def _bounded(exponent: Measured) -> Outcome:
    """Open the sides of the exponent's interval on which the data do not bound it."""
    if exponent.value <= EXPONENTS[0]:
        return Refused("the growth speeds up, which no exponent tells", exponent.n)
    if exponent.value >= EXPONENTS[-1]:
        return Refused("too little growth to tell an exponent", exponent.n)
    low, high = exponent.interval
    interval = (
        low if low is not None and low > EXPONENTS[0] else None,
        high if high is not None and high < EXPONENTS[-1] else None,
    )
    reason = "too little growth to bound it" if None in interval else None
    return replace(exponent, interval=interval, reason=reason)


def _best_exponents(mean: Reals, seconds: Reals, weights: Reals) -> Reals:
    """Return the exponent (R,) of least squares for each series (R, T).

    d^n is a straight line in time at the true n. Its residuals over n d^(n-1) are those of d.
    """
    squares = np.stack([_line(mean, seconds, weights, n)[1] for n in EXPONENTS], axis=1)
    return read_between(np.broadcast_to(EXPONENTS, squares.shape), find_minimum(squares))


def _line(mean: Reals, seconds: Reals, weights: Reals, n: float) -> tuple[Reals, Reals]:
    """Fit a line to d^n (R, T); return its slope (R,) and the weighted squares (R,) in units of d."""
    scale = mean.mean(axis=1, keepdims=True)
    unit = mean / scale
    y = unit**n
    steepness = n * y / unit
    w = weights / steepness**2
    w /= w.sum(axis=1, keepdims=True)
    t_off = seconds - (w @ seconds)[:, None]
    y_off = y - np.einsum("rt,rt->r", w, y)[:, None]
    slope = np.einsum("rt,rt,rt->r", w, t_off, y_off) / np.einsum("rt,rt,rt->r", w, t_off, t_off)
    residual = (y_off - slope[:, None] * t_off) / steepness
    return slope * scale[:, 0] ** n, residual**2 @ weights

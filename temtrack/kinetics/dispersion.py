"""Loss of dispersion over time and the general power law expression (GPLE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.kinetics.bootstrap import METHOD, PowerSums, bootstrapped, moment_ratio, require_law
from temtrack.kinetics.estimate import CONFIDENCE, Estimate, Measured, Outcome, Reals, Refused, fill_rows
from temtrack.kinetics.search import fit_separable

ORDERS = (1, 2)
N_RATES = 200

_GPLE = f"-dy/dt = k (y - y_eq)^{{}}, y = D/D0; {METHOD}"
_SUPPORT = "fraction of bootstrap draws that order 2 fits better than 1"
_SOURCE = "Fuentes 1985, Appl. Catal. 15, 33; Bartholomew 1993, Appl. Catal. A 107, 1"


@dataclass(frozen=True)
class Gple:
    """Rate k (1/s) and final dispersion y_eq of each series (R,), and the squares that are left."""

    rate: Reals
    final: Reals
    squares: Reals
    is_bounded: NDArray[np.bool_]


def measure_dispersion(sums: PowerSums | None, rng: np.random.Generator) -> list[Estimate]:
    """Fit the GPLE of orders 1 and 2 to the dispersion, and tell which fits better.

    The dispersion is ``D = sum d^2 / sum d^3``, the fraction at the surface; its first value is a parameter
    of the fit, so that the noise of the first frame does not shift all others.
    """
    quantities = [
        Estimate("dispersion_ratio", "1", f"D/D0 last over first tenth; {METHOD}", _SOURCE),
        *(
            Estimate(f"gple_{name}_n{order}", unit, _GPLE.format(order), _SOURCE)
            for order in ORDERS
            for name, unit in (("rate", "1/s"), ("final_dispersion", "1"))
        ),
        Estimate("gple_order_2_support", "1", _SUPPORT, _SOURCE),
    ]
    return fill_rows(quantities, _fit, sums, rng)


def _fit(known: PowerSums | None, rng: np.random.Generator) -> list[Outcome]:
    sums = require_law(known)
    n_rows = sums.n_rows
    every, drawn = moment_ratio(sums.total(), 2, 3), moment_ratio(sums.resample(rng), 2, 3)
    ends = _loss(drawn)
    (loss,) = bootstrapped([_loss(every)], [ends], sums.n_families, n_rows)
    if np.mean(ends >= 1) > (1 - CONFIDENCE) / 2:
        return [loss, *[Refused("the dispersion does not fall, within its error", n_rows)] * 5]
    weights = sums.total()[0, 0]
    fits = [[fit_gple(one, sums.seconds, weights, order) for one in (every, drawn)] for order in ORDERS]
    support = float(np.mean(fits[1][1].squares < fits[0][1].squares))
    rates = [outcome for fit, of_draws in fits for outcome in _rate_and_final(fit, of_draws, sums)]
    return [loss, *rates, Measured(support, (None, None), n_rows)]


def _rate_and_final(fit: Gple, drawn: Gple, sums: PowerSums) -> Sequence[Outcome]:
    if not fit.is_bounded[0] or np.mean(~drawn.is_bounded) > 0.2:
        return [Refused("the curve does not bend enough to tell a rate", sums.n_rows)] * 2
    return bootstrapped([fit.rate, fit.final], [drawn.rate, drawn.final], sums.n_families, sums.n_rows)


def fit_gple(series: Reals, seconds: Reals, weights: Reals, order: int) -> Gple:
    """Fit ``-dy/dt = k (y - y_eq)^order`` with y(0) = 1 to D0 y.

    Order 1 is ``y_eq + (1 - y_eq) exp(-k t)``, order 2 is ``y_eq + (1 - y_eq) / (1 + k (1 - y_eq) t)``;
    both are linear in D0 y_eq and D0 (1 - y_eq) at a given rate.
    """
    span = seconds[-1] - seconds[0]
    rates = np.geomspace(1e-2 / span, 1e3 / span, N_RATES)
    falls = np.exp(-np.outer(rates, seconds)) if order == 1 else 1 / (1 + np.outer(rates, seconds))
    fit = fit_separable(series, falls, weights, least_offset=0.0)
    offset, amplitude = fit.at_best(fit.offset), fit.at_best(fit.amplitude)
    final = offset / (offset + amplitude)
    rate = np.exp(fit.at_best(np.log(rates)))
    if order == 2:
        rate = rate / np.maximum(1 - final, 1e-9)
    is_bounded = (fit.best > 0) & (fit.best < N_RATES - 1) & (amplitude > 0)
    return Gple(rate, final, fit.squares.min(axis=1), is_bounded)


def _loss(series: Reals) -> Reals:
    tenth = max(1, series.shape[1] // 10)
    ratio: Reals = series[:, -tenth:].mean(axis=1) / series[:, :tenth].mean(axis=1)
    return ratio

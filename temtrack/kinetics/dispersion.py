"""Loss of dispersion over time and the general power law expression (GPLE)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.kinetics.bootstrap import MIN_FAMILIES, PowerSums
from temtrack.kinetics.estimate import CONFIDENCE, NO_TIMES, Estimate, Interval, Quantity, percentile_interval
from temtrack.kinetics.separable import fit_separable

Reals = NDArray[np.float64]

MIN_TIMES = 8
N_RATES = 200

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

    The dispersion is ``D = sum d^2 / sum d^3``, the share of surface; its first value is a parameter of
    the fit, so that the noise of the first frame does not shift all others.
    """
    loss = Quantity(
        "dispersion_ratio", "1", "D/D0 last over first tenth; bootstrap of families and outlines", _SOURCE
    )
    quantities = {order: _quantities(order) for order in (1, 2)}
    support = Quantity(
        "gple_order_2_support", "1", "share of bootstrap draws that order 2 fits better than 1", _SOURCE
    )
    reason = NO_TIMES if sums is None else _find_reason(sums)
    if sums is None or reason is not None:
        every = (loss, *quantities[1], *quantities[2], support)
        return [one.refused(str(reason), 0 if sums is None else sums.n_rows) for one in every]
    n_rows = sums.n_rows
    all_, drawn = dispersion(sums.total()), dispersion(sums.resample(rng))
    ends = _loss(drawn)
    rows = [loss.found(float(_loss(all_)[0]), percentile_interval(ends, sums.n_families), n_rows)]
    weights = sums.total()[0, 0]
    fits = {order: fit_gple(drawn, sums.seconds, weights, order) for order in (1, 2)}
    if np.mean(ends >= 1) > (1 - CONFIDENCE) / 2:
        reason = "the dispersion does not fall, within its error"
        fits_ = (*quantities[1], *quantities[2], support)
        return [*rows, *(one.refused(reason, n_rows) for one in fits_)]
    for order, (rate, final) in quantities.items():
        fit = fit_gple(all_, sums.seconds, weights, order)
        rows += _rows((rate, final), fit, fits[order], sums)
    share = float(np.mean(fits[2].squares < fits[1].squares))
    return [*rows, support.found(share, Interval(None, None), n_rows)]


def dispersion(sums: Reals) -> Reals:
    """Return ``sum d^2 / sum d^3`` (R, T) of the power sums (4, R, T), in one over the unit of length."""
    ratio = sums[2] / np.where(sums[3] > 0, sums[3], np.nan)
    filled: Reals = np.where(np.isnan(ratio), np.nanmean(ratio, axis=1, keepdims=True), ratio)
    return filled


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


def _quantities(order: int) -> tuple[Quantity, Quantity]:
    method = f"-dy/dt = k (y - y_eq)^{order}, y = D/D0; bootstrap of families and outlines"
    return (
        Quantity(f"gple_rate_n{order}", "1/s", method, _SOURCE),
        Quantity(f"gple_final_dispersion_n{order}", "1", method, _SOURCE),
    )


def _rows(quantities: tuple[Quantity, Quantity], fit: Gple, drawn: Gple, sums: PowerSums) -> list[Estimate]:
    (rate, final), n, n_rows = quantities, sums.n_families, sums.n_rows
    if not fit.is_bounded[0] or np.mean(~drawn.is_bounded) > 0.2:
        reason = "the curve does not bend enough to tell a rate"
        return [rate.refused(reason, n_rows), final.refused(reason, n_rows)]
    return [
        rate.found(float(fit.rate[0]), percentile_interval(drawn.rate, n), n_rows),
        final.found(float(fit.final[0]), percentile_interval(drawn.final, n), n_rows),
    ]


def _loss(series: Reals) -> Reals:
    tenth = max(1, series.shape[1] // 10)
    ratio: Reals = series[:, -tenth:].mean(axis=1) / series[:, :tenth].mean(axis=1)
    return ratio


def _find_reason(sums: PowerSums) -> str | None:
    if sums.n_families < MIN_FAMILIES:
        return f"too few particles: {sums.n_families} independent ones, {MIN_FAMILIES} are needed"
    if sums.seconds.size < MIN_TIMES:
        return f"too few times: {sums.seconds.size}, {MIN_TIMES} are needed"
    return None

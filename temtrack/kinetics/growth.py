"""The growth law ``<d>^n - <d0>^n = K t`` of the mean diameter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.kinetics.bootstrap import MIN_FAMILIES, PowerSums
from temtrack.kinetics.estimate import (
    CONFIDENCE,
    NO_SCALE,
    NO_TIMES,
    Estimate,
    Interval,
    Quantity,
    percentile_interval,
)
from temtrack.kinetics.separable import find_minimum, read_between

Reals = NDArray[np.float64]

#: Exponents that are tried; a fit at the end of them is not bounded there.
EXPONENTS = np.geomspace(0.5, 20, 81)

#: Exponents whose growth constant is told, so that runs can be compared: volume and surface diffusion.
FIXED_EXPONENTS = (3, 4)

MIN_TIMES = 8

_SOURCE = (
    "Lifshitz & Slyozov 1961, doi:10.1016/0022-3697(61)90054-3; Wagner 1961, doi:10.1002/bbpc.19610650704"
)


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
    exponent = Quantity(
        "growth_exponent", "1", "<d>^n = <d0>^n + K t, n free; bootstrap of families and outlines", _SOURCE
    )
    constants = [_constant(n) for n in FIXED_EXPONENTS]
    if sums is None:
        return [one.refused(NO_TIMES) for one in (exponent, *constants)]
    n_rows, reason = sums.n_rows, _find_reason(sums)
    if reason is not None:
        return [one.refused(reason, n_rows) for one in (exponent, *constants)]
    weights = sums.total()[0, 0]
    mean, resampled = _mean_diameters(sums.total()), _mean_diameters(sums.resample(rng))
    if np.mean(_slopes(resampled, sums.seconds, weights, 1) <= 0) > (1 - CONFIDENCE) / 2:
        reason = "the mean diameter does not grow, within its error"
        return [one.refused(reason, n_rows) for one in (exponent, *constants)]
    rows = [_fit_exponent(exponent, sums, mean, resampled)]
    for n, constant in zip(FIXED_EXPONENTS, constants, strict=True):
        if length_unit != "nm":
            rows.append(constant.refused(NO_SCALE, n_rows))
            continue
        value = float(_slopes(mean, sums.seconds, weights, n)[0])
        interval = percentile_interval(_slopes(resampled, sums.seconds, weights, n), sums.n_families)
        rows.append(constant.found(value, interval, n_rows))
    return rows


def _constant(n: int) -> Quantity:
    method = f"<d>^{n} = <d0>^{n} + K t; bootstrap of families and outlines"
    return Quantity(f"growth_constant_n{n}", f"nm{n}/s", method, _SOURCE)


def _find_reason(sums: PowerSums) -> str | None:
    if sums.n_families < MIN_FAMILIES:
        return f"too few particles: {sums.n_families} independent ones, {MIN_FAMILIES} are needed"
    if sums.seconds.size < MIN_TIMES:
        return f"too few times: {sums.seconds.size}, {MIN_TIMES} are needed"
    return None


def _mean_diameters(sums: Reals) -> Reals:
    """Return the mean diameters (R, T); a draw without any particle at a time takes that of its others."""
    mean = sums[1] / np.where(sums[0] > 0, sums[0], np.nan)
    filled: Reals = np.where(np.isnan(mean), np.nanmean(mean, axis=1, keepdims=True), mean)
    return filled


def _fit_exponent(quantity: Quantity, sums: PowerSums, mean: Reals, resampled: Reals) -> Estimate:
    weights = sums.total()[0, 0]
    value = float(_best_exponents(mean, sums.seconds, weights)[0])
    low, high = percentile_interval(_best_exponents(resampled, sums.seconds, weights), sums.n_families)
    if value <= EXPONENTS[0]:
        return quantity.refused("the growth speeds up, which no exponent tells", sums.n_rows)
    if value >= EXPONENTS[-1]:
        return quantity.refused("too little growth to tell an exponent", sums.n_rows)
    interval = Interval(
        low if low is not None and low > EXPONENTS[0] else None,
        high if high is not None and high < EXPONENTS[-1] else None,
    )
    reason = "too little growth to bound it" if None in interval else None
    return quantity.found(value, interval, sums.n_rows, reason)


def _best_exponents(mean: Reals, seconds: Reals, weights: Reals) -> Reals:
    """Return the exponent (R,) of least squares for each series (R, T).

    d^n is a straight line in time at the true n. Its residuals over n d^(n-1) are those of d.
    """
    squares = np.stack([_line(mean, seconds, weights, n)[1] for n in EXPONENTS], axis=1)
    return read_between(np.broadcast_to(EXPONENTS, squares.shape), find_minimum(squares))


def _slopes(mean: Reals, seconds: Reals, weights: Reals, n: float) -> Reals:
    return _line(mean, seconds, weights, n)[0]


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

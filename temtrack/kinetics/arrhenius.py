"""Activation energies from the rates of runs at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import constants, stats

from temtrack.kinetics.estimate import CONFIDENCE, Estimate, Measured, Reals, Refused, fill_rows

#: Rates that a run tells, and a time whose inverse is one.
RATES = (
    "growth_constant_n3",
    "growth_constant_n4",
    "gple_rate_n1",
    "gple_rate_n2",
    "coalescence_rate",
    "ripening_rate",
    "evaporation_rate",
    "diffusion_coefficient",
    "relaxation_time_median",
)

MIN_RUNS = 3

_METHOD = "ln k = ln A - E / (R T), weighted by the intervals of k"
_SOURCE = "Arrhenius 1889, doi:10.1515/zpch-1889-0416"
_Z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))


def measure_activation(runs: Sequence[Sequence[Estimate]], kelvin: Sequence[float]) -> list[Estimate]:
    """Fit the activation energy of every rate that the runs tell.

    Parameters
    ----------
    runs
        The estimates of each run.
    kelvin
        Temperature of each run in K.
    """
    return [row for name in RATES for row in fill_rows([_energy(name)], _fit, name, runs, kelvin)]


def refuse_activation(reason: str) -> list[Estimate]:
    """Return the activation energies of all rates, refused."""
    return [_energy(name).filled(Refused(reason)) for name in RATES]


def _energy(name: str) -> Estimate:
    return Estimate(f"activation_energy_of_{name}", "kJ/mol", _METHOD, _SOURCE)


def _fit(name: str, runs: Sequence[Sequence[Estimate]], kelvin: Sequence[float]) -> list[Measured]:
    rates = [_log_rate(name, rows) for rows in runs]
    usable = [(t, *rate) for t, rate in zip(kelvin, rates, strict=True) if rate is not None]
    n_temperatures = len({t for t, *_ in usable})
    if n_temperatures < MIN_RUNS:
        reason = f"{name} is known at {n_temperatures} temperatures, {MIN_RUNS} are needed"
        raise Refused(reason, len(usable))
    energy, low, high = fit_activation_energy(*np.array(usable).T)
    return [Measured(energy, (low, high), len(usable))]


def fit_activation_energy(kelvin: Reals, log_rate: Reals, error: Reals) -> tuple[float, float, float]:
    """Return the energy in kJ/mol with its interval, from ``ln k`` (N,) and its standard error (N,).

    Where the points scatter more than their errors say, the interval widens by as much, with Student's t.
    """
    x = -1e3 / (constants.R * kelvin)  # d ln k / dx is the energy in kJ/mol
    w = error**-2
    x_mean, y_mean = np.average(x, weights=w), np.average(log_rate, weights=w)
    power = float(np.sum(w * (x - x_mean) ** 2))
    slope = float(np.sum(w * (x - x_mean) * (log_rate - y_mean))) / power
    freedom = x.size - 2
    excess = float(np.sum(w * (log_rate - y_mean - slope * (x - x_mean)) ** 2)) / freedom
    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * np.sqrt(excess) if excess > 1 else _Z
    reach = quantile / np.sqrt(power)
    return slope, slope - reach, slope + reach


def _log_rate(name: str, rows: Sequence[Estimate]) -> tuple[float, float] | None:
    """Return ln k and its standard error; ``None`` where the rate is not known with both ends."""
    row = next((one for one in rows if one.quantity == name), None)
    if row is None or not row.value or not row.low or row.high is None or row.low <= 0:
        return None
    sign = -1.0 if name.startswith("relaxation_time") else 1.0
    error = (np.log(row.high) - np.log(row.low)) / (2 * _Z)
    return (sign * float(np.log(row.value)), float(error)) if error > 0 else None

"""The interval of one parameter from its profile: the values that fit hardly worse than the best."""

from __future__ import annotations

import numpy as np
from scipy import stats

from temtrack.kinetics.estimate import CONFIDENCE, Interval, Reals


def profile_interval(
    values: Reals, squares: Reals, n_points: int, n_parameters: int, inflation: float = 1.0
) -> Interval:
    """Return the range of values (G,) whose squares (G,) an F test does not tell from the least.

    A side on which every value tried fits is open: ``None``. Neighbouring residuals that go together carry
    less than they seem to; ``inflation`` is by how much the variance of the parameter grows for it.

    Source: Bates & Watts 1988, Nonlinear Regression Analysis, section 6.1.
    """
    freedom = max(n_points - n_parameters, 1)
    least = float(squares.min())
    limit = least * (1 + inflation * float(stats.f.ppf(CONFIDENCE, 1, freedom)) / freedom)
    fits = np.flatnonzero(squares <= limit)
    low = None if fits[0] == 0 else float(values[fits[0] - 1])
    high = None if fits[-1] == values.size - 1 else float(values[fits[-1] + 1])
    return (low, high)


def variance_inflation(residuals: Reals) -> float:
    """Return by how much the correlation of neighbouring residuals (T,) widens a variance, at least 1."""
    centred = residuals - residuals.mean()
    power = float(centred @ centred)
    lag = float(centred[1:] @ centred[:-1]) / power if power > 0 else 0.0
    lag = min(max(lag, 0.0), 0.9)
    return (1 + lag) / (1 - lag)

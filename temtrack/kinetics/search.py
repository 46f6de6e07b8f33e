"""Least squares by search in one parameter: of ``y = a + b phi(t; g)``, exact in a and b; its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from temtrack.kinetics.estimate import CONFIDENCE, Interval, Reals


@dataclass(frozen=True)
class SeparableFit:
    """Best a and b (R, G) for each series and each value of g, with their weighted sum of squares."""

    offset: Reals
    amplitude: Reals
    squares: Reals

    @property
    def best(self) -> NDArray[np.intp]:
        """Index (R,) of the best g of each series."""
        index: NDArray[np.intp] = np.argmin(self.squares, axis=1)
        return index

    def at_best(self, values: Reals) -> Reals:
        """Return values (R, G), or (G,) of the parameter itself, at the least squares of each series (R,)."""
        return read_between(np.broadcast_to(values, self.squares.shape), find_minimum(self.squares))


def find_minimum(squares: Reals) -> Reals:
    """Return the place (R,) of the least of each row (R, G), in steps of the grid: a parabola's, between."""
    row, last = np.arange(len(squares)), squares.shape[1] - 1
    best = np.argmin(squares, axis=1)
    middle = np.clip(best, 1, last - 1)
    left, centre, right = (squares[row, middle + step] for step in (-1, 0, 1))
    bend = left - 2 * centre + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
    place: Reals = np.where(best == middle, middle + np.clip(shift, -0.5, 0.5), best)
    return place


def read_between(values: Reals, place: Reals) -> Reals:
    """Return each row's value (R,) at a place (R,) between the points of the grid (R, G)."""
    row = np.arange(len(values))
    below = np.clip(place.astype(np.intp), 0, values.shape[1] - 2)
    rest = place - below
    between: Reals = (1 - rest) * values[row, below] + rest * values[row, below + 1]
    return between


def fit_separable(series: Reals, basis: Reals, weights: Reals, least_offset: float = -np.inf) -> SeparableFit:
    """Fit all series at all values of the parameter.

    Parameters
    ----------
    series
        (R, T).
    basis
        ``phi`` (G, T), one row for each value of g.
    weights
        (T,) one over the variance of each time, up to a factor.
    least_offset
        a is no smaller than this; b is then fitted again.

    Returns
    -------
    a, b and the squares, each (R, G).
    """
    w = weights / weights.sum()
    mean_y, mean_phi = series @ w, basis @ w
    cross = (series * w) @ basis.T - np.outer(mean_y, mean_phi)
    spread = np.maximum((basis**2) @ w - mean_phi**2, 1e-300)
    amplitude = cross / spread
    offset = mean_y[:, None] - amplitude * mean_phi
    bound = offset < least_offset
    if bound.any():
        through = ((series * w) @ basis.T - least_offset * mean_phi) / np.maximum((basis**2) @ w, 1e-300)
        amplitude, offset = np.where(bound, through, amplitude), np.where(bound, least_offset, offset)
    power = ((series**2) @ w)[:, None] + offset**2 + amplitude**2 * ((basis**2) @ w)
    mixed = offset * amplitude * mean_phi - offset * mean_y[:, None] - amplitude * ((series * w) @ basis.T)
    return SeparableFit(offset, amplitude, np.maximum(power + 2 * mixed, 0))


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


def variance_inflation(residuals: Reals, least: float = 0.0) -> float:
    """Return by how much the correlation of neighbouring residuals (T,) widens a variance, at least 1.

    A correlation of ``least`` is taken for granted, as a fit to few points takes much of it away.
    """
    centred = residuals - residuals.mean()
    power = float(centred @ centred)
    lag = float(centred[1:] @ centred[:-1]) / power if power > 0 else 0.0
    lag = min(max(lag, least), 0.9)
    return (1 + lag) / (1 - lag)

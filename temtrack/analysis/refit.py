"""The confidence of merges, fitted anew to what a person said of some of them.

The confidence that `temtrack.analysis.confidence` gives was fitted on simulated movies. Where a person has
reviewed enough merges of a run, that of the others follows: its logit is stretched and shifted. The order of
the merges stays as it is, and a few answers cannot overturn the fit, as it is what is believed before them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

#: Fewer reviewed merges say too little.
MIN_REVIEWED = 20

#: Believed before any answer: by how much the logit is shifted, and the logarithm of its stretch (1 sigma).
_PRIOR_OFFSET, _PRIOR_LOG_SLOPE = 1.0, 0.5

#: A confidence is never nearer to 0 or 1 in the fit.
_MARGIN = 1e-6


class Refit(NamedTuple):
    """The logit of a confidence becomes ``offset + slope * logit``; the slope is above 0."""

    offset: float
    slope: float

    def apply(self, confidence: float) -> float:
        """Return a confidence as refitted; NaN stays NaN."""
        return float(expit(self.offset + self.slope * _logit(confidence)))


def fit_refit(confidence: NDArray[np.float64], is_true: NDArray[np.bool_]) -> Refit:
    """Fit offset and slope to reviewed merges.

    The likeliest of both by the answers and what was believed before, a normal distribution of the offset and
    of the slope's logarithm, about no change.

    Parameters
    ----------
    confidence
        (N,) as fitted before, of each reviewed merge; none is NaN.
    is_true
        (N,) what the person said.

    Raises
    ------
    ValueError
        Where there are fewer than `MIN_REVIEWED`; it says so.

    Notes
    -----
    Platt 1999, in Advances in Large Margin Classifiers, MIT Press, 61; there without a prior. Which merges
    were reviewed may depend on their confidence, but on nothing else that tells true from false.
    """
    if len(confidence) < MIN_REVIEWED:
        raise ValueError(
            f"{len(confidence)} merges of a known confidence are reviewed, {MIN_REVIEWED} are needed"
        )
    logits, sign = _logit(confidence), np.where(is_true, 1.0, -1.0)

    def cost(values: NDArray[np.float64]) -> float:
        offset, log_slope = values
        likely = log_expit(sign * (offset + np.exp(log_slope) * logits)).sum()
        return float((offset / _PRIOR_OFFSET) ** 2 / 2 + (log_slope / _PRIOR_LOG_SLOPE) ** 2 / 2 - likely)

    offset, log_slope = minimize(cost, np.zeros(2), method="BFGS").x
    return Refit(float(offset), float(np.exp(log_slope)))


def _logit(confidence: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(confidence, _MARGIN, 1 - _MARGIN)), dtype=np.float64)

"""How the rate at which two particles merge depends on their sizes: Smoluchowski's kernel.

Of all pairs that are there, a merge takes that of radii r_a and r_b with a chance that goes as the kernel,
``r_a^q + r_b^q``: q = 0 where sizes do not matter, -s where particles walk at random with D ~ r^-s, 1 where
they meet as they grow, or by the width of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from temtrack.kinetics.estimate import (
    CONFIDENCE,
    NO_EVENTS,
    Estimate,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.events import MIN_EVENTS
from temtrack.kinetics.mechanisms import event_confidence
from temtrack.kinetics.observed import ObservedRun, contact_or_merge_frame

#: Exponents q that are tried.
EXPONENTS = np.linspace(-10, 10, 401)

#: A merge's sizes are read in the last good frame of so many before contact in which both parents are whole.
LOOK_BACK_FRAMES = 5

_KERNEL = Estimate(
    "coalescence_size_exponent",
    "1",
    "q of the kernel r_a^q + r_b^q: merges as a choice among all pairs there, maximum likelihood;"
    " interval from its profile",
    "Smoluchowski 1917, Z. Phys. Chem. 92, 129; McFadden 1974, conditional choice",
)


@dataclass(frozen=True)
class Choice:
    """Radii of the two that merged, of all N that could have, and how sure the merge is."""

    pair: tuple[float, float]
    there: Reals
    confidence: float

    def likelihood(self) -> Reals:
        """Return the log likelihood (E,) at each exponent: pairs together have (N - 1) sum of r^q."""
        powers = self.there[:, None] ** EXPONENTS
        own = sum(one**EXPONENTS for one in self.pair)
        log: Reals = np.log(own) - np.log((self.there.size - 1) * powers.sum(axis=0))
        return self.confidence * log


def measure_kernel(run: ObservedRun) -> list[Estimate]:
    """Measure the exponent of the kernel over the radius."""
    return fill_rows([_KERNEL], _fit, run)


def _fit(run: ObservedRun) -> list[Outcome]:
    if run.merges is None:
        raise Refused(NO_EVENTS)
    choices = list(_choices(run))
    n = len(choices)
    require(n, MIN_EVENTS, "merges of two particles seen whole")
    likelihood = np.sum([one.likelihood() for one in choices], axis=0)
    likely = np.flatnonzero(likelihood >= likelihood.max() - float(stats.chi2.ppf(CONFIDENCE, 1)) / 2)
    if likely[0] == 0 or likely[-1] == EXPONENTS.size - 1:
        raise Refused("sizes differ too little to tell how merges depend on them", n)
    ends = float(EXPONENTS[likely[0] - 1]), float(EXPONENTS[likely[-1] + 1])
    return [Measured(float(EXPONENTS[np.argmax(likelihood)]), ends, n)]


def _choices(run: ObservedRun) -> Iterator[Choice]:
    """Yield the merges of two, radii over their mean, as they stood before contact."""
    assert run.merges is not None
    by_frame = {
        frame: dict(zip(rows["particle_id"].tolist(), rows["diameter"].tolist(), strict=True))
        for frame, rows in run.whole.groupby("frame")
    }
    confidence = event_confidence(run.merges, "confidence").tolist()
    for (_, merge), sure in zip(run.merges.iterrows(), confidence, strict=True):
        parents, contact = list(merge["parent_ids"]), contact_or_merge_frame(merge)
        if len(parents) != 2:
            continue
        for frame in range(contact - 1, contact - 1 - LOOK_BACK_FRAMES, -1):
            there = by_frame.get(frame, {})
            if all(one in there for one in parents):
                sizes = np.array(list(there.values()))
                a, b = (float(there[one] / sizes.mean()) for one in parents)
                yield Choice((a, b), sizes / sizes.mean(), sure)
                break

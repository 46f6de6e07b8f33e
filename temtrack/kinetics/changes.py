"""What corrections change in the results of a run: how many merges, the shares of mechanisms, their rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from temtrack.kinetics.estimate import NO_EVENTS, Estimate, Measured, Refused
from temtrack.kinetics.mechanisms import measure_mechanisms
from temtrack.kinetics.observed import ObservedRun

_COUNT = "rows of the table"


@dataclass(frozen=True)
class Change:
    """A quantity of a run before corrections and after them."""

    before: Estimate
    after: Estimate

    @property
    def is_known(self) -> bool:
        """Whether there is a value of it, before or after."""
        return self.before.value is not None or self.after.value is not None

    def to_json(self) -> dict[str, str | float | None]:
        """Return both values with their 95 % intervals, and why one of them is refused."""
        sides = {"before": self.before, "after": self.after}
        values = {
            name if end == "value" else f"{name}_{end}": getattr(one, end)
            for name, one in sides.items()
            for end in ("value", "low", "high")
        }
        reason = self.after.reason or self.before.reason
        return {"quantity": self.after.quantity, "unit": self.after.unit, **values, "reason": reason}


def measure_changes(before: ObservedRun, after: ObservedRun, seed: int = 0) -> list[Change]:
    """Measure a run before and after corrections: numbers of particles and merges, mechanisms and rates.

    Both with the same draws of the intervals, so what the corrections leave as it is does not change.
    """
    told = [_tell(run, np.random.default_rng(seed)) for run in (before, after)]
    return [Change(*both) for both in zip(*told, strict=True)]


def _tell(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    n_merges = None if run.merges is None else len(run.merges)
    counts = {"n_particles": len(run.tracks), "n_merges": n_merges}
    return [
        *(
            Estimate(name, "1", _COUNT, "").filled(
                Refused(NO_EVENTS) if n is None else Measured(n, (None, None), n)
            )
            for name, n in counts.items()
        ),
        *measure_mechanisms(run, rng),
    ]

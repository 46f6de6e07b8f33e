"""What a merge conserves: projected area, volume, or optical mass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from temtrack.kinetics.bootstrap import (
    N_RESAMPLES,
    ContourError,
    bootstrapped,
    draw_contour_errors,
    draw_counts,
)
from temtrack.kinetics.estimate import (
    MIN_MEDIAN,
    NO_EVENTS,
    Estimate,
    Measured,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.mechanisms import event_confidence
from temtrack.kinetics.observed import ObservedRun, contact_or_merge_frame
from temtrack.kinetics.search import find_minimum, read_between

#: Parents are measured in so many frames before contact; the child in the last so many of those frames after
#: the merge in which it may be round.
PARENT_FRAMES, CHILD_FRAMES, RELAXED_FROM, RELAXED_TO = 5, 10, 8, 40

#: Powers m of the diameter whose sum may be what a merge conserves.
POWERS = np.linspace(0.5, 8, 151)

_RATIO = (
    "child, up to 40 frames after the merge, over the sum of its parents; geometric mean, bootstrap of merges"
)
_POWER = "m of sum d^m of the parents = d^m of the child: 2 for areas, 3 for volumes; bootstrap of merges"
_SOURCE = "by definition"


@dataclass(frozen=True)
class MergedSizes:
    """A quantity of K merges: the parents' (K, P), NaN where fewer, the child's (K,); how sure they are."""

    parents: Reals
    child: Reals
    confidence: Reals

    def moved(self, error: ContourError | None, pixel: float) -> MergedSizes:
        """Return diameters whose contours are off; what has no contour stays."""
        if error is None:
            return self
        parents, child = (error.moved(one, pixel) for one in (self.parents, self.child))
        return MergedSizes(parents, child, self.confidence)

    def log_ratios(self, power: int) -> Reals:
        """Return the logarithm (K,) of the child's power over the sum of its parents'."""
        ratios: Reals = power * np.log(self.child) - np.log(np.nansum(self.parents**power, axis=1))
        return ratios


def measure_conservation(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure the ratios of area, volume and optical mass over merges, and the power that is conserved."""
    contours = " and contours"
    rows = {
        name: Estimate(f"merge_{name}_ratio", "1", _RATIO + contours, _SOURCE) for name in ("area", "volume")
    }
    mass = Estimate("merge_mass_ratio", "1", _RATIO, _SOURCE)
    power = Estimate("merge_conserved_power", "1", _POWER + contours, _SOURCE)
    if run.merges is None or run.merges.empty:
        refused = Refused(NO_EVENTS if run.merges is None else "no merge")
        return [row.filled(refused) for row in (*rows.values(), mass, power)]
    sizes, pixel = _before_and_after(run, "diameter"), run.unit_per_px
    area, volume = (lambda one, counts, p=p: _mean_ratio(one.log_ratios(p), counts) for p in (2, 3))
    masses = _before_and_after(run, "optical_mass")
    return [
        *fill_rows([rows["area"]], _bootstrap, sizes, area, pixel, rng),
        *fill_rows([rows["volume"]], _bootstrap, sizes, volume, pixel, rng),
        *fill_rows([mass], _bootstrap, masses, lambda m, c: _mean_ratio(m.log_ratios(1), c), 0.0, rng),
        *fill_rows([power], _bootstrap, sizes, _fit_power, pixel, rng),
    ]


def _before_and_after(run: ObservedRun, column: str) -> MergedSizes:
    """Return a column's medians in the parents and in the round child, of all merges that were seen so."""
    found: list[list[float]] = []
    sure: list[float] = []
    assert run.merges is not None
    confidence = event_confidence(run.merges, "confidence").tolist()
    for (_, merge), how_sure in zip(run.merges.iterrows(), confidence, strict=True):
        frame, contact = int(merge["frame"]), contact_or_merge_frame(merge)
        child = run.rows_of(merge["child_id"])
        parts = [child[child["frame"].between(frame + RELAXED_FROM, frame + RELAXED_TO)][-CHILD_FRAMES:]]
        for parent in merge["parent_ids"]:
            own = run.rows_of(parent)
            parts.append(own[own["frame"].between(contact - PARENT_FRAMES, contact - 1)])
        medians = [float(part[column].median()) if column in part else np.nan for part in parts]
        if np.isfinite(medians).all() and min(medians) > 0:
            found.append(medians)
            sure.append(how_sure)
    widest = max(map(len, found), default=2)
    padded = np.array([one + [np.nan] * (widest - len(one)) for one in found]).reshape(-1, widest)
    return MergedSizes(padded[:, 1:], padded[:, 0], np.array(sure))


def _bootstrap(
    sizes: MergedSizes,
    fit: Callable[[MergedSizes, Reals], Reals],
    pixel: float,
    rng: np.random.Generator,
) -> list[Measured]:
    """Tell what ``fit(sizes, counts)`` (R,) gives, over draws of merges and contours.

    In each draw merges are true as often as their confidence says.
    """
    n = sizes.child.size
    require(n, MIN_MEDIAN, "merges whose parents and child are seen whole")
    errors = draw_contour_errors(sizes.child, pixel, rng) if pixel else [None]
    counts = draw_counts(n, rng) * (rng.random((N_RESAMPLES, n)) < sizes.confidence)
    parts = np.array_split(counts[counts.any(axis=1)], len(errors))
    drawn = np.concatenate(
        [fit(sizes.moved(error, pixel), some) for error, some in zip(errors, parts, strict=True)]
    )
    return bootstrapped([fit(sizes, sizes.confidence[None])], [drawn], n)


def _mean_ratio(logs: Reals, counts: Reals) -> Reals:
    ratio: Reals = np.exp(counts @ logs / counts.sum(axis=1))
    return ratio


def _fit_power(sizes: MergedSizes, counts: Reals) -> Reals:
    sums = np.stack([np.nansum(sizes.parents**power, axis=1) ** (1 / power) for power in POWERS], axis=1)
    squares = counts @ (np.log(sums) - np.log(sizes.child)[:, None]) ** 2
    return read_between(np.broadcast_to(POWERS, squares.shape), find_minimum(squares))

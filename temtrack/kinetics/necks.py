"""After a merge: how the neck between the parents grows, in each merge and in all together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from temtrack.kinetics.estimate import NO_EVENTS, Estimate, Measured, Reals, Refused, fill_rows, require
from temtrack.kinetics.observed import ObservedRun, contact_or_merge_frame
from temtrack.kinetics.search import profile_interval

MIN_FRAMES, MIN_STAGE_FRAMES = 6, 4

#: Merges that all tell one exponent: fewer say nothing of the next one.
MIN_MERGES = 3

#: From here on the neck is no longer small beside the particle, and the law of its growth ends.
LARGEST_NECK = 0.8

#: Ends of the early stage and of the late one, as neck ratios.
STAGES = {"": (0.0, LARGEST_NECK), "_early": (0.0, 0.5), "_late": (0.5, LARGEST_NECK)}

EXPONENTS = np.linspace(1, 15, 281)

_LAW = "x/R = (B (t - t0))^(1/n), t0 from contact to merge frame; interval from the profile"
_POOLED = "the same n in all merges, each with its own B and t0{}; interval from the sum of profiles"
_SOURCE = "Kuczynski 1949, Trans. AIME 185, 169"
_EXPONENT = Estimate("neck_exponent", "1", _LAW, _SOURCE)


@dataclass(frozen=True)
class Neck:
    """Neck ratios (T,) of a merge at their times in s, and times at which its growth may have begun."""

    seconds: Reals
    ratios: Reals
    starts: Reals

    def stage(self, low: float, high: float, exponent: int) -> Neck:
        """Return the part from one ratio to another of the best curve, at the exponent of that place.

        The ratios themselves would end it where their noise does.
        """
        start = self.starts[int(np.argmin(self.squares()[:, exponent]))]
        basis = (self.seconds - start) ** (1 / EXPONENTS[exponent])
        curve = basis * (basis @ self.ratios) / (basis @ basis)
        part = (low <= curve) & (curve < high)
        return replace(self, seconds=self.seconds[part], ratios=self.ratios[part])

    def squares(self) -> Reals:
        """Return the least squares (S, E) of each start and exponent, over B."""
        squares = np.empty((self.starts.size, EXPONENTS.size))
        for row, start in enumerate(self.starts):
            basis = (self.seconds - start) ** (1 / EXPONENTS[:, None])
            amplitude = basis @ self.ratios / (basis**2).sum(axis=1)
            squares[row] = ((self.ratios - amplitude[:, None] * basis) ** 2).sum(axis=1)
        return squares

    def profile(self) -> Reals:
        """Return the least squares of each exponent, (E,), over all starts and B."""
        least: Reals = self.squares().min(axis=0)
        return least


def measure_necks(run: ObservedRun) -> list[Estimate]:
    """Fit the exponent of each merge's neck, and one to all, in the whole and by stage."""
    pooled = {
        name: Estimate(f"neck_exponent{name}_pooled", "1", _POOLED.format(_stage_words(name)), _SOURCE)
        for name in STAGES
    }
    if run.merges is None or run.merges.empty:
        refused = Refused(NO_EVENTS if run.merges is None else "no merge")
        return [row.filled(refused) for row in (_EXPONENT, *pooled.values())]
    necks: list[Neck] = []
    rows: list[Estimate] = []
    for _, merge in run.merges.iterrows():
        rows += fill_rows([replace(_EXPONENT, event_id=int(merge["event_id"]))], _fit_one, run, merge, necks)
    return [*rows, *(row for name, one in pooled.items() for row in fill_rows([one], _fit_all, necks, name))]


def _stage_words(name: str) -> str:
    low, high = STAGES[name]
    return f", x/R from {low:g} to {high:g}" if name else ""


def _fit_one(run: ObservedRun, merge: pd.Series, necks: list[Neck]) -> list[Measured]:
    """Fit the neck of a merge; what could be read of it is added to ``necks``."""
    neck = read_neck(run, merge)
    necks.append(neck)
    require(neck.ratios.size, MIN_FRAMES, f"frames with a neck below {LARGEST_NECK}")
    return [_tell(neck.profile(), neck.ratios.size, 3)]


def read_neck(run: ObservedRun, merge: pd.Series) -> Neck:
    """Return a merge's neck in good frames, until it is wide; refused where none was measured."""
    seconds = run.known_seconds
    given = merge["neck_ratios"]
    if given is None or len(given) == 0:
        raise Refused("no neck was measured: the merge has more than two parents, or no frames")
    first = int(merge["frame"])
    ratios = np.array(given, dtype=np.float64)[: run.n_frames - first]
    good = ~np.isin(first + np.arange(ratios.size), list(run.bad_frames))
    wide = np.flatnonzero(good & ~(ratios < LARGEST_NECK))
    good = good[: wide[0]] if wide.size else good
    contact = contact_or_merge_frame(merge)
    starts = np.linspace(seconds[max(contact - 1, 0)], seconds[first], 21)[:-1]
    return Neck(seconds[first : first + good.size][good], ratios[: good.size][good], starts)


def _fit_all(necks: list[Neck], name: str) -> list[Measured]:
    """Fit one exponent to a stage of all merges; which frames are of it is told by the whole neck."""
    long = [neck for neck in necks if neck.ratios.size >= MIN_FRAMES]
    require(len(long), MIN_MERGES, f"merges with {MIN_FRAMES} frames of a neck")
    if name:
        whole = int(np.argmin(np.sum([neck.profile() for neck in long], axis=0)))
        long = [neck.stage(*STAGES[name], whole) for neck in long]
        long = [neck for neck in long if neck.ratios.size >= MIN_STAGE_FRAMES]
        require(len(long), MIN_MERGES, f"merges with {MIN_STAGE_FRAMES} frames of this stage")
    n_points = sum(neck.ratios.size for neck in long)
    squares: Reals = np.sum([neck.profile() for neck in long], axis=0)
    return [replace(_tell(squares, n_points, 1 + 2 * len(long)), n=len(long))]


def _tell(squares: Reals, n_points: int, n_parameters: int) -> Measured:
    best = int(np.argmin(squares))
    interval = profile_interval(EXPONENTS, squares, n_points, n_parameters)
    if best in (0, EXPONENTS.size - 1) or interval[1] is None:
        raise Refused("the neck's growth does not bend enough to tell an exponent", n_points)
    return Measured(float(EXPONENTS[best]), interval, n_points)

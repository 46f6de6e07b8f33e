"""How particles vanish: by coalescence, by ripening or by evaporation, told from tracks and events.

The distribution of sizes alone never tells (Datye et al. 2006). A merge is coalescence where its volume
closes. A particle that shrinks to nothing has ripened where the others gained what it lost, and evaporated
where they did not. Volumes are d^3 of the equivalent diameter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from temtrack.kinetics.bootstrap import MIN_FAMILIES, N_RESAMPLES, bootstrapped, draw_counts
from temtrack.kinetics.estimate import (
    CONFIDENCE,
    NO_EVENTS,
    Estimate,
    Interval,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.observed import ObservedRun, contact_or_merge_frame
from temtrack.kinetics.sizes import BOOTSTRAP_SOURCE, POISSON_SOURCE, poisson_interval
from temtrack.lineage import MIN_CHILD_FRAMES

#: The others' gain over a vanishing particle's loss, from which on it has ripened.
RIPENING_GAIN = 0.5

#: From this chance on, that others gained so much more or so much less than that, it counts as certain.
SURE_OF_GAIN = 0.975

#: Projected area of the relaxed child over the sum of its parents', beside k^(-1/3): what still closes.
CLOSURE_MARGIN = 0.2

#: Frames over which a volume is averaged before and after.
SMOOTH_FRAMES = 5

MECHANISMS = ("coalescence", "ripening", "evaporation")

_SOURCE = "Datye et al. 2006, doi:10.1016/j.cattod.2005.10.013; {}"
_FRACTION_METHOD = "particles that vanish so / all that vanish; exact binomial interval, or events drawn anew"
_RATE_METHOD = "particles that vanish so / particle-seconds; exact Poisson interval, or events drawn anew"
_VOLUME_METHOD = "sum d^3 last / first, each the median of 5 frames; bootstrap of families"
_CLOPPER = _SOURCE.format("Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404")
_GARWOOD = _SOURCE.format(POISSON_SOURCE)
_EFRON = _SOURCE.format(BOOTSTRAP_SOURCE)


@dataclass(frozen=True)
class Vanished:
    """Particles that vanished, event by event, and the number of merges whose volume does not close.

    Parameters
    ----------
    mechanism, number, confidence
        Of each event (E,): the place of its mechanism in `MECHANISMS`, how many particles vanish in it, and
        how likely it is true.
    ripened
        Of each event (E,) how likely, by the noise of the others' volumes, what dissolved has ripened rather
        than evaporated; 0 for merges.
    n_unclosed
        Merges that are left out.
    """

    mechanism: NDArray[np.intp]
    number: Reals
    confidence: Reals
    ripened: Reals
    n_unclosed: int

    @property
    def counts(self) -> dict[str, int]:
        """Number of particles that vanished by each mechanism, all events taken for true."""
        totals = np.bincount(self.mechanism, self.number, len(MECHANISMS)).astype(int)
        return dict(zip(MECHANISMS, totals.tolist(), strict=True))

    @property
    def is_sure(self) -> bool:
        """Whether all events are true, and of the mechanism told."""
        return bool((self.confidence == 1).all() and np.isin(self.ripened, (0, 1)).all())

    @property
    def expected(self) -> Reals:
        """Numbers (3,) of particles that vanish by each mechanism, as far as that is sure."""
        number = self.number * self.confidence
        ripened = number @ self.ripened
        merged = number[self.mechanism == 0].sum()
        return np.array([merged, ripened, number.sum() - merged - ripened])

    def draw(self, rng: np.random.Generator) -> Reals:
        """Return the numbers (R, 3) by mechanism where each event is true as often as its confidence says.

        Whether the others gained enough is drawn once for all events, as they are the same others.
        """
        number = (rng.random((N_RESAMPLES, self.confidence.size)) < self.confidence) * self.number
        ripens = rng.random((N_RESAMPLES, 1)) < self.ripened
        merges = self.mechanism == 0
        parts = (merges, ripens & ~merges, ~ripens & ~merges)
        return np.stack([(number * part).sum(axis=1) for part in parts], axis=1)


def measure_mechanisms(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Tell the fractions of the three mechanisms and their rates per particle, with intervals."""
    fractions = [Estimate(f"{name}_fraction", "1", _FRACTION_METHOD, _CLOPPER) for name in MECHANISMS]
    rates = [Estimate(f"{name}_rate", "1/s", _RATE_METHOD, _GARWOOD) for name in MECHANISMS]
    volume = Estimate("total_volume_ratio", "1", _VOLUME_METHOD, _EFRON)
    told = fill_rows([*fractions, *rates], _tell, run, rng)
    return [*told, *fill_rows([volume], _compare_volumes, run, rng)]


def _tell(run: ObservedRun, rng: np.random.Generator) -> list[Outcome]:
    """Return the outcomes of all fractions, then of all rates."""
    vanished = count_vanished(run)
    if not vanished.is_sure:
        return _tell_doubtful(vanished, run, rng)
    counts, total = [vanished.counts[name] for name in MECHANISMS], sum(vanished.counts.values())
    unclosed = f"; {vanished.n_unclosed} merges do not close" * (vanished.n_unclosed > 0)
    return [
        *(
            Measured(count / total, binomial_interval(count, total), total)
            if total
            else Refused(f"no particle vanished{unclosed}")
            for count in counts
        ),
        *(_rate(count, run) for count in counts),
    ]


def _rate(count: int, run: ObservedRun) -> Outcome:
    try:
        exposure = _exposure(run)
    except Refused as refused:
        return refused
    low, high = poisson_interval(count)
    return Measured(count / exposure, (low / exposure, high / exposure), count)


def _exposure(run: ObservedRun) -> float:
    """Return the sum over particles of the time for which each is there, in s."""
    seconds = run.known_seconds
    starts, ends = run.tracks["start_frame"].to_numpy(), run.tracks["end_frame"].to_numpy()
    exposure = float(np.sum(seconds[np.minimum(ends + 1, seconds.size - 1)] - seconds[starts]))
    if exposure <= 0:
        raise Refused("no time passes")
    return exposure


def _tell_doubtful(vanished: Vanished, run: ObservedRun, rng: np.random.Generator) -> list[Outcome]:
    """Return the same where events are not sure: each draw takes some for true, then a share and a rate.

    The share is drawn from Jeffreys' beta distribution of what was counted, the rate from his gamma.
    """
    expected = vanished.expected
    drawn = vanished.draw(rng)
    rest = drawn.sum(axis=1, keepdims=True) - drawn
    shares, rates = rng.beta(drawn + 0.5, rest + 0.5), rng.gamma(drawn + 0.5)
    n = [vanished.counts[name] for name in MECHANISMS]
    outcomes: list[Outcome] = []
    for k in range(3):
        low, high = _drawn_interval(shares[:, k], n[k])
        interval = (low, 1.0 if expected[k] == expected.sum() else high)
        outcomes.append(Measured(expected[k] / expected.sum(), interval, sum(n)))
    try:
        exposure = _exposure(run)
    except Refused as refused:
        return [*outcomes, *[refused] * 3]
    rates /= exposure
    return [
        *outcomes,
        *(Measured(expected[k] / exposure, _drawn_interval(rates[:, k], n[k]), n[k]) for k in range(3)),
    ]


def _drawn_interval(drawn: Reals, n: int) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low) if n else 0.0, float(high)


def binomial_interval(count: int, total: int) -> Interval:
    """Return the exact 95 % interval of a fraction."""
    interval = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return float(interval.low), float(interval.high)


def count_vanished(run: ObservedRun) -> Vanished:
    """Gather the events in which particles vanished; in a merge of k particles k - 1 do.

    Refused where merges or fates are unknown.
    """
    if run.merges is None or run.tracks["fate"].isna().all():
        raise Refused(NO_EVENTS)
    volumes = _Volumes(run.seen)
    closed = np.array([_closes(volumes, merge) for _, merge in run.merges.iterrows()], dtype=bool)
    dissolved = run.tracks[run.tracks["fate"] == "dissolved"]
    ids = dissolved["particle_id"].to_numpy(dtype=np.int64)
    is_dissolved = np.isin(volumes.ids, ids)
    chances = np.array([_chance_of_ripening(volumes, is_dissolved, one) for one in ids.tolist()])
    lost = run.merges["n_parents"].to_numpy(dtype=np.float64)[closed] - 1
    return Vanished(
        mechanism=np.append(
            np.zeros(lost.size, dtype=np.intp), np.where(chances >= 0.5, 1, 2).astype(np.intp)
        ),
        number=np.append(lost, np.ones(ids.size)),
        confidence=np.append(
            event_confidence(run.merges, "confidence")[closed], event_confidence(dissolved, "fate_confidence")
        ),
        ripened=np.append(np.zeros(lost.size), chances),
        n_unclosed=int(np.count_nonzero(~closed)),
    )


def event_confidence(rows: pd.DataFrame, column: str) -> Reals:
    """Return how likely each event (E,) is true; one of which nobody knows counts as sure."""
    known = rows[column].to_numpy(dtype=np.float64) if column in rows else np.ones(len(rows))
    return np.where(np.isnan(known), 1.0, known)


class _Volumes:
    """Volume (d^3, px3) of each particle over frames, NaN where it is not seen.

    Of one that the border cuts, that of the part inside: the few that grow on what many lose are large, and
    large ones are often cut.
    """

    def __init__(self, particles: pd.DataFrame) -> None:
        seen = particles.pivot_table(index="particle_id", columns="frame", values="area_px", aggfunc="sum")
        frames = range(int(particles["frame"].max()) + 1) if len(particles) else range(0)
        self.ids = seen.index.to_numpy(dtype=np.int64)
        self.row = {int(one): row for row, one in enumerate(self.ids)}
        areas = seen.reindex(columns=frames).to_numpy(dtype=np.float64)
        self.values = (4 / np.pi * areas) ** 1.5
        cut = particles[particles["touches_border"].to_numpy(dtype=bool)]
        rows = cut["particle_id"].map(self.row).to_numpy(dtype=np.intp)
        is_cut = np.zeros(areas.shape, dtype=bool)
        is_cut[rows, cut["frame"].to_numpy(dtype=np.intp)] = True
        self._whole_areas = np.where(is_cut, np.nan, areas)
        rolling = pd.DataFrame(self.values.T).rolling(SMOOTH_FRAMES, center=True, min_periods=1)
        #: Median volume of each particle about each frame; NaN before it is first seen, and after the last.
        self.around = np.where(_lives(self.values), rolling.median().ffill().to_numpy().T, np.nan)
        n_seen = np.maximum(np.isfinite(self.values).sum(axis=1), 1)
        #: Variance (N,) of the difference of two of them: medians of that many values each.
        self.noise = np.pi / SMOOTH_FRAMES * np.nansum((self.values - self.around) ** 2, axis=1) / n_seen

    def area(self, particle_id: int, frames: slice) -> float:
        """Return a particle's median area in some frames; NaN where it is not seen whole in any."""
        row = self.row.get(int(particle_id))
        values = np.array([]) if row is None else self._whole_areas[row, frames]
        seen = values[~np.isnan(values)]
        return float(np.median(seen)) if seen.size else float("nan")


def _lives(values: Reals) -> NDArray[np.bool_]:
    """Tell from when to when each row of (N, T) has values."""
    seen = ~np.isnan(values)
    begun, goes_on = (
        np.maximum.accumulate(seen, axis=1),
        np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1],
    )
    return np.asarray(begun & goes_on)


def _closes(volumes: _Volumes, merge: pd.Series) -> bool:
    """Whether the child's area lies between what touching and what fully relaxed parents would show."""
    frame, parents = int(merge["frame"]), list(merge["parent_ids"])
    contact = contact_or_merge_frame(merge)
    before = sum(volumes.area(one, slice(max(contact - SMOOTH_FRAMES, 0), contact + 1)) for one in parents)
    after = volumes.area(merge["child_id"], slice(frame, frame + max(MIN_CHILD_FRAMES, SMOOTH_FRAMES)))
    ratio = after / before if before > 0 else float("nan")
    if np.isnan(ratio):  # cut by the border: the table's own ratio is all there is
        ratio = float(merge["area_ratio"])
    return bool(len(parents) ** (-1 / 3) - CLOSURE_MARGIN <= ratio <= 1 + CLOSURE_MARGIN)


def _chance_of_ripening(volumes: _Volumes, is_dissolved: NDArray[np.bool_], particle_id: int) -> float:
    """Return how likely the others gained what vanishing particles lost while this one shrank.

    That is `RIPENING_GAIN` of it or more; 0 where it is unseen, 0 or 1 where the noise leaves little doubt.
    It shrinks from the frame of its largest volume on. The others are the particles that are there at
    both ends of that time.
    """
    row = volumes.row.get(particle_id)
    if row is None:
        return 0.0
    own = volumes.values[row]
    seen = np.flatnonzero(~np.isnan(own))
    start, end = int(seen[np.argmax(own[seen])]), min(int(seen[-1]) + 1, volumes.values.shape[1] - 1)
    before, after = volumes.around[:, start], volumes.around[:, end]
    vanishing = is_dissolved & ~np.isnan(before)
    loss = np.nansum(before[vanishing] - np.nan_to_num(after[vanishing]))
    stays = ~vanishing & ~np.isnan(before) & ~np.isnan(after)
    gain = np.sum(after[stays] - before[stays])
    if not loss > 0:
        return 0.0
    more = float(gain - RIPENING_GAIN * loss)
    chance = float(stats.norm.cdf(more / max(np.sqrt(volumes.noise[stays].sum()), 1e-9)))
    return float(chance > 0.5) if max(chance, 1 - chance) >= SURE_OF_GAIN else chance


def _compare_volumes(run: ObservedRun, rng: np.random.Generator) -> list[Measured]:
    """Compare the total volume at the end with that at the start, of families that no border cuts."""
    first, last = _volume_ends(run)
    require(first.size, MIN_FAMILIES, "families that no border cuts")
    drawn = draw_counts(first.size, rng)
    every = last.sum() / first.sum()
    return bootstrapped([every[None]], [drawn @ last / (drawn @ first)], first.size)


def _volume_ends(run: ObservedRun) -> tuple[Reals, Reals]:
    """Return the volume (F,) of each family at the first and at the last good frames.

    A frame in which the tracker has filled in one of a family tells nothing of the family.
    """
    rows = run.particles[~run.particles["frame"].isin(run.bad_frames)]
    filled = rows.index.difference(run.seen.index)
    rows = rows[["frame", "particle_id", "area_px", "touches_border"]]
    family = run.families.reindex(rows["particle_id"]).to_numpy()
    rows = rows.assign(family=family, volume=(4 / np.pi * rows["area_px"].astype(float)) ** 1.5)
    rows.loc[filled, "volume"] = np.nan
    cut = rows.groupby("family")["touches_border"].any()
    rows = rows[~rows["family"].isin(cut.index[cut])]
    frames = run.good_frames
    half = min(SMOOTH_FRAMES, max(frames.size // 2, 1))
    by_frame = (
        rows.groupby(["family", "frame"])["volume"].sum(min_count=1, skipna=False).unstack(fill_value=0)
    )
    by_frame = by_frame.reindex(columns=frames, fill_value=0.0)
    first, last = (
        part.median(axis=1).to_numpy() for part in (by_frame.iloc[:, :half], by_frame.iloc[:, -half:])
    )
    seen = (first > 0) & ~np.isnan(last)
    return first[seen], last[seen]

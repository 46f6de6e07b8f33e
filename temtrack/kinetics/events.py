"""Rates of coalescence, dissolution and nucleation over time, the order of coalescence, and survival."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

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
    simulated_p_value,
)
from temtrack.kinetics.mechanisms import event_confidence
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.sizes import POISSON_SOURCE, poisson_interval

#: Pieces of the movie with a rate each; points of a curve over time.
N_PIECES, N_POINTS = 4, 20

#: An order, and a change of the rate, need so many events.
MIN_EVENTS = 10

#: Orders that are tried, and samples that the change of a rate is tested on.
ORDERS = np.linspace(-2, 6, 161)
N_SIMULATED = 400

#: Fall of the log likelihood at the ends of a 95 % interval of one parameter.
_FALL = float(stats.chi2.ppf(CONFIDENCE, 1)) / 2

_PIECE = "events, each as sure as it is, / {} in each quarter of the movie; Poisson interval"
_HAZARD = "Nelson-Aalen: sum of events / particles there; log-normal interval, doubt of the events in it"
_ORDER = "-dN/dt = k N^q, maximum likelihood, q free; interval from its profile"
_SECOND = "events / integral of N^2 / field over time, -dn/dt = k n^2 of the density n; Poisson interval"
_CHANGE = "one change of the rate per particle, maximum likelihood; interval from its profile"
_SURVIVAL = (
    "Kaplan-Meier of the first frame, until merge or dissolution; Greenwood interval, widened for pairs"
)
_AALEN = "Nelson 1972, Technometrics 14, 945; Aalen 1978, Ann. Stat. 6, 701"
_KAPLAN = "Kaplan & Meier 1958, doi:10.1080/01621459.1958.10501452; Greenwood 1926"
_SMOLUCHOWSKI = "Smoluchowski 1917, Z. Phys. Chem. 92, 129"
_LIKELIHOOD = "by definition"


@dataclass(frozen=True)
class Events:
    """Events (E,) of one kind: frame in which each is over, particles that it takes, how sure it is."""

    name: str
    frame: Reals
    number: Reals
    confidence: Reals

    @property
    def expected(self) -> Reals:
        """Particles (E,) that each event takes, times its confidence."""
        return self.number * self.confidence


def gather_events(run: ObservedRun) -> list[Events]:
    """Return merges, dissolutions and nucleations of a run; refused where nobody knows them."""
    if run.merges is None or run.tracks["fate"].isna().all():
        raise Refused(NO_EVENTS)
    gone = run.tracks[run.tracks["fate"] == "dissolved"]
    has_origin = "origin" in run.tracks
    new = run.tracks[run.tracks["origin"] == "nucleated"] if has_origin else run.tracks.iloc[:0]
    merges = run.merges
    return [
        Events(
            "coalescence",
            merges["frame"].to_numpy(dtype=np.float64),
            merges["n_parents"].to_numpy(dtype=np.float64) - 1,
            event_confidence(merges, "confidence"),
        ),
        Events(
            "dissolution",
            gone["end_frame"].to_numpy(dtype=np.float64) + 1,
            np.ones(len(gone)),
            event_confidence(gone, "fate_confidence"),
        ),
        Events(
            "nucleation",
            new["start_frame"].to_numpy(dtype=np.float64),
            np.ones(len(new)),
            event_confidence(new, "origin_confidence"),
        ),
    ]


def count_present(run: ObservedRun) -> Reals:
    """Return how many particles are there in each frame, (T,), those unseen for a while too."""
    starts, ends = (run.tracks[name].to_numpy(dtype=np.intp) for name in ("start_frame", "end_frame"))
    size = run.n_frames + 1
    change = np.bincount(starts, minlength=size)[:size] - np.bincount(ends + 1, minlength=size)[:size]
    return np.cumsum(change)[: run.n_frames].astype(np.float64)


def measure_events(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure rates over time, the order of coalescence, changes of rates, and survival."""
    u = run.length_unit
    order = [
        Estimate("coalescence_order", "1", _ORDER, _LIKELIHOOD),
        Estimate("coalescence_rate_second_order", f"{u}2/s", _SECOND, _SMOLUCHOWSKI),
    ]
    survival = Estimate("survival", "1", _SURVIVAL, _KAPLAN, at_unit="s")
    try:
        events, seconds = gather_events(run), run.known_seconds
        require(run.n_frames, 2 * N_PIECES, "frames")
    except Refused as refused:
        return [row.filled(refused) for row in (*order, survival)]
    present = count_present(run)
    rows = [
        found
        for kind in events
        for found in (
            *_rates(kind, run, present),
            *([] if kind.name == "nucleation" else _hazard(kind, seconds, present)),
            *_change(kind, seconds, present, rng),
        )
    ]
    return [*rows, *fill_rows(order, _fit_order, events[0], run, present), *measure_survival(run, survival)]


def frame_steps(seconds: Reals) -> Reals:
    """Return the time (T,) that each frame stands for, up to the next one."""
    return np.append(np.diff(seconds), 0.0)


def _rates(kind: Events, run: ObservedRun, present: Reals) -> list[Estimate]:
    """Return the rate in each piece of the movie: of nucleation per area, of others per particle."""
    seconds, is_nucleation = run.known_seconds, kind.name == "nucleation"
    area = run.field[0] * run.field[1]
    exposure = frame_steps(seconds) * (area if is_nucleation else present)
    unit = f"1/{run.length_unit}2/s" if is_nucleation else "1/s"
    what = "area and time" if is_nucleation else "particle-seconds"
    row = Estimate(f"{kind.name}_rate_over_time", unit, _PIECE.format(what), POISSON_SOURCE, at_unit="s")
    edges = np.linspace(0, run.n_frames, N_PIECES + 1)
    piece = np.searchsorted(edges, np.arange(run.n_frames), side="right") - 1
    # an event that is over in a frame fell between it and the frame before
    of_event = piece[np.clip(kind.frame - 1, 0, run.n_frames - 1).astype(np.intp)]
    rows = []
    for one in range(N_PIECES):
        held = float(exposure[piece == one].sum())
        count = float(kind.expected[of_event == one].sum())
        middle = float(seconds[piece == one].mean())
        rows += fill_rows([replace(row, at=middle)], event_rate, count, held)
    return rows


def event_rate(count: float, exposure: float) -> list[Measured]:
    """Return the rate of events that were counted over an exposure, with its Poisson interval."""
    if exposure <= 0:
        raise Refused("no particle is there")
    low, high = poisson_interval(count)
    return [Measured(count / exposure, (low / exposure, high / exposure), round(count))]


def _hazard(kind: Events, seconds: Reals, present: Reals) -> list[Estimate]:
    row = Estimate(f"{kind.name}_cumulative_hazard", "1", _HAZARD, _AALEN, at_unit="s")
    frame = np.clip(kind.frame, 1, seconds.size - 1).astype(np.intp)
    if not frame.size:
        return [row.filled(Refused(f"no {kind.name}"))]
    at_risk = np.maximum(present[frame - 1], 1)
    doubt = kind.number**2 * kind.confidence * (1 - kind.confidence)
    rise, variance = (
        np.cumsum(np.bincount(frame, one, seconds.size))
        for one in (kind.expected / at_risk, (kind.expected + doubt) / at_risk**2)
    )
    told = np.unique(np.linspace(0, seconds.size - 1, N_POINTS).round().astype(int))
    rows = []
    for one in told[rise[told] > 0].tolist():
        reach = np.exp(stats.norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(variance[one]) / rise[one])
        n = int(np.count_nonzero(frame <= one))
        found = Measured(float(rise[one]), (float(rise[one] / reach), float(rise[one] * reach)), n)
        rows.append(replace(row, at=float(seconds[one])).filled(found))
    return rows


def _change(kind: Events, seconds: Reals, present: Reals, rng: np.random.Generator) -> list[Estimate]:
    rows = [
        Estimate(f"{kind.name}_rate_change_time", "s", _CHANGE, _LIKELIHOOD),
        Estimate(
            f"{kind.name}_rate_change_p_value", "1", f"fraction of {N_SIMULATED} steady runs", _LIKELIHOOD
        ),
    ]
    exposure = frame_steps(seconds) * (1.0 if kind.name == "nucleation" else present)
    return fill_rows(rows, _find_change, kind, seconds, np.append(0.0, np.cumsum(exposure)), rng)


def _find_change(kind: Events, seconds: Reals, passed: Reals, rng: np.random.Generator) -> list[Outcome]:
    """Find where the rate changes: events of a steady rate lie evenly in the exposure that has passed."""
    sure = rng.random(kind.frame.size) < kind.confidence if kind.frame.size else np.array([], dtype=bool)
    n = int(np.count_nonzero(sure))
    require(n, MIN_EVENTS, f"events of {kind.name}")
    frame = np.clip(kind.frame[sure], 1, seconds.size - 1).astype(np.intp)
    place = np.sort((passed[frame - 1] + rng.random(n) * (passed[frame] - passed[frame - 1])) / passed[-1])
    gain = _likelihood_gain(place[None])[0]
    p = simulated_p_value(
        _likelihood_gain(np.sort(rng.random((N_SIMULATED, n)), axis=1)).max(axis=1) >= gain.max(), n
    )
    if p.value > 1 - CONFIDENCE:
        return [Refused("the rate does not change, within its error", n), p]
    when = np.interp(place * passed[-1], passed[:-1], seconds)
    likely = when[gain >= gain.max() - _FALL]
    step = float(np.median(np.diff(seconds)))
    interval = (float(likely[0]) - step, float(likely[-1]) + step)
    return [Measured(float(when[np.argmax(gain)]), interval, n), p]


def _likelihood_gain(place: Reals) -> Reals:
    """Return what a change of rate at each event gains in log likelihood, (R, N), over a steady rate.

    ``place`` (R, N) are sorted places of the events between 0 and 1; a change leaves three on each side.
    """
    n = place.shape[1]
    before = np.arange(1, n + 1)
    u = np.clip(place, 1e-9, 1 - 1e-9)
    gain = before * np.log(before / n / u) + (n - before) * np.log(np.maximum(n - before, 1) / n / (1 - u))
    edge = (before < 3) | (n - before < 3)
    return np.where(edge, 0.0, gain)


def _fit_order(kind: Events, run: ObservedRun, present: Reals) -> list[Outcome]:
    count = float(kind.expected.sum())
    n = kind.frame.size
    require(n, MIN_EVENTS, "merges")
    steps, there = frame_steps(run.known_seconds), np.maximum(present, 1)
    before = there[np.clip(kind.frame - 1, 0, run.n_frames - 1).astype(np.intp)]
    log_n, scale = np.log(before), float(np.log(there).mean())
    total = np.array([np.sum(steps * np.exp(q * (np.log(there) - scale))) for q in ORDERS])
    likelihood = ORDERS * float(kind.expected @ (log_n - scale)) - count * np.log(total)
    likely = np.flatnonzero(likelihood >= likelihood.max() - _FALL)
    best = int(np.argmax(likelihood))
    second = float(np.sum(steps * there**2)) / (run.field[0] * run.field[1])
    low, high = poisson_interval(count)
    rate = Measured(count / second, (low / second, high / second), n)
    if likely[0] == 0 or likely[-1] == ORDERS.size - 1:
        return [Refused("the number of particles changes too little to tell an order", n), rate]
    ends = float(ORDERS[likely[0] - 1]), float(ORDERS[likely[-1] + 1])
    return [Measured(float(ORDERS[best]), ends, n), rate]


def lifetimes(run: ObservedRun) -> stats.CensoredData:
    """Return for how many seconds the particles of the first frame lived, to their merge or dissolution.

    Those that left, were lost or outlived the movie count until then.
    """
    seconds = run.known_seconds
    first = run.tracks[run.tracks["start_frame"] == 0]
    end = np.minimum(first["end_frame"].to_numpy(dtype=np.intp) + 1, run.n_frames - 1)
    lived = seconds[end] - seconds[0]
    died = first["fate"].isin(["merged", "dissolved"]).to_numpy() & (lived > 0)
    return stats.CensoredData(uncensored=lived[died], right=lived[~died])


def cluster_factor(run: ObservedRun) -> float:
    """Return by how much variances grow as parents end together: sum k^2 / sum k of k that do."""
    gone = run.tracks[(run.tracks["start_frame"] == 0) & run.tracks["fate"].isin(["merged", "dissolved"])]
    ids = set(gone["particle_id"].tolist())
    parents: list[list[int]] = [] if run.merges is None else run.merges["parent_ids"].tolist()
    together = [k for k in (len(ids & set(one)) for one in parents) if k > 1]
    n = len(ids)
    return float((n - sum(together) + sum(k * k for k in together)) / max(n, 1))


def measure_survival(run: ObservedRun, row: Estimate) -> list[Estimate]:
    """Measure the fraction (0 to 1) of the first frame's particles that have not vanished, over time."""
    try:
        lived = lifetimes(run)
        n = len(lived)
        require(n, MIN_EVENTS, "particles in the first frame")
        require(lived.num_censored() < n, 1, "particles that merged or dissolved", n)
    except Refused as refused:
        return [row.filled(refused)]
    curve = stats.ecdf(lived).sf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where all or none are left there is no interval
        ends = curve.confidence_interval(CONFIDENCE, method="log-log")
    seconds, factor = run.known_seconds, np.sqrt(cluster_factor(run))
    rows = []
    for time in np.linspace(0, float(curve.quantiles[-1]), N_POINTS + 1)[1:].tolist():
        value, *bounds = (float(one.evaluate(time)) for one in (curve, ends.low, ends.high))
        with np.errstate(divide="ignore", invalid="ignore"):
            middle, *logs = np.log(-np.log([value, *bounds]))
            low, high = np.exp(-np.exp(middle + factor * (np.array(logs) - middle)))
        rows.append(replace(row, at=time + float(seconds[0])).filled(Measured(value, (low, high), n)))
    return rows

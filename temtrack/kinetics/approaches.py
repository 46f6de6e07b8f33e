"""Before a merge: how the gap between the parents closes, which of them walks, how long contact lasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from temtrack.kinetics.diffusion import find_drift
from temtrack.kinetics.estimate import (
    CONFIDENCE,
    MIN_MEDIAN,
    NO_EVENTS,
    Estimate,
    Measured,
    Reals,
    Refused,
    fill_rows,
    median_of,
    require,
)
from temtrack.kinetics.observed import ObservedRun, contact_or_merge_frame

#: Open frames before a merge that its speed is taken from, and how many of them it needs.
SPEED_FRAMES, MIN_SPEED_FRAMES = 10, 5

#: Frames before contact over which parents walk.
WALK_FRAMES = 20

_SPEED = "slope of the gap between the surfaces over its last ten open frames; Student interval"
_MEDIAN = "median over merges; interval from order statistics"
_DURATION = f"{_MEDIAN}, one frame wider, as both ends are known to a frame"
_SOURCE = "by definition"

#: Quantities that are told as the median over merges, and of what these are.
_MEDIANS = {
    "approach_speed_median": "merges with a speed",
    "contact_time_median": "merges whose contact was seen",
    "way_walked_median": "merges with followed parents",
    "smaller_parent_way_share": "merges with followed parents",
}


def measure_approaches(run: ObservedRun) -> list[Estimate]:
    """Measure the approach of each merge's parents, and gap, way and contact time of all merges."""
    u, t = run.length_unit, "frame" if run.seconds is None else "s"
    speed = Estimate("approach_speed", f"{u}/s", _SPEED, _SOURCE)
    units = dict(zip(_MEDIANS, (f"{u}/s", "s", u, "1"), strict=True))
    rows = {name: Estimate(name, unit, _MEDIAN, _SOURCE) for name, unit in units.items()}
    rows["contact_time_median"] = replace(rows["contact_time_median"], method=_DURATION)
    gap = Estimate("gap_before_merge", u, _MEDIAN, _SOURCE, at_unit=t)
    if run.merges is None or run.merges.empty:
        refused = Refused(NO_EVENTS if run.merges is None else "no merge")
        return [row.filled(refused) for row in (speed, *rows.values(), gap)]
    merges, drift = [merge for _, merge in run.merges.iterrows()], find_drift(run)
    speeds = [
        row
        for merge in merges
        for row in fill_rows([replace(speed, event_id=int(merge["event_id"]))], _fit_speed, run, merge)
    ]
    ways = np.array([_ways(run, merge, drift) for merge in merges])
    total = ways.sum(axis=1)
    values: dict[str, Reals] = {
        "approach_speed_median": np.array([row.value for row in speeds], dtype=np.float64),
        "contact_time_median": _contact_seconds(run),
        "way_walked_median": total,
        "smaller_parent_way_share": ways[:, 0] / np.where(total > 0, total, np.nan),
    }
    medians = [row for name in rows for row in fill_rows([rows[name]], _tell_median, run, name, values[name])]
    return [*speeds, *medians, *_gap_curve(run, gap)]


def _tell_median(run: ObservedRun, name: str, values: Reals) -> list[Measured]:
    told = median_of(values, _MEDIANS[name])
    if name != "contact_time_median":
        return [told]
    low, high = (end or 0.0 for end in told.interval)
    frame_s = float(np.median(np.diff(run.known_seconds)))
    return [replace(told, interval=(max(low - frame_s, 0.0), high + frame_s))]


def _gaps(run: ObservedRun, merge: pd.Series) -> tuple[NDArray[np.intp], Reals]:
    """Return frames (K,) before the merge frame and the gap there, in the run's unit, bad frames left out."""
    given = np.array(merge["gaps_px"], dtype=np.float64)
    frames = (int(merge["frame"]) - given.size + np.arange(given.size)).astype(np.intp)
    good = np.isfinite(given) & ~np.isin(frames, list(run.bad_frames))
    return frames[good], given[good] * run.unit_per_px


def _fit_speed(run: ObservedRun, merge: pd.Series) -> list[Measured]:
    seconds = run.known_seconds
    frames, gap = _gaps(run, merge)
    is_open = gap > 0
    frames, gap = frames[is_open][-SPEED_FRAMES:], gap[is_open][-SPEED_FRAMES:]
    require(frames.size, MIN_SPEED_FRAMES, "frames with an open gap")
    line = stats.linregress(seconds[frames], gap)
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, frames.size - 2) * line.stderr)
    return [
        Measured(-float(line.slope), (-float(line.slope) - reach, -float(line.slope) + reach), frames.size)
    ]


def _contact_seconds(run: ObservedRun) -> Reals:
    """Return the time from contact to merge, (M,), NaN where nobody saw contact or knows the time."""
    assert run.merges is not None
    contact, frame = (run.merges[name].to_numpy(dtype=np.float64) for name in ("contact_frame", "frame"))
    seen = np.isfinite(contact)
    if run.seconds is None:
        return np.full(frame.size, np.nan)
    start = run.seconds[np.where(seen, contact, 0).astype(np.intp)]
    return np.where(seen, run.seconds[frame.astype(np.intp)] - start, np.nan)


def _ways(run: ObservedRun, merge: pd.Series, drift: Reals) -> tuple[float, float]:
    """Return how far the smaller and the larger parent came nearer before contact, drift taken off."""
    parents = list(merge["parent_ids"])
    if len(parents) != 2:
        return np.nan, np.nan
    end = contact_or_merge_frame(merge)
    places, sizes = [], []
    for parent in parents:
        own = run.rows_of(parent)
        own = own[own["frame"].between(end - WALK_FRAMES, end - 1)]
        if len(own) < MIN_SPEED_FRAMES:
            return np.nan, np.nan
        places.append(own[["y", "x"]].to_numpy() - drift[own["frame"].to_numpy(dtype=np.intp)])
        sizes.append(own["diameter"].median())
    small, large = np.argsort(sizes)
    towards = places[large][-1] - places[small][-1]
    towards = towards / max(float(np.hypot(*towards)), 1e-12)
    ways = [
        float((places[k][-1] - places[k][0]) @ (towards if k == small else -towards)) for k in (small, large)
    ]
    return abs(ways[0]), abs(ways[1])


def _gap_curve(run: ObservedRun, row: Estimate) -> list[Estimate]:
    """Return the median gap of all merges at each frame before the merge."""
    assert run.merges is not None
    by_lag: dict[int, list[float]] = {}
    for _, merge in run.merges.iterrows():
        frames, gaps = _gaps(run, merge)
        for lag, gap in zip((frames - int(merge["frame"])).tolist(), gaps.tolist(), strict=True):
            by_lag.setdefault(lag, []).append(gap)
    interval = 1.0 if run.seconds is None else float(np.median(np.diff(run.seconds)))
    told = {lag: np.array(gaps) for lag, gaps in sorted(by_lag.items()) if len(gaps) >= MIN_MEDIAN}
    if not told:
        return [row.filled(Refused(f"too few merges whose parents are seen: {MIN_MEDIAN} are needed"))]
    return [replace(row, at=lag * interval).filled(median_of(gaps, "merges")) for lag, gaps in told.items()]

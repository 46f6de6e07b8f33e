"""Events, growth and motion against what was logged beside the movie: temperature, pressure, dose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import DoseRate
from temtrack.kinetics.bootstrap import MIN_FAMILIES, bootstrapped, draw_counts, draw_families_and_errors
from temtrack.kinetics.estimate import NO_SCALE, Estimate, Measured, Reals, Refused, fill_rows, require
from temtrack.kinetics.events import count_present, event_rate, frame_steps, gather_events
from temtrack.kinetics.motion import DIFFUSION_SOURCE, fit_diffusion, gather_walks
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.rates import MIN_LEAP_PX, number_pieces
from temtrack.kinetics.sizes import POISSON_SOURCE

#: Bins of the value logged hold equal numbers of frames; where it stands at few levels they are equally wide.
N_BINS, MIN_FRAMES = 4, 8

_METHOD = "events, each as sure as it is, / {} in bins of what was logged; Poisson interval"
_DIFFUSION = "MSD = 4 D t + 4 sigma^2 in bins of what was logged, drift removed; bootstrap of families"
_GROWTH = "mean dr/dt from frame to frame in bins of what was logged; bootstrap of families and contours"


def measure_conditions(
    run: ObservedRun, name: str, unit: str, values: Reals, rng: np.random.Generator
) -> list[Estimate]:
    """Measure rates of events, of growth and of motion in bins of a logged value (T,), NaN where unknown."""
    word = re.sub(r"\W+", "_", name).strip("_").lower() or "value"
    u = run.length_unit
    units = {"coalescence": "1/s", "dissolution": "1/s", "nucleation": f"1/{u}2/s"}
    methods = {kind: _METHOD.format("particle-seconds") for kind in units}
    methods["nucleation"] = _METHOD.format("area and time")
    rows = [
        Estimate(f"{kind}_rate_over_{word}", units[kind], methods[kind], POISSON_SOURCE, at_unit=unit)
        for kind in units
    ]
    growth = Estimate(f"radius_rate_over_{word}", f"{u}/s", _GROWTH, "by definition", at_unit=unit)
    motion = Estimate(f"diffusion_over_{word}", "nm2/s", _DIFFUSION, DIFFUSION_SOURCE, at_unit=unit)
    try:
        known = np.isfinite(values)
        require(int(known.sum()), MIN_FRAMES, f"frames with a {name}")
        if np.ptp(values[known]) == 0:
            raise Refused(f"{name} is the same in all frames")
    except Refused as refused:
        return [row.filled(refused) for row in (*rows, growth, motion)]
    edges = _edges(values[known])
    group = np.where(known, np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2), -1)
    bins = np.unique(group[known])
    middles = [float(values[group == one].mean()) for one in bins]
    return [
        *_event_rates(run, rows, group, bins, middles),
        *_growth_rates(run, growth, group, bins, middles, rng),
        *_diffusion(run, motion, group, bins, middles, rng),
    ]


def _event_rates(
    run: ObservedRun,
    rows: list[Estimate],
    group: NDArray[np.intp],
    bins: NDArray[np.intp],
    middles: list[float],
) -> list[Estimate]:
    """Return the rates of merges and dissolutions per particle, and of nucleations per area, in each bin."""
    try:
        events, steps = gather_events(run), frame_steps(run.known_seconds)
    except Refused as refused:
        return [row.filled(refused) for row in rows]
    present, area = count_present(run), run.field[0] * run.field[1]
    found = []
    for row, kind in zip(rows, events, strict=True):
        exposure = steps * (area if kind.name == "nucleation" else present)
        of_event = group[np.clip(kind.frame - 1, 0, run.n_frames - 1).astype(np.intp)]
        for one, middle in zip(bins, middles, strict=True):
            held, count = float(exposure[group == one].sum()), float(kind.expected[of_event == one].sum())
            found += fill_rows([replace(row, at=middle)], event_rate, count, held)
    return found


def _growth_rates(
    run: ObservedRun,
    row: Estimate,
    group: NDArray[np.intp],
    bins: NDArray[np.intp],
    middles: list[float],
    rng: np.random.Generator,
) -> list[Estimate]:
    """Return the mean dr/dt in each bin; a step is of the bin of its first frame, and leaps are none."""
    try:
        seconds = run.known_seconds
    except Refused as refused:
        return [row.filled(refused)]
    seen = run.settled.sort_values(["particle_id", "frame"])
    piece = number_pieces(seen, MIN_LEAP_PX * run.unit_per_px)
    first = np.flatnonzero(np.diff(piece) == 0)
    frame, diameter = seen["frame"].to_numpy(dtype=np.intp), seen["diameter"].to_numpy(dtype=np.float64)
    family = seen["family"].to_numpy(dtype=np.intp)[first]
    gain = (diameter[first + 1] - diameter[first]) / 2
    passed = seconds[frame[first + 1]] - seconds[frame[first]]
    of_step = group[frame[first]]

    def tell(held: NDArray[np.bool_]) -> Iterator[Measured]:
        own = np.unique(family[held], return_inverse=True)[1]
        n = int(own.max(initial=-1)) + 1
        require(n, MIN_FAMILIES, "independent particles followed there")
        size, time = diameter[first][held], np.bincount(own, passed[held], n)
        drawn = []
        for error, counts in draw_families_and_errors(size, run.unit_per_px, n, rng):
            gained = np.bincount(own, gain[held] * error.speed_factor(size, run.unit_per_px), n)
            drawn.append(counts @ gained / (counts @ time))
        value = gain[held].sum() / passed[held].sum()
        yield from bootstrapped([np.array([value])], [np.concatenate(drawn)], n)

    return [
        found
        for one, middle in zip(bins, middles, strict=True)
        for found in fill_rows([replace(row, at=middle)], lambda held=of_step == one: list(tell(held)))
    ]


def _diffusion(
    run: ObservedRun,
    row: Estimate,
    group: NDArray[np.intp],
    bins: NDArray[np.intp],
    middles: list[float],
    rng: np.random.Generator,
) -> list[Estimate]:
    """Return the diffusion coefficient in each bin, by the steps that begin and end in it."""
    try:
        walks = gather_walks(run)
    except Refused as refused:
        return [row.filled(refused)]
    draws = draw_counts(walks.n_families, rng)
    return [
        found
        for one, middle in zip(bins, middles, strict=True)
        for found in fill_rows([replace(row, at=middle)], fit_diffusion, walks, group == one, draws)
    ]


def measure_dose(run: ObservedRun, known: DoseRate, rng: np.random.Generator) -> list[Estimate]:
    """Tell the dose rate that the movie's file states, the dose of all of it, and rates over the dose."""
    method = f"electrons on a pixel in a second, by {known.source}, over the pixel's area"
    rows = [Estimate("dose_rate", "e/nm2/s", method, "by definition")]
    rows.append(Estimate("total_dose", "e/nm2", f"{method}, x time", "by definition"))
    try:
        if run.pixel_size_nm is None:
            raise Refused(NO_SCALE)
        per_nm2_s, seconds = known.per_px_s / run.pixel_size_nm**2, run.known_seconds
    except Refused as refused:
        return [row.filled(refused) for row in rows]
    dose = per_nm2_s * (seconds - seconds[0])
    told = (Measured(value, (None, None), run.n_frames) for value in (per_nm2_s, float(dose[-1])))
    filled = [row.filled(one) for row, one in zip(rows, told, strict=True)]
    return [*filled, *measure_conditions(run, "cumulative dose", "e/nm2", dose, rng)]


def _edges(values: Reals) -> Reals:
    edges: Reals = np.quantile(values, np.linspace(0, 1, N_BINS + 1))
    if np.unique(edges).size == edges.size:
        return edges
    return np.linspace(values.min(), values.max(), N_BINS + 1)

"""Rates of events against what was logged beside the movie: temperature, pressure, dose."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from temtrack.calibration import DoseRate
from temtrack.kinetics.estimate import NO_SCALE, Estimate, Measured, Reals, Refused, fill_rows, require
from temtrack.kinetics.events import count_present, event_rate, frame_steps, gather_events
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.sizes import POISSON_SOURCE

#: Bins of the value logged hold equal numbers of frames; where it stands at few levels they are equally wide.
N_BINS, MIN_FRAMES = 4, 8

_METHOD = "events, each as sure as it is, / particle-seconds in bins of what was logged; Poisson interval"


def measure_conditions(run: ObservedRun, name: str, unit: str, values: Reals) -> list[Estimate]:
    """Measure the rates of coalescence and dissolution in bins of a logged value (T,), NaN where unknown."""
    word = re.sub(r"\W+", "_", name).strip("_").lower() or "value"
    kinds = ("coalescence", "dissolution")
    rows = [
        Estimate(f"{kind}_rate_over_{word}", "1/s", _METHOD, POISSON_SOURCE, at_unit=unit) for kind in kinds
    ]
    try:
        events, seconds = gather_events(run), run.known_seconds
        known = np.isfinite(values)
        require(int(known.sum()), MIN_FRAMES, f"frames with a {name}")
        if np.ptp(values[known]) == 0:
            raise Refused(f"{name} is the same in all frames")
    except Refused as refused:
        return [row.filled(refused) for row in rows]
    edges = _edges(values[known])
    group = np.where(known, np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2), -1)
    exposure = frame_steps(seconds) * count_present(run)
    found = []
    for row, kind in zip(rows, events[:2], strict=True):
        of_event = group[np.clip(kind.frame - 1, 0, run.n_frames - 1).astype(np.intp)]
        for one in np.unique(group[known]):
            held, count = float(exposure[group == one].sum()), float(kind.expected[of_event == one].sum())
            at = replace(row, at=float(values[group == one].mean()))
            found += fill_rows([at], event_rate, count, held)
    return found


def measure_dose(run: ObservedRun, known: DoseRate) -> list[Estimate]:
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
    return [*filled, *measure_conditions(run, "cumulative dose", "e/nm2", dose)]


def _edges(values: Reals) -> Reals:
    edges: Reals = np.quantile(values, np.linspace(0, 1, N_BINS + 1))
    if np.unique(edges).size == edges.size:
        return edges
    return np.linspace(values.min(), values.max(), N_BINS + 1)

"""Rates of events against what was logged beside the movie: temperature, pressure, dose."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from temtrack.kinetics.estimate import Estimate, Reals, Refused, fill_rows, require
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


def _edges(values: Reals) -> Reals:
    edges: Reals = np.quantile(values, np.linspace(0, 1, N_BINS + 1))
    if np.unique(edges).size == edges.size:
        return edges
    return np.linspace(values.min(), values.max(), N_BINS + 1)

"""The population carried on from what the first half of a movie tells, beside what the second half shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from temtrack.kinetics.estimate import (
    CONFIDENCE,
    Estimate,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.events import MIN_EVENTS, count_present, measure_events
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.ripening import measure_ripening

#: Populations that are carried on, times that are told, steps of the integration between them.
N_POPULATIONS, N_POINTS, N_STEPS = 100, 10, 20

#: Frames of the first half, and particles at its end, that a forecast needs.
MIN_FRAMES, MIN_PARTICLES = 16, 20

_METHOD = (
    "ripening (p = 0 or 1, what fits better) and coalescence of second order, by the first half of the movie;"
    f" {N_POPULATIONS} populations, rates drawn from their intervals"
)
_SOURCE = "Challa et al. 2011, J. Am. Chem. Soc. 133, 20672, doi:10.1021/ja208324n"

_Z = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Rates:
    """What carries populations (P,) on: K of ripening at the power p, and k2 of coalescence, per area."""

    power: float
    ripening: Reals
    coalescence: Reals


def measure_forecast(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Forecast the number of particles in the second half, and score it at the end."""
    curve = Estimate("forecast_number", "1", _METHOD, _SOURCE, at_unit="s")
    score = Estimate("forecast_number_error", "1", f"forecast / seen at the end - 1; {_METHOD}", _SOURCE)
    try:
        seconds, half = run.known_seconds, run.n_frames // 2
        require(half, MIN_FRAMES, "frames in the first half")
        told = np.unique(np.linspace(half, run.n_frames - 1, N_POINTS).round().astype(int))
        numbers = _carry_on(run, half, seconds[told] - seconds[half - 1], rng)
    except Refused as refused:
        return [row.filled(refused) for row in (curve, score)]
    rows = [
        replace(curve, at=float(seconds[frame])).filled(_tell(of_time))
        for frame, of_time in zip(told.tolist(), numbers.T, strict=True)
    ]
    seen = float(count_present(run)[-1])
    return [*rows, *fill_rows([score], _score, numbers[:, -1], seen)]


def _tell(drawn: Reals, over: float = 1.0, less: float = 0.0) -> Measured:
    tail = (1 - CONFIDENCE) / 2
    middle, low, high = np.quantile(drawn / over - less, [0.5, tail, 1 - tail])
    return Measured(float(middle), (float(low), float(high)), drawn.size)


def _score(drawn: Reals, seen: float) -> list[Outcome]:
    if seen <= 0:
        raise Refused("no particle is left at the end")
    return [_tell(drawn, seen, 1.0)]


def first_half(run: ObservedRun, n_frames: int) -> ObservedRun:
    """Return the first frames of a run, as if nothing were known of the rest."""
    assert run.seconds is not None
    tracks = run.tracks[run.tracks["start_frame"] < n_frames]
    goes_on = tracks["end_frame"] >= n_frames - 1
    tracks = tracks.assign(
        fate=tracks["fate"].where(~goes_on, "present"), end_frame=tracks["end_frame"].clip(upper=n_frames - 1)
    )
    return replace(
        run,
        particles=run.particles[run.particles["frame"] < n_frames],
        tracks=tracks,
        merges=None if run.merges is None else run.merges[run.merges["frame"] < n_frames],
        n_frames=n_frames,
        seconds=run.seconds[:n_frames],
        bad_frames=frozenset(frame for frame in run.bad_frames if frame < n_frames),
    )


def _carry_on(run: ObservedRun, half: int, times: Reals, rng: np.random.Generator) -> Reals:
    """Return the numbers of particles (P, T) at times since the end of the first half."""
    first = first_half(run, half)
    rates = _draw_rates(first, rng)
    good = first.good_frames
    require(good.size, 1, "good frames")
    rows = first.seen[first.seen["frame"] == good[-1]]
    require(len(rows), MIN_PARTICLES, "particles at the end of the first half")
    radius = run.diameters(rows).to_numpy(dtype=np.float64) / 2
    least = float(run.diameters(first.seen).quantile(0.002)) / 2
    scale = float(count_present(first)[-1]) / len(rows)  # some are unseen in that frame
    numbers = advance(np.tile(radius, (N_POPULATIONS, 1)), times, rates, (least, *run.field), rng)
    return scale * numbers


def _draw_rates(first: ObservedRun, rng: np.random.Generator) -> Rates:
    """Draw rates from their intervals, 0 where there are none."""
    found = {row.quantity: row for row in (*measure_ripening(first, rng), *measure_events(first, rng))}
    support = found["interface_law_support"].value
    power = 1.0 if support is not None and support >= 0.5 else 0.0
    law = found[f"ripening_constant_{'interface' if power else 'diffusion'}"]
    second = found["coalescence_rate_second_order"]
    if law.value is None and (second.value is None or second.n < MIN_EVENTS):
        raise Refused(f"nothing to carry on: {law.reason}")
    return Rates(power, *(_draw(row, rng) for row in (law, second)))


def _draw(row: Estimate, rng: np.random.Generator) -> Reals:
    if row.value is None or row.low is None or row.high is None:
        return np.full(N_POPULATIONS, row.value or 0.0)
    return np.maximum(rng.normal(row.value, (row.high - row.low) / (2 * _Z), N_POPULATIONS), 0.0)


def advance(
    radius: Reals, times: Reals, rates: Rates, limits: tuple[float, float, float], rng: np.random.Generator
) -> Reals:
    """Integrate populations of radii (P, N) and return how many are left (P, T) at rising times.

    A particle below the least radius is gone; two that merge leave one of their volume.

    Parameters
    ----------
    limits
        Least radius, height and width of the field.
    """
    least, height, width = limits
    row = np.arange(len(radius))
    numbers, now = np.empty((len(radius), times.size)), 0.0
    for column, time in enumerate(times):
        step = (time - now) / N_STEPS
        for _ in range(N_STEPS):
            alive = radius >= least
            r = np.where(alive, radius, 1.0)
            above, below = (np.where(alive, r**p, 0.0).sum(axis=1) for p in (rates.power, rates.power - 1))
            inverse = (below / np.maximum(above, 1e-300))[:, None]  # of the critical radius: volume stays
            gain = rates.ripening[:, None] * r**rates.power * (inverse - 1 / r)
            volume = np.where(alive, np.maximum(4 / 3 * np.pi * r**3 + gain * step, 0.0), 0.0)
            n = alive.sum(axis=1)
            merges = rng.poisson(rates.coalescence * n**2 / (height * width) * step)
            for one in row[(merges > 0) & (n > 1)]:
                for _ in range(min(int(merges[one]), int(n[one]) - 1)):
                    a, b = rng.choice(np.flatnonzero(volume[one] > 0), 2, replace=False)
                    volume[one, a], volume[one, b] = volume[one, a] + volume[one, b], 0.0
            radius = np.cbrt(3 / (4 * np.pi) * volume)
        now = float(time)
        numbers[:, column] = (radius >= least).sum(axis=1)
    return numbers

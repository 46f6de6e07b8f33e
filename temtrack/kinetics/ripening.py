"""The mean-field law of ripening, and that of evaporation, in the rates of the particles.

Ripening in a mean field is ``dV/dt = K r^p (1/r* - 1/r)``: particles larger than the critical radius r* grow.
The power p is 0 where diffusion over the support is slow, 1 where the passage over a particle's rim is (or
diffusion in three dimensions), 2 where that over its whole surface is (Wagner). r* is another in each window
of time, K is not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from temtrack.kinetics.bootstrap import bootstrapped
from temtrack.kinetics.estimate import CONFIDENCE, Estimate, Measured, Outcome, Reals, Refused, fill_rows
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.rates import ParticleRates, gather_rates
from temtrack.kinetics.search import find_minimum, read_between

#: Powers p that are tried; those of diffusion over the support and of the interface have names.
POWERS = np.linspace(-2, 4, 31)
_DIFFUSION, _INTERFACE = (int(np.argmin(np.abs(POWERS - p))) for p in (0, 1))

#: Gibbs-Thomson lengths that are tried, over the mean radius.
LENGTHS = np.linspace(-1, 4, 51)

_LAW = "dV/dt = K r^p (1/r* - 1/r), r* free in each window{}; bootstrap of families and contours"
_SUPPORT = "fraction of bootstrap draws that p = 1 (interface) fits better than p = 0 (diffusion)"
_EVAPORATION = "dr/dt = -k exp(l / r): e times as fast at r = l; bootstrap of families and contours"
_SOURCE = "Wynblatt & Gjostein 1975, Prog. Solid State Chem. 9, 21; Simonsen et al. 2011, J. Catal. 281, 147"
_EVAPORATION_SOURCE = "Horwath et al. 2021, Nano Lett. 21, 5324"

#: Columns of what `_fit` gives before the critical radii of the windows.
_POWER, _OF_DIFFUSION, _OF_INTERFACE, _IS_INTERFACE, _OF_SMALL, _OF_LARGE, _N = range(7)


def measure_ripening(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Fit power, constants and critical radius of ripening, and the Gibbs-Thomson length of evaporation."""
    unit = run.length_unit
    law = [
        Estimate("ripening_power", "1", _LAW.format(", p free"), _SOURCE),
        Estimate("ripening_constant_diffusion", f"{unit}4/s", _LAW.format(", p = 0"), _SOURCE),
        Estimate("ripening_constant_interface", f"{unit}3/s", _LAW.format(", p = 1"), _SOURCE),
        Estimate("interface_law_support", "1", _SUPPORT, _SOURCE),
    ]
    critical = Estimate("critical_radius", unit, _LAW.format(", p free"), _SOURCE)
    length = Estimate("gibbs_thomson_length", unit, _EVAPORATION, _EVAPORATION_SOURCE)
    try:
        rates = gather_rates(run)
    except Refused as refused:
        return [row.filled(refused) for row in (*law, critical, length)]
    radii = [replace(critical, frame=int(frame)) for frame in rates.window_frames]
    return [*fill_rows([*law, *radii], _ripen, rates, rng), *fill_rows([length], _evaporate, rates, rng)]


def _ripen(rates: ParticleRates, rng: np.random.Generator) -> list[Outcome]:
    value, drawn = rates.bootstrap(_fit, rng)
    ripens = (drawn[:, _OF_SMALL] < 0) & (drawn[:, _OF_LARGE] > 0)
    low, high = rates.radius.min(), rates.radius.max()
    n = rates.n_families
    if np.mean(~ripens) > (1 - CONFIDENCE) / 2:
        raise Refused("it is not so, within the error, that small particles shrink and large ones grow", n)
    told = bootstrapped(list(value[:, None]), list(drawn.T), n)
    at_end = value[_POWER] <= POWERS[0] or value[_POWER] >= POWERS[-1]
    support = Measured(float(np.mean(drawn[:, _IS_INTERFACE])), (None, None), n)
    return [
        Refused("the rates do not bend enough with size to tell a power", n) if at_end else told[_POWER],
        told[_OF_DIFFUSION],
        told[_OF_INTERFACE],
        support,
        *(
            one if low < one.value < high else Refused("it lies outside of the sizes seen", n)
            for one in told[_N:]
        ),
    ]


def _fit(rates: ParticleRates, counts: Reals) -> Reals:
    """Fit all powers to families drawn so often (R, F); return (R, 6 + W), as the columns above say.

    With u = r^p and v = r^(p-1) the law is y = a u - b v, a free in each window, r* = b / a, K = b.
    """
    n_windows = rates.window_frames.size
    scale = float(rates.radius.mean())
    u, y, w = rates.radius / scale, rates.rate, rates.weight
    (yy,) = _moments(rates, counts, [w * y * y])
    slopes, squares, windows = [], [], []
    for p in POWERS:
        terms = [u ** (2 * p), u ** (2 * p - 1), u ** (2 * p - 2), y * u**p, y * u ** (p - 1)]
        uu, uv, vv, yu, yv = _moments(rates, counts, [w * term for term in terms])
        uu = np.where(uu > 0, uu, np.inf)  # a window that a draw leaves empty says nothing
        spread = (vv - uv**2 / uu).sum(axis=1)
        b = -(yv - uv * yu / uu).sum(axis=1) / spread
        slopes.append(b)
        squares.append((yy - yu**2 / uu).sum(axis=1) - b**2 * spread)
        windows.append((yu + b[:, None] * uv) / uu)
    slope, square, of_window = np.stack(slopes, 1), np.stack(squares, 1), np.stack(windows, 2)
    place = find_minimum(square)
    best = read_between(slope, place)
    own = np.stack([read_between(of_window[:, k], place) for k in range(n_windows)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        radii = scale * best[:, None] / np.where(own > 0, own, np.nan)
    third = np.searchsorted(np.quantile(rates.radius, [1 / 3, 2 / 3]), rates.radius)
    small, _, large = (counts @ rates.sums(y, third, 3)).T
    columns = [
        read_between(np.broadcast_to(POWERS, square.shape), place),
        slope[:, _DIFFUSION] * scale,
        slope[:, _INTERFACE],
        (square[:, _INTERFACE] < square[:, _DIFFUSION]).astype(np.float64),
        small,
        large,
    ]
    return np.column_stack([*columns, radii])


def _moments(rates: ParticleRates, counts: Reals, terms: list[Reals]) -> list[Reals]:
    """Sum terms (N,) by draw and window, (R, W) each."""
    n_windows = rates.window_frames.size
    return [counts @ rates.sums(term, rates.window, n_windows) for term in terms]


def _evaporate(rates: ParticleRates, rng: np.random.Generator) -> list[Outcome]:
    large = rates.radius >= np.median(rates.radius)
    scale = float(rates.radius.mean())

    def fit(moved: ParticleRates, counts: Reals) -> Reals:
        one = np.zeros_like(moved.window)
        y, w = moved.speed, moved.weight * moved.radius**4
        (gain,) = (counts @ moved.sums(y * large, one, 1)).T
        yy = counts @ moved.sums(w * y**2, one, 1)
        squares = []
        for length in LENGTHS * scale:
            x = np.exp(length / moved.radius)
            xx, xy = (counts @ moved.sums(w * x * other, one, 1) for other in (x, y))
            squares.append(yy - xy**2 / xx)
        lengths = np.broadcast_to(LENGTHS * scale, (len(counts), LENGTHS.size))
        return np.column_stack([gain, read_between(lengths, find_minimum(np.hstack(squares)))])

    value, drawn = rates.bootstrap(fit, rng)
    n = rates.n_families
    if np.mean(drawn[:, 0] >= 0) > (1 - CONFIDENCE) / 2:
        raise Refused("large particles do not shrink, within the error", n)
    if not LENGTHS[0] * scale < value[1] < LENGTHS[-1] * scale:
        raise Refused("the rates do not bend enough with size to tell the length", n)
    return list(bootstrapped([value[1:]], [drawn[:, 1]], n))

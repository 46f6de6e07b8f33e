"""How particles move: diffusion over size, anomalous or not, mobile or not, with a memory or without."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from temtrack.kinetics.bootstrap import MIN_FAMILIES, bootstrapped, draw_counts
from temtrack.kinetics.diffusion import MAX_LAG_FRAMES, drift_free_places, fit_line, frame_interval
from temtrack.kinetics.estimate import (
    CONFIDENCE,
    NO_SCALE,
    Estimate,
    Measured,
    Outcome,
    Reals,
    Refused,
    fill_rows,
    require,
)
from temtrack.kinetics.observed import ObservedRun
from temtrack.kinetics.search import fit_separable

#: Bins of radius for D(r) hold equal numbers of particles: so many bins at most.
MAX_BINS = 6

#: Exponents of the size and of the time that are tried.
SIZE_EXPONENTS, TIME_EXPONENTS = np.linspace(-4, 12, 161), np.linspace(0.1, 2.0, 96)

#: The anomalous exponent takes lags up to so many frames, or this fraction of the movie.
MAX_ALPHA_LAG, MAX_ALPHA_FRACTION = 20, 0.25

#: Mobile and immobile particles are told by steps over so many frames, in so many iterations, if it gains so
#: much log likelihood over one kind, and their mean squares differ by such a factor.
MOBILE_LAG, MOBILE_ITERATIONS, MOBILE_GAIN, MOBILE_FACTOR = 4, 40, 6.0, 4.0

#: So far from Gaussian a few steps make nearly all of <r^4>: mostly ids that went to another particle.
MAX_GAUSS = 10.0
_FAR_STEPS = "a few far steps make it, as of wrong ids: look at those particles"

_MSD = "MSD = 4 D t + 4 sigma^2, drift removed; bootstrap of families"
_SIZE = "D = D0 r^-s: s that leaves D r^s without a trend in ln r; bootstrap of families"
_ALPHA = "MSD = 4 D t^alpha + 4 sigma^2, up to a quarter of the movie; bootstrap of families"
_GAUSS = "<r^4> / (2 <r^2>^2) - 1 of steps over `at`, 0 for Gaussian ones; bootstrap of families"
_VELOCITY = "<v(t) v(t + at)> / <v^2> of steps of one frame; bootstrap of families"
_MOBILE = "two kinds of Brownian particles by maximum likelihood; bootstrap of families"
DIFFUSION_SOURCE = "Michalet 2010, doi:10.1103/PhysRevE.82.041914"
_GAUSS_SOURCE = "Rahman 1964, Phys. Rev. 136, A405"


@dataclass(frozen=True)
class Walks:
    """Places (N, T, 2) of particles without drift, their family and radius (N,).

    Frames are ``interval_s`` apart, and ``n_mean`` particles are there on average.
    """

    places: Reals
    family: NDArray[np.intp]
    radius: Reals
    interval_s: float
    n_mean: float

    @property
    def n_families(self) -> int:
        """Number of families."""
        return int(self.family.max(initial=-1)) + 1

    def steps(self, lag: int) -> Reals:
        """Return the displacements (N, T - lag, 2) over a lag in frames."""
        moved: Reals = self.places[:, lag:] - self.places[:, :-lag]
        return moved

    def by_family(self, values: Reals) -> Reals:
        """Sum values (N,) or (N, K), NaN left out, over families: (F, K)."""
        table = np.nan_to_num(values.reshape(len(values), -1))
        group = np.equal.outer(np.arange(self.n_families), self.family).astype(np.float64)
        summed: Reals = group @ table
        return summed


def gather_walks(run: ObservedRun) -> Walks:
    """Return the walks of all particles followed long enough; refused where there are too few or no scale."""
    interval_s = frame_interval(run)
    if run.length_unit != "nm":
        raise Refused(NO_SCALE)
    ids, places, n_mean = drift_free_places(run)
    family = np.unique(run.families.reindex(ids).to_numpy(), return_inverse=True)[1]
    radius = run.whole.groupby("particle_id")["diameter"].median().reindex(ids).to_numpy() / 2
    walks = Walks(places, family, radius, interval_s, n_mean)
    require(walks.n_families, MIN_FAMILIES, "families that are followed")
    if not np.nansum(np.abs(walks.steps(1))) > 0:
        raise Refused("nothing moves", walks.n_families)
    return walks


def measure_motion(run: ObservedRun, rng: np.random.Generator) -> list[Estimate]:
    """Measure D(r) and its exponent, alpha, non-Gaussian parameter, velocity correlation and mobile share."""
    of_radius = Estimate("diffusion_over_radius", "nm2/s", _MSD, DIFFUSION_SOURCE, at_unit="nm")
    size = Estimate("diffusion_size_exponent", "1", _SIZE, DIFFUSION_SOURCE)
    alpha = Estimate("anomalous_exponent", "1", _ALPHA, DIFFUSION_SOURCE)
    gauss = Estimate("non_gaussian_parameter", "1", _GAUSS, _GAUSS_SOURCE, at_unit="s")
    velocity = Estimate("velocity_correlation", "1", _VELOCITY, "by definition", at_unit="s")
    mobile = [
        Estimate("mobile_share", "1", _MOBILE, "by definition"),
        Estimate("mobile_diffusion_coefficient", "nm2/s", _MOBILE, "by definition"),
    ]
    try:
        walks = gather_walks(run)
    except Refused as refused:
        return [row.filled(refused) for row in (of_radius, size, alpha, gauss, velocity, *mobile)]
    draws = draw_counts(walks.n_families, rng)
    lags = [replace(gauss, at=lag * walks.interval_s) for lag in range(1, MAX_LAG_FRAMES + 1)]
    later = [replace(velocity, at=lag * walks.interval_s) for lag in range(1, MAX_LAG_FRAMES + 1)]
    return [
        *_over_radius(of_radius, walks, draws),
        *fill_rows([size], _fit_size, walks, draws),
        *fill_rows([alpha], _fit_alpha, walks, draws),
        *fill_rows(lags, _measure_gauss, walks, draws),
        *fill_rows(later, _correlate, walks, draws),
        *fill_rows(mobile, _split, walks, draws),
    ]


def fit_diffusion(walks: Walks, among: NDArray[np.bool_], draws: Reals) -> list[Measured]:
    """Fit the diffusion coefficient of the steps that begin and end in some frames (T,)."""
    there = replace(walks, places=np.where(among[:, None], walks.places, np.nan))
    parts = [walks.by_family(part) for part in _squares(there, range(1, MAX_LAG_FRAMES + 1))]
    n = int((parts[1].min(axis=1) > 0).sum())
    return _fit_bin(parts, draws, walks.interval_s, n)


def _squares(walks: Walks, lags: range) -> tuple[Reals, Reals]:
    """Return, by particle and lag (N, L), the sum of squared displacements and their number."""
    squares = [(walks.steps(lag) ** 2).sum(axis=2) for lag in lags]
    total = np.stack([np.nansum(one, axis=1) for one in squares], axis=1)
    return total, np.stack([(~np.isnan(one)).sum(axis=1) for one in squares], axis=1).astype(np.float64)


def _own_squares(walks: Walks) -> tuple[Reals, Reals]:
    """Return the same over the first lags where particles differ much in how they move.

    The drift of N particles has the mean of their motions over N: less than that is not a particle's own.
    """
    squares, n_steps = _squares(walks, range(1, MAX_LAG_FRAMES + 1))
    n = max(walks.n_mean, 3.0)
    mean = squares.sum(axis=0) / np.maximum(n_steps.sum(axis=0), 1)
    return (squares * (n - 1) - n_steps * mean) / (n - 2), n_steps


def _over_radius(row: Estimate, walks: Walks, draws: Reals) -> list[Estimate]:
    squares, n_steps = _own_squares(walks)
    n_bins = max(1, min(MAX_BINS, walks.n_families // (2 * MIN_FAMILIES)))
    edges = np.quantile(walks.radius, np.linspace(0, 1, n_bins + 1)[1:-1])
    group = np.searchsorted(edges, walks.radius, side="right")
    rows = []
    for one in range(n_bins):
        held = (group == one)[:, None]
        parts = [walks.by_family(part * held) for part in (squares, n_steps)]
        n = np.unique(walks.family[group == one]).size
        at = replace(row, at=float(np.median(walks.radius[group == one])))
        rows += fill_rows([at], _fit_bin, parts, draws, walks.interval_s, n)
    return rows


def _fit_bin(parts: list[Reals], draws: Reals, interval_s: float, n: int) -> list[Measured]:
    require(n, MIN_FAMILIES, "families")
    (value, drawn) = (
        fit_line(counts @ parts[0], counts @ parts[1], interval_s)[0]
        for counts in (np.ones((1, draws.shape[1])), draws)
    )
    return bootstrapped([value], [drawn], n)


def _fit_size(walks: Walks, draws: Reals) -> list[Outcome]:
    """Solve sum n (D r^s - its mean) ln r = 0 for s, as the D of single particles may be negative."""
    squares, n_steps = _own_squares(walks)
    seen = n_steps.min(axis=1) > 0
    diffusion = np.where(seen, fit_line(squares, n_steps, walks.interval_s)[0], 0.0)
    weight, log_r = (
        np.where(seen, n_steps[:, 0], 0.0),
        np.log(walks.radius / np.exp(np.log(walks.radius).mean())),
    )
    if np.ptp(log_r) == 0:
        raise Refused("all particles are of one size", walks.n_families)
    scaled = weight[:, None] * diffusion[:, None] * np.exp(log_r[:, None] * SIZE_EXPONENTS)
    w, wr, wy, wry = (
        walks.by_family(one) for one in (weight, weight * log_r, scaled, scaled * log_r[:, None])
    )

    def solve(counts: Reals) -> Reals:
        trend = (counts @ wry) * (counts @ w) - (counts @ wy) * (counts @ wr)
        above = trend > 0  # with a larger s large particles count more, and the trend rises
        first = np.argmax(above, axis=1)
        row = np.arange(len(counts))
        before = trend[row, np.maximum(first - 1, 0)]
        rise = np.maximum(trend[row, first] - before, 1e-300)
        share = np.where(first > 0, -before / rise, np.nan)
        step = SIZE_EXPONENTS[1] - SIZE_EXPONENTS[0]
        found: Reals = SIZE_EXPONENTS[np.maximum(first - 1, 0)] + step * share
        return found

    value, drawn = solve(np.ones((1, walks.n_families))), solve(draws)
    if not np.isfinite(value[0]) or np.isnan(drawn).mean() > (1 - CONFIDENCE) / 2:
        raise Refused("too little motion to tell how it depends on size", walks.n_families)
    return list(bootstrapped([value], [drawn], walks.n_families))


def _fit_alpha(walks: Walks, draws: Reals) -> list[Outcome]:
    longest = min(MAX_ALPHA_LAG, int(MAX_ALPHA_FRACTION * walks.places.shape[1]))
    require(longest, MAX_LAG_FRAMES, "frames in a quarter of the movie")
    lags = range(1, longest + 1)
    squares, n_steps = (walks.by_family(one) for one in _squares(walks, lags))
    basis = (np.array(lags) * walks.interval_s) ** TIME_EXPONENTS[:, None]

    def fit(counts: Reals) -> Reals:
        msd = counts @ squares / np.maximum(counts @ n_steps, 1)
        # the variance of an MSD grows as its square, and with the lag by which fewer steps are independent
        found = fit_separable(msd, basis, 1 / np.array(lags, dtype=np.float64) ** 3, least_offset=0.0)
        return found.at_best(TIME_EXPONENTS)

    value, drawn = fit(np.ones((1, walks.n_families))), fit(draws)
    (told,) = bootstrapped([value], [drawn], walks.n_families)
    if not TIME_EXPONENTS[0] < told.value < TIME_EXPONENTS[-1]:
        raise Refused("no motion beyond the error that has an exponent", told.n)
    return [told]


def _measure_gauss(walks: Walks, draws: Reals) -> list[Measured]:
    outcomes = []
    for lag in range(1, MAX_LAG_FRAMES + 1):
        square = (walks.steps(lag) ** 2).sum(axis=2)
        n, second, fourth = (
            walks.by_family(np.nansum(one, axis=1)) for one in (~np.isnan(square), square, square**2)
        )

        def parameter(counts: Reals, n: Reals = n, second: Reals = second, fourth: Reals = fourth) -> Reals:
            found: Reals = (counts @ fourth) * (counts @ n) / np.maximum(
                2 * (counts @ second) ** 2, 1e-300
            ) - 1
            return found[:, 0]

        value = parameter(np.ones((1, walks.n_families)))
        (told,) = bootstrapped([value], [parameter(draws)], walks.n_families)
        outcomes.append(replace(told, reason=_FAR_STEPS if told.value > MAX_GAUSS else None))
    return outcomes


def _correlate(walks: Walks, draws: Reals) -> list[Measured]:
    step = walks.steps(1)

    def sums(products: Reals) -> tuple[Reals, Reals]:
        return walks.by_family(np.nansum(products, axis=1)), walks.by_family(
            (~np.isnan(products)).sum(axis=1)
        )

    power = sums((step**2).sum(axis=2))
    outcomes = []
    for lag in range(1, MAX_LAG_FRAMES + 1):
        both = sums((step[:, lag:] * step[:, :-lag]).sum(axis=2))

        def correlation(counts: Reals, both: tuple[Reals, Reals] = both) -> Reals:
            mean, square = ((counts @ one) / np.maximum(counts @ n, 1) for one, n in (both, power))
            found: Reals = mean / np.maximum(square, 1e-300)
            return found[:, 0]

        value = correlation(np.ones((1, walks.n_families)))
        outcomes += bootstrapped([value], [correlation(draws)], walks.n_families)
    return outcomes


def _split(walks: Walks, draws: Reals) -> list[Outcome]:
    """Tell two kinds of particles by their squared steps, exponential about the mean of each kind."""
    square = (walks.steps(MOBILE_LAG)[:, ::MOBILE_LAG] ** 2).sum(axis=2)
    total, n = np.nansum(square, axis=1), (~np.isnan(square)).sum(axis=1).astype(np.float64)
    share, slow, fast, gain = _maximise(total, n, np.ones((1, total.size)))
    if gain[0] < MOBILE_GAIN or fast[0] < MOBILE_FACTOR * slow[0]:
        raise Refused("particles all move alike, within the error", walks.n_families)
    found = _maximise(total, n, draws[:, walks.family])
    time = 4 * MOBILE_LAG * walks.interval_s
    return list(
        bootstrapped(
            [share, (fast - slow) / time], [found[0], (found[2] - found[1]) / time], walks.n_families
        )
    )


def _maximise(total: Reals, n: Reals, counts: Reals) -> tuple[Reals, Reals, Reals, Reals]:
    """Return share of the fast, mean squares of slow and fast, gain in log likelihood over one kind, (R,)."""
    mean = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    low, high = np.quantile(mean[n > 0], [0.25, 0.75])
    low = max(low, 1e-3 * high, 1e-12)
    size = len(counts)
    share, slow, fast = np.full(size, 0.5), np.full(size, low), np.full(size, max(high, 1.5 * low))
    for _ in range(MOBILE_ITERATIONS):
        odds = np.log(share / (1 - share))[:, None] - n * np.log(fast / slow)[:, None]
        odds = odds + total * (1 / slow - 1 / fast)[:, None]
        is_fast = counts / (1 + np.exp(-np.clip(odds, -500, 500)))
        is_slow = counts - is_fast
        share = np.clip(is_fast.sum(axis=1) / counts.sum(axis=1), 1e-3, 1 - 1e-3)
        slow, fast = (
            np.maximum(one @ total, 1e-300) / np.maximum(one @ n, 1e-12) for one in (is_slow, is_fast)
        )
    alike = counts @ total / (counts @ n)

    def likelihood(square: Reals) -> Reals:
        found: Reals = -n * np.log(square)[:, None] - total / square[:, None]
        return found

    two = np.logaddexp(
        np.log(share)[:, None] + likelihood(fast), np.log(1 - share)[:, None] + likelihood(slow)
    )
    gain = (counts * (two - likelihood(alike))).sum(axis=1)
    return share, slow, fast, gain

"""Register two frames by their particles alone: centroids and areas, no images.

A step of the whole field moves all particles alike, so the differences between the places of like particles
pile up at it. In a dense film they pile up at each vector of its lattice too. Therefore the highest piles are
candidates only, and each is judged by how well it explains the later frame: particles of the same area where
they are expected, by their scatter, against particles that were thrown there at random.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, spatial

from temtrack.imaging.labels import Regions
from temtrack.imaging.registration import MIN_COMMON_FRACTION, Step

#: Steps are voted for in bins of this share of the median radius,
BIN_RADII = 0.5

#: and in at most so many bins along an axis of the field.
MAX_BINS = 200

#: So many classes of areas, each of as many particles, vote by themselves.
N_SIZE_CLASSES = 3

#: Votes are counted within so many bins: for particles that keep their places, and for such that do not.
VOTE_WIDTHS = (1, 3, 9)

#: So many candidates are taken for each of the widths.
N_CANDIDATES = 6

#: So many particles judge all the candidates, and so many the best of them.
N_FIRST_JUDGES, N_JUDGES = 200, 1200

#: So many candidates are judged twice.
N_FINALISTS = 3

#: Particles are taken for the same if they lie at most so many median diameters off, where a change of the
#: area by this share counts as much as a median radius does.
MAX_DIAMETERS, ALIKE_LOG_AREA = 1.5, 0.25

#: Own motion scatters by about this share of the median radius, and areas by this share; so it is assumed
#: before anything is known, and this counts as much as so many particles do.
USUAL_SCATTER_RADII, USUAL_LOG_AREA, N_ASSUMED = 0.4, 0.12, 4.0

#: Places are never known better than this, in pixels.
MIN_SCATTER_PX = 0.3

#: The logarithm of the odds against a jump of the whole field.
JUMP_LOG_ODDS = float(np.log(1000))

#: The same against a step that was expected and the images do not tell, where they tell one.
DOUBT_LOG_ODDS = 2.0

#: A jump takes at least so many particles with it: one that is elsewhere has moved by itself.
MIN_JUMPING = 2

#: A step is plain where so many particles are there, and their areas speak for it by such a part of the log
#: likelihood, each and together; areas that change slowly through the field give less to a lattice vector.
PLAIN_SHARE, PLAIN_AREA_GAIN, PLAIN_LOG_ODDS = 0.6, 0.35, 30.0

#: Fewer particles than this correct no step that was expected: it would be their own motion.
MIN_CORRECTING = 4

#: Rounds in which the step is corrected, and in which scatter and shares are estimated for each.
_N_CORRECTIONS, _N_ESTIMATES = 1, 3


@dataclass(frozen=True)
class Verdict:
    """What a candidate explains.

    Parameters
    ----------
    step
        (y, x) in pixels, corrected by the particles that fit.
    log_likelihood
        Of the later frame, above that of particles at random, and of the step itself.
    share
        Of the particles that ought to be in the later frame, those that are.
    area_gain
        The part of the log likelihood that agreeing areas have, for each that is there.
    n_matched
        Number of these.
    """

    step: Step
    log_likelihood: float
    share: float
    area_gain: float
    n_matched: int

    @property
    def is_plain(self) -> bool:
        """Whether areas agree so well that no other step needs to be tried: a lattice has no areas."""
        return (
            self.share >= PLAIN_SHARE
            and self.area_gain >= PLAIN_AREA_GAIN
            and self.area_gain * self.n_matched >= PLAIN_LOG_ODDS
        )


def register_regions(
    before: Regions, after: Regions, expected: Step = (0.0, 0.0), told: Step | None = None
) -> tuple[Step, float]:
    """Find the step of the whole field between two frames from their particles.

    Particles may move each by itself by up to about a diameter, change their areas by a tenth, be missed, be
    new; the ids mean nothing. The step is the expected one, corrected by what all particles have in common,
    unless another explains the later frame clearly better.

    Parameters
    ----------
    before, after
        The particles of both frames.
    expected
        Step (y, x) in pixels that is likeliest beforehand, such as the drift so far.
    told
        A step that the images tell; as likely as the expected one beforehand, and preferred to it where the
        particles do not tell them apart.

    Returns
    -------
    The step (y, x) in pixels, and the share of the particles that it takes to one of like area, 0 to 1, of
    those that it leaves in the field.
    """
    likely = [expected] if told is None else [told, expected]
    if not (before.ids.size and after.ids.size):
        return likely[0], 0.0
    judge = _Judge(before, after, likely)
    first = [judge.judge(step, N_FIRST_JUDGES) for step in likely]
    usual = _distinct((judge.judge(one.step, N_JUDGES) for one in first), judge.radius_px)
    best = max(usual, key=lambda v: v.log_likelihood)
    if usual[0].log_likelihood > best.log_likelihood - DOUBT_LOG_ODDS:
        best = usual[0]
    if best.is_plain or (told is not None and best is usual[0] and best.share >= PLAIN_SHARE):
        return best.step, best.share
    candidates = [(0.0, 0.0), *vote_for_steps(before, after)]
    tried = sorted(
        (judge.judge(step, N_FIRST_JUDGES) for step in candidates), key=lambda v: -v.log_likelihood
    )
    finalists = [judge.judge(v.step, N_JUDGES) for v in _distinct(tried, judge.radius_px)[:N_FINALISTS]]
    best = max([best, *finalists], key=lambda v: v.log_likelihood)
    return best.step, best.share


def vote_for_steps(before: Regions, after: Regions) -> list[Step]:
    """Return the steps (y, x) in pixels that the most pairs of like particles have in common.

    Each particle before votes with each one after, the more the nearer their ranks by area are: a
    cross-correlation. Votes are counted against how many there would be by chance, in the part of the field
    that stays in sight.
    """
    low, high = _field(before, after)
    extent = np.maximum(high - low, 1.0)
    bin_px = max(BIN_RADII * _median_radius(before), 0.5, float(extent.max() / MAX_BINS))
    shape = tuple((np.ceil(extent / bin_px) + 1).astype(np.int64).tolist())
    padded = [fft.next_fast_len(2 * n, real=True) for n in shape]
    places = [np.rint((_points(one) - low) / bin_px).astype(np.int64) for one in (before, after)]
    classes = [_size_classes(one, before) for one in (before, after)]
    spectrum = np.zeros((padded[0], padded[1] // 2 + 1), np.complex64)
    for of_before, of_after in zip(*classes, strict=True):
        grids = (_grid(at, weight, padded) for at, weight in zip(places, (of_before, of_after), strict=True))
        fixed, moved = (fft.rfft2(grid) for grid in grids)
        spectrum += np.conj(fixed) * moved
    votes = fft.irfft2(spectrum, padded)
    seen = [np.maximum(1 - np.abs(fft.fftfreq(m, 1 / m)) / n, 0) for m, n in zip(padded, shape, strict=True)]
    in_sight = np.outer(*seen).astype(np.float32)
    chance = in_sight * (votes.sum() / in_sight.sum())
    peaks: list[tuple[int, int]] = []
    for width in VOTE_WIDTHS:
        found, usual = (width**2 * ndimage.uniform_filter(one, width, mode="wrap") for one in (votes, chance))
        surprise = np.where(in_sight >= MIN_COMMON_FRACTION, (found - usual) / np.sqrt(usual + 1), -np.inf)
        peaks += _peaks(surprise, width)
    return [_centre(votes, peak, bin_px) for peak in dict.fromkeys(peaks)]


def _size_classes(regions: Regions, of: Regions) -> list[NDArray[np.float32]]:
    """Return how far each particle belongs to each class of areas, by its rank among those ``of`` a frame."""
    rank = np.searchsorted(np.sort(of.area_px), regions.area_px, side="left") / of.ids.size
    at = rank * (N_SIZE_CLASSES - 1)
    return [np.maximum(1 - np.abs(at - k), 0).astype(np.float32) for k in range(N_SIZE_CLASSES)]


def _grid(places: NDArray[np.int64], weights: NDArray[np.float32], shape: list[int]) -> NDArray[np.float32]:
    """Return the sum of the weights in each bin."""
    flat = np.bincount(places[:, 0] * shape[1] + places[:, 1], weights, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float32)


def _centre(votes: NDArray[np.float32], peak: tuple[int, int], bin_px: float) -> Step:
    """Return the step in pixels in the middle of the votes in a bin and beside it."""
    near = np.arange(-1, 2)
    rows, columns = ((p + near) % n for p, n in zip(peak, votes.shape, strict=True))
    weights = np.maximum(votes[np.ix_(rows, columns)], 1e-6)
    off = (weights.sum(axis=1) @ near / weights.sum(), weights.sum(axis=0) @ near / weights.sum())
    y, x = ((p - n if p > n // 2 else p) + d for p, n, d in zip(peak, votes.shape, off, strict=True))
    return float(y * bin_px), float(x * bin_px)


def _peaks(values: NDArray[np.float32], width: int) -> list[tuple[int, int]]:
    """Return the greatest values' places, each at least ``width`` bins from the others."""
    flat = values.ravel()
    n = min(flat.size, 40 * N_CANDIDATES)
    best = np.argpartition(-flat, n - 1)[:n]
    best = best[np.argsort(-flat[best], kind="stable")]
    peaks: list[tuple[int, int]] = []
    for y, x in zip(*(axis.tolist() for axis in np.unravel_index(best, values.shape)), strict=True):
        if values[y, x] > 0 and all(max(abs(y - v), abs(x - u)) >= width for v, u in peaks):
            peaks.append((y, x))
        if len(peaks) == N_CANDIDATES:
            break
    return peaks


def _distinct(verdicts: Iterable[Verdict], apart_px: float) -> list[Verdict]:
    """Return the verdicts whose steps lie apart from those of all earlier ones."""
    kept: list[Verdict] = []
    for one in verdicts:
        far = (np.abs(np.subtract(one.step, other.step)).max() > apart_px / 2 for other in kept)
        if all(far):
            kept.append(one)
    return kept


@dataclass(frozen=True)
class _Strangers:
    """Particles of the later frame, where the earlier one was in sight, that are not among those before.

    Parameters
    ----------
    n_seen
        Particles there in all.
    n_usual
        Particles that lie in a part of the field so large.
    stride
        One of so many particles before is asked for.
    """

    n_seen: int
    n_usual: float
    stride: int

    def fraction(self, n_matched: float) -> float:
        """Return how densely the new ones lie, as a share of all, where so many of those asked are there."""
        n_new = max(self.n_seen - self.stride * n_matched, 0.0)
        return min(max((n_new + 0.1 * N_ASSUMED) / (self.n_usual + N_ASSUMED), 0.02), 1.0)

    def log_likelihood(self, fraction: float) -> float:
        """Return the log likelihood ratio of so many at such a share (Poisson)."""
        return float(self.n_seen * np.log(fraction) + self.n_usual * (1 - fraction))


class _Judge:
    """Tells how well steps explain the later frame.

    Each of its particles is either one of those before, at the step and off by a scatter in place and area,
    or a new one anywhere; the shares of both and the scatter are estimated for each step (expectation
    maximisation). All is compared with particles at random, as dense as those before.
    """

    def __init__(self, before: Regions, after: Regions, likely: list[Step]) -> None:
        self._likely = np.array(likely)
        self._are_few = min(before.ids.size, after.ids.size) < MIN_CORRECTING
        self.radius_px = _median_radius(before)
        self._low, self._high = _field(before, after)
        self._size = np.maximum(self._high - self._low, 2 * self.radius_px)
        self._density = before.ids.size / self._size.prod()
        self._before, self._after = _points(before), _points(after)
        self._own, self._theirs = np.log(before.area_px), np.log(after.area_px)
        self._whole = ~before.touches_border, ~after.touches_border
        self._scale = self.radius_px / ALIKE_LOG_AREA
        self._tree = spatial.cKDTree(
            np.column_stack([self._after, self._scale * self._theirs]),
            balanced_tree=False,
            compact_nodes=False,
        )
        grid, density = _log_density(self._theirs)
        self._log_area_density = np.interp(self._theirs, grid, density)

    def judge(self, step: Step, n_judges: int) -> Verdict:
        """Correct a step (y, x) and judge it, by at most ``n_judges`` particles for all."""
        shift = self._settle(np.array(step))
        stride = -(-len(self._before) // n_judges)
        rows = np.arange(0, len(self._before), stride)
        for turn in range(_N_CORRECTIONS + 1):
            moved = self._before[rows] + shift
            inside = ((moved >= self._low - 1) & (moved <= self._high + 1)).all(axis=1)
            i, j = self._pair(rows[inside], moved[inside])
            off = self._after[j] - self._before[i] - shift
            n_common = max(int(inside.sum()), 1)
            strangers = self._strangers(shift, stride)
            fits, gain, area_gain = self._explain(i, j, off, n_common, strangers)
            if turn < _N_CORRECTIONS:
                correction = (fits[:, None] * off).sum(axis=0) / (fits.sum() + N_ASSUMED)
                shift = self._settle(shift + correction)
        n_matched = int((fits > 0.5).sum())
        gain += self._log_prior(shift, stride * n_matched)
        return Verdict((float(shift[0]), float(shift[1])), gain, n_matched / n_common, area_gain, n_matched)

    def _settle(self, shift: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the likely step itself in place of one nearby, where a few particles' own motion told it."""
        distances = np.hypot(*(shift - self._likely).T)
        if self._are_few and distances.min() <= self.radius_px:
            return np.asarray(self._likely[distances.argmin()])
        return shift

    def _pair(
        self, rows: NDArray[np.int64], moved: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of particles and of those that are nearest to them, one to one."""
        points = np.column_stack([moved, self._scale * self._own[rows]])
        distance, nearest = self._tree.query(points, distance_upper_bound=2 * MAX_DIAMETERS * self.radius_px)
        farthest_first = np.argsort(-distance, kind="stable")
        holder = np.zeros(len(self._after) + 1, np.int64)
        holder[nearest[farthest_first]] = farthest_first  # the last one stands
        kept = np.flatnonzero((holder[nearest] == np.arange(rows.size)) & np.isfinite(distance))
        return rows[kept], nearest[kept]

    def _strangers(self, shift: NDArray[np.float64], stride: int) -> _Strangers:
        """Count what lies in the part of the field that was in sight before, too."""
        low, high = np.maximum(self._low, self._low + shift), np.minimum(self._high, self._high + shift)
        n_seen = int(((self._after >= low - 1) & (self._after <= high + 1)).all(axis=1).sum())
        usual = self._density * float(np.maximum(self._size - np.abs(shift), 0).prod())
        return _Strangers(n_seen, max(usual, 1e-3), stride)

    def _explain(
        self,
        i: NDArray[np.int64],
        j: NDArray[np.int64],
        off: NDArray[np.float64],
        n_common: int,
        strangers: _Strangers,
    ) -> tuple[NDArray[np.float64], float, float]:
        """Return how surely each pair is one particle, the log likelihood ratio, and that of areas a pair."""
        by_area = self._whole[0][i] & self._whole[1][j]
        square, change = (off**2).sum(axis=1), self._theirs[j] - self._own[i]
        usual = USUAL_SCATTER_RADII * self.radius_px
        scatter, tau, share, new = usual, USUAL_LOG_AREA, 0.8, 0.2
        fits, gain, area_gain = np.zeros(len(i)), 0.0, 0.0
        for _ in range(_N_ESTIMATES):
            log_ratio = -np.log(2 * np.pi * scatter**2 * new * self._density) - square / (2 * scatter**2)
            area_ratio = (
                -0.5 * np.log(2 * np.pi * tau**2) - change**2 / (2 * tau**2) - self._log_area_density[j]
            )
            area_ratio *= by_area
            ratio = share * np.exp(np.minimum(log_ratio + area_ratio, 50))
            fits = ratio / (1 - share + ratio)
            n, n_area = fits.sum(), (fits * by_area).sum()
            area_gain = float((fits * area_ratio).sum() / max(n, 1))
            gain = float(np.log(1 - share + ratio).sum() + (n_common - len(i)) * np.log(1 - share))
            gain = strangers.stride * gain + strangers.log_likelihood(new)
            scatter = np.sqrt(((fits * square).sum() / 2 + N_ASSUMED * usual**2) / (n + N_ASSUMED))
            scatter = max(float(scatter), MIN_SCATTER_PX)
            spread = (fits * by_area * change**2).sum() + N_ASSUMED * USUAL_LOG_AREA**2
            tau = float(np.sqrt(spread / (n_area + N_ASSUMED)))
            share = min(max(float((n + N_ASSUMED / 2) / (n_common + N_ASSUMED)), 0.02), 0.98)
            new = strangers.fraction(float(n))
        return fits, gain, area_gain

    def _log_prior(self, shift: NDArray[np.float64], n_matched: int) -> float:
        """Return the log likelihood of a step before the frame is seen: the nearer to a likely one."""
        distance = np.hypot(*(shift - self._likely).T).min() / self.radius_px
        if distance <= 1:
            return 0.0
        if n_matched < MIN_JUMPING:
            return -np.inf
        return float(-1.5 * np.log1p(distance**2) - JUMP_LOG_ODDS)


def _field(before: Regions, after: Regions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and greatest (y, x) of all particles: of the field, what is known of it."""
    points = np.concatenate([_points(before), _points(after)])
    return points.min(axis=0), points.max(axis=0)


def _points(regions: Regions) -> NDArray[np.float64]:
    return np.stack([regions.y_px, regions.x_px], axis=1)


def _median_radius(regions: Regions) -> float:
    return float(np.median(regions.radius_px))


def _log_density(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a grid of values and the logarithm of how densely the values lie there."""
    bin_size = USUAL_LOG_AREA / 2
    low = values.min() - 6 * bin_size
    n = int((values.max() - low) / bin_size) + 7
    counts = np.bincount(((values - low) / bin_size).astype(np.int64), minlength=n).astype(np.float64)
    smooth = ndimage.gaussian_filter1d(counts, 3) + 0.01
    return low + (np.arange(n) + 0.5) * bin_size, np.log(smooth / (smooth.sum() * bin_size))

"""What linking must expect of a movie, learned from the movie itself: motion, outlines, misses, births."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.intensity import robust_sigma

#: Frames whose noise is remembered.
N_FRAMES_KNOWN = 15

#: Before anything is known, a particle is off its prediction by so much of its radius along an axis,
PRIOR_MOTION_RADII = 0.35

#: its area differs from that before by so much, as a logarithm,
PRIOR_AREA = 0.15

#: and so many particles of these are missed or begin.
PRIOR_MISSED, PRIOR_BORN, PRIOR_SEEN = 1.0, 0.5, 30.0

#: So many of the particles end in a frame.
GONE_FRACTION = 2e-3

#: What was missed, or shared a detection in passing, does so again in this share of the next frames.
MISSED_AGAIN, SHARED_AGAIN = 0.3, 0.5

#: One step in so many is a hop, far beyond the others; before anything is known, so many may be.
HOP_FRACTION, UNKNOWN_HOP_FRACTION = 1e-3, 0.1

#: What is known at first counts as so many particles.
PRIOR_WEIGHT = 4.0

#: Gaps of so many radii are jumped over.
GAP_RADII = 0.4

#: Motion and areas have tails: they are Student's t of so many degrees of freedom.
DEGREES_OF_FREEDOM = 4.0

#: What a merge keeps is one of so many between the area and the volume of spheres, and none is ruled out.
N_KEPT, LEAST_KEPT_WEIGHT = 5, 0.01

#: No movie is so quiet that less than this can be counted on: pixels are whole.
LEAST_MOTION_PX, LEAST_AREA = 0.4, 0.03

#: Standard deviations of an area in the ratio of two.
_SIGMAS_OF_RATIO = 2**0.5

#: From the median length of a step in the plane to a standard deviation along one axis.
SIGMA_OF_MEDIAN_LENGTH = 0.8493


@dataclass
class MovieNoise:
    """Running estimates over the last frames; each frame counts by its particles.

    Parameters
    ----------
    motion
        Of each frame: particles seen, and the standard deviation of their steps beside the prediction, in
        pixels along an axis.
    area
        Of each frame: particles seen, and the standard deviation of the logarithm of their areas' ratio.
    counts
        Of each frame: particles expected, missed and born, and specks born.
    n_lasting, n_passing
        Tracks that came to share a detection and did so for good, and such that did it in passing.
    kept
        How likely each of `log_areas_kept` is, from area kept to volume kept.
    """

    motion: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=N_FRAMES_KNOWN))
    area: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=N_FRAMES_KNOWN))
    counts: deque[tuple[int, int, int, int]] = field(default_factory=lambda: deque(maxlen=N_FRAMES_KNOWN))
    n_lasting: int = 0
    n_passing: int = 0
    kept: list[float] = field(default_factory=lambda: [1.0] * N_KEPT)

    def learn(
        self,
        steps_px: NDArray[np.float64],
        log_ratios: NDArray[np.float64],
        n_missed: int = 0,
        n_born: int = 0,
        n_specks: int = 0,
    ) -> None:
        """Take a frame's links of one to one into account.

        Parameters
        ----------
        steps_px
            (N, 2) way (y, x) from where each was predicted to where it was found.
        log_ratios
            (N,) logarithm of the area found over that before.
        n_missed, n_born, n_specks
            Tracks without a detection, and detections without a track: those of a particle's size, and less.
        """
        n = len(steps_px)
        if n:
            length = float(np.median(np.hypot(*steps_px.T)))
            self.motion.append((n, SIGMA_OF_MEDIAN_LENGTH * length))
            self.area.append((n, robust_sigma(log_ratios)))
        self.counts.append((n + n_missed, n_missed, n_born, n_specks))

    def learn_merge(self, other_px: float, gone_px: float, after_px: float, sigma: float) -> None:
        """Take a merge beyond doubt into account: how much of the area it kept.

        Parameters
        ----------
        other_px, gone_px, after_px
            Areas of the parents and of the child.
        sigma
            Standard deviation of the logarithm of their ratio.
        """
        misfits = (np.log(after_px) - log_areas_kept(other_px, gone_px)) / sigma
        log_weights = np.log(self.kept) + log_t(misfits, 1)
        weights = np.exp(log_weights - log_weights.max())
        self.kept = np.maximum(weights / weights.sum(), LEAST_KEPT_WEIGHT).tolist()

    def log_density_after(self, other_px: float, gone_px: float, after_px: float, sigma: float) -> float:
        """Return the log density of the logarithm of a child's area, of parents of these areas."""
        misfits = (np.log(after_px) - log_areas_kept(other_px, gone_px)) / sigma
        weights = np.array(self.kept) / sum(self.kept)
        return float(np.log((weights * np.exp(log_t(misfits, 1))).sum() / sigma))

    def log_odds_lasting(self, n_frames: int) -> float:
        """Return the log odds that tracks which have shared a detection for so many frames do so for good."""
        seen = np.log((1 + self.n_lasting) / (1 + self.n_passing))
        return float(seen - (n_frames - 1) * np.log(SHARED_AGAIN))

    def log_odds_apart(self) -> float:
        """Return how a frame that shows a pair apart speaks for that it has merged before, in nats.

        It speaks against it at least as two frames do for it that show the pair as one, and more the oftener
        pairs have shared a detection in passing.
        """
        weight = 2 + 2 * self.n_passing / (2 + self.n_passing + self.n_lasting)
        return float(weight * np.log(SHARED_AGAIN))

    def log_odds_joint(self, area_px: float, a_px: float, b_px: float) -> float:
        """Return how a detection of some area speaks for that a pair has merged before, in nats.

        If not, it is both of the pair, which look the same, or one of them and the other is missed.
        """
        sigma = self.area_log() * _SIGMAS_OF_RATIO
        both = self.log_density_after(a_px, b_px, area_px, sigma)
        one = log_t(np.log(area_px / np.array([a_px, b_px])) / sigma, 1) - np.log(sigma)
        missed = np.log(self.miss_fraction()) + float(np.logaddexp(*one)) - both
        return -float(np.logaddexp(np.log(SHARED_AGAIN), missed))

    def log_parting(self, n_frames: int) -> float:
        """Return the log probability that tracks which have shared so many frames part in the next one."""
        is_passing = -np.logaddexp(0.0, self.log_odds_lasting(n_frames))
        return float(is_passing + np.log(1 - SHARED_AGAIN))

    def log_odds_gone(self, n_frames: int) -> float:
        """Return the log odds that a track missing in so many frames is gone, and not only missed."""
        return float(np.log(GONE_FRACTION) - self.log_missed(n_frames))

    def log_missed(self, n_frames: int) -> float:
        """Return the log probability that a track is missed in so many frames in a row."""
        return (
            float(np.log(self.miss_fraction()) + (n_frames - 1) * np.log(MISSED_AGAIN)) if n_frames else 0.0
        )

    def motion_px(self, radius_px: float) -> float:
        """Return the standard deviation of a step beside its prediction along an axis, in pixels.

        ``radius_px`` is the usual radius, which tells what to expect at first.
        """
        return max(LEAST_MOTION_PX, _pooled(self.motion, PRIOR_MOTION_RADII * radius_px))

    def hop_fraction(self) -> float:
        """Return the share of the steps that may be hops: the fewer steps were seen, the more."""
        unknown = PRIOR_WEIGHT / (PRIOR_WEIGHT + sum(n for n, _ in self.motion))
        return max(HOP_FRACTION, unknown * UNKNOWN_HOP_FRACTION)

    def gap_scale_px(self, radius_px: float) -> float:
        """Return over which gap between particles a merge of them in the next frame becomes e times rarer.

        Neighbours attract each other, so it is more than what chance moves them. ``radius_px`` as above.
        """
        return float(np.hypot(2 * self.motion_px(radius_px), GAP_RADII * radius_px))

    def area_log(self) -> float:
        """Return the standard deviation of the logarithm of the ratio of areas in two frames."""
        return max(LEAST_AREA, _pooled(self.area, PRIOR_AREA))

    def miss_fraction(self) -> float:
        """Return the share of the particles that a frame misses."""
        expected = sum(n for n, *_ in self.counts)
        return (PRIOR_MISSED + sum(m for _, m, *_ in self.counts)) / (PRIOR_SEEN + expected)

    def births(self) -> tuple[float, float]:
        """Return the detections of a frame that no track explains, on average: particles, and specks."""
        born = np.array([frame[2:] for frame in self.counts]).reshape(-1, 2).sum(axis=0)
        particles, specks = (PRIOR_BORN + born) / (1 + len(self.counts))
        return float(particles), float(specks)

    def log_odds_no_speck(self) -> float:
        """Return the log odds that what is as small as a speck is none: by how much oftener these begin."""
        particles, specks = self.births()
        return -float(np.log1p(specks / particles))


def log_areas_kept(other_px: float, gone_px: float) -> NDArray[np.float64]:
    """Return the logarithms of the areas that a merged particle may have, from all to that of one sphere."""
    sphere = (other_px**1.5 + gone_px**1.5) ** (2 / 3)
    return np.linspace(np.log(other_px + gone_px), np.log(sphere), N_KEPT)


def _pooled(known: deque[tuple[int, float]], prior: float) -> float:
    """Return the root of the mean variance, what was known at first among them."""
    weights = np.array([PRIOR_WEIGHT, *(n for n, _ in known)])
    sigmas = np.array([prior, *(sigma for _, sigma in known)])
    return float(np.sqrt(np.average(sigmas**2, weights=weights)))


def log_t(scaled: NDArray[np.float64], n_dimensions: int) -> NDArray[np.float64]:
    """Return the logarithm of Student's t density in one or two dimensions, of unit scale."""
    nu = DEGREES_OF_FREEDOM
    norm = -np.log(2 * np.pi) if n_dimensions == 2 else np.log(3 / 8)  # of four degrees of freedom
    return np.asarray(norm - (nu + n_dimensions) / 2 * np.log1p(scaled**2 / nu))

"""How likely the association hypotheses of a frame are.

What is weighed: the distance from where tracks were predicted, areas, gaps between those that are to
be one, and with whom they shared a detection so far. What is usual is measured on the movie (`MovieNoise`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temtrack.imaging.labels import Regions
from temtrack.linking.noise import HOP_FRACTION, SIGMA_OF_MEDIAN_LENGTH, MovieNoise, log_t

#: A frame's own motion is told by steps of at most so many usual radii.
WIDE_STEP_RADII = 5.0

#: A hop leads anywhere within so many usual radii.
HOP_RADII = 8.0

#: The usual radius is that of the larger particles that make up this share of the area.
AREA_OF_PARTICLES = 0.9

#: Below this share of it, what is taken for a particle may be a speck that others were taken for.
SPECK_RADII = 0.4

#: Outlines move a centre about by this share of the radius.
OUTLINE_FRACTION = 0.05

#: Logarithms of areas of new detections spread over about so much, or over so many standard deviations of
#: those of the frame's particles: where all are alike, that a new one is like another says little.
AREA_RANGE_LOG, AREA_RANGE_SIGMAS = 3.0, 4.0

#: From so many particles on it is known how their areas spread.
MIN_AREAS = 10

#: Areas so near, in standard deviations, that nothing need have come or gone.
CLEAR_AREA_SIGMAS = 3.0

#: A track that is not yet surely a particle is missed in this share of the frames.
TENTATIVE_MISSED = 0.5

#: One that is expected outside the field is missed in this share, and is in no other's detection.
OUTSIDE_MISSED = 0.9

#: Of tracks that touch, one more in a detection is as likely as this.
SHARE_PROBABILITY = 0.1

#: No tracks share a detection over gaps of more than so many of the movie's scale, `MovieNoise.gap_scale_px`.
MAX_GAP_SCALES = 6.0

#: Another fragment of a track is as likely as this; a gap of so many of the whole's radii to the other ones
#: makes it e times less likely, and no fragment is more than `MAX_GAP_SCALES` of them away.
FRAGMENT_PROBABILITY = 0.1
FRAGMENT_GAP_RADII = 0.3

#: Spheres that merge keep their volume: of two alike the area falls to this share, and flat ones keep it all.
LEAST_AREA_KEPT = 0.79


@dataclass(frozen=True)
class Expected:
    """Tracks as they are expected in a frame, one row each, ids ascending.

    Parameters
    ----------
    ids
        (N,) int64.
    at
        (N, 2) centre (y, x) in pixels.
    area_px
        (N,) area when last seen alone.
    touches_border
        (N,) whether the border cuts it there, or cut it when last seen.
    is_outside
        (N,) whether it is expected out of sight; ``at`` is the point of the border that is nearest to it.
    gap_frames
        (N,) frames since it was last seen.
    is_established
        (N,) whether it is surely a particle, and no speck that was seen once or twice.
    company
        Of the ids that shared a detection when last seen: those with which each did, and the logarithm of how
        likely the two are to part now.
    """

    ids: NDArray[np.int64]
    at: NDArray[np.float64]
    area_px: NDArray[np.float64]
    touches_border: NDArray[np.bool_]
    is_outside: NDArray[np.bool_]
    gap_frames: NDArray[np.int64]
    is_established: NDArray[np.bool_]
    company: Mapping[int, Mapping[int, float]] = field(default_factory=dict)

    @cached_property
    def radius_px(self) -> NDArray[np.float64]:
        """Radius of the disc of equal area, (N,)."""
        return np.sqrt(self.area_px / np.pi)

    @cached_property
    def usual_radius_px(self) -> float:
        """The usual radius of what are surely particles, or of all where nothing is sure yet."""
        return usual_radius(self.radius_px[self._sure])

    @cached_property
    def is_large(self) -> NDArray[np.bool_]:
        """Tell which tell of the movie: what are surely particles, and no specks, (N,)."""
        return self._sure & ~self.are_specks(self.radius_px)

    def are_specks(self, radius_px: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which radii (N,) are so much below the usual one that they may be no particle's."""
        return radius_px < SPECK_RADII * self.usual_radius_px

    @property
    def _sure(self) -> NDArray[np.bool_]:
        return self.is_established if self.is_established.any() else np.ones(self.ids.size, bool)


class Likelihood:
    """Scores of hypotheses on rows of tracks and detections, in nats over missed and new."""

    def __init__(self, tracks: Expected, detections: Regions, noise: MovieNoise, field_px: float) -> None:
        self.tracks, self.detections = tracks, detections
        self.found_at = np.stack([detections.y_px, detections.x_px], axis=1)
        self.found_area = detections.area_px.astype(np.float64)
        self.found_radius = detections.radius_px
        usual = tracks.usual_radius_px if tracks.ids.size else usual_radius(self.found_radius)
        self.area_sigma = noise.area_log()
        self.hop_px = HOP_RADII * usual
        motion_here = self._motion_here(tracks.is_large, usual)
        self.motion = max(noise.motion_px(usual), motion_here)
        missed = np.where(tracks.is_established, min(noise.miss_fraction(), 0.5), TENTATIVE_MISSED)
        missed[tracks.is_outside] = OUTSIDE_MISSED
        self.log_odds_seen = np.log((1 - missed) / missed)
        is_known = len(self.found_area) >= MIN_AREAS
        spread = np.log(self.found_area).std() if is_known else AREA_RANGE_LOG
        area_range = min(AREA_RANGE_SIGMAS * max(float(spread), self.area_sigma), AREA_RANGE_LOG)
        particles, specks = noise.births()
        births = np.where(tracks.are_specks(self.found_radius), specks, particles)
        self.log_new = np.log(births / field_px / area_range)
        hops = HOP_FRACTION if motion_here else noise.hop_fraction()
        self.log_hop = np.log(hops / (np.pi * self.hop_px**2))
        self.gap_scale = noise.gap_scale_px(usual)
        self.log_leaving = np.zeros(tracks.ids.size)
        for i in tracks.company:
            self.log_leaving[np.searchsorted(tracks.ids, i)] = self._log_leaving({i})
        self.track_sigma = np.sqrt(
            self.motion**2 * (1.0 + tracks.gap_frames) + (OUTLINE_FRACTION * tracks.radius_px) ** 2
        )

    def _motion_here(self, large: NDArray[np.bool_], usual: float) -> float:
        """Return the standard deviation of motion that the frame itself shows, 0 where it shows none.

        It is told by the pairs that are each other's nearest in place and area, two widths apart at most.
        """
        if not (large.any() and self.found_area.size):
            return 0.0
        scale = self.hop_px / (CLEAR_AREA_SIGMAS * self.area_sigma)
        before = np.column_stack([self.tracks.at, scale * np.log(self.tracks.area_px)])[large]
        found = np.column_stack([self.found_at, scale * np.log(self.found_area)])
        _, nearest = cKDTree(found).query(before, distance_upper_bound=WIDE_STEP_RADII * usual)
        _, back = cKDTree(before).query(found)
        at = np.flatnonzero(nearest < len(found))
        at = at[back[nearest[at]] == at]
        if at.size == 0:
            return 0.0
        ways = np.linalg.norm(before[at, :2] - found[nearest[at], :2], axis=1)
        return float(SIGMA_OF_MEDIAN_LENGTH * np.median(ways))

    def _log_leaving(self, ids: set[int]) -> float:
        """Return the share of some tracks in the log probability that they part from their company."""
        company = self.tracks.company
        parting = (log for i in ids & company.keys() for other, log in company[i].items() if other not in ids)
        return min(parting, default=0.0) / 2

    def _log_leaving_of(self, members: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the same of track rows (N, k) that are together."""
        leaving = self.log_leaving[members].min(axis=1)
        for row in np.flatnonzero(leaving):
            leaving[row] = self._log_leaving(set(self.tracks.ids[members[row]].tolist()))
        return np.asarray(leaving)

    def distance_px(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far detection rows ``j`` are from where track rows ``i`` are predicted, (N,)."""
        y, x = (
            found[j] - expected[i] for found, expected in zip(self.found_at.T, self.tracks.at.T, strict=True)
        )
        return np.asarray(np.sqrt(y * y + x * x))

    def one_to_one(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of track row ``i`` in detection row ``j``, (N,)."""
        at_border = self.tracks.touches_border[i] | self.detections.touches_border[j]
        sigma = np.where(
            at_border, np.hypot(self.track_sigma[i], 0.5 * self.found_radius[j]), self.track_sigma[i]
        )
        log_area = np.log(self.found_area[j] / self.tracks.area_px[i])
        distance = self.distance_px(i, j)
        # what the border cuts may show less of itself, and what it did cut more
        cut, was_cut = self.detections.touches_border[j], self.tracks.touches_border[i]
        area = np.where(
            np.where(log_area < 0, cut, was_cut),
            np.log(1 / AREA_RANGE_LOG),
            log_t(log_area / self.area_sigma, 1) - np.log(self.area_sigma),
        )
        step = log_t(distance / sigma, 2) - 2 * np.log(sigma)
        place = np.where(distance <= self.hop_px, np.logaddexp(step, self.log_hop), step)
        return np.asarray(place + area + self.log_odds_seen[i] + self.log_leaving[i] - self.log_new[j])

    def several_in_one(self, members: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of track rows ``members`` (N, k) in detection row ``j`` (N,).

        Minus infinity over wide gaps.
        """
        at, radii, areas = (
            self.tracks.at[members],
            self.tracks.radius_px[members],
            self.tracks.area_px[members],
        )
        n_more, total = members.shape[1] - 1, areas.sum(axis=1)
        weights = areas / total[:, None]
        off = np.linalg.norm(self.found_at[j] - (weights[..., None] * at).sum(axis=1), axis=1)
        sigma = np.sqrt(
            (weights**2 * self.track_sigma[members] ** 2).sum(axis=1)
            + (3 * OUTLINE_FRACTION * self.found_radius[j]) ** 2
        )
        at_border = self.tracks.touches_border[members].any(axis=1) | self.detections.touches_border[j]
        place = log_t(off / sigma, 2) - 2 * np.log(sigma)
        # spheres that merge, or one that hides the others
        least = np.where(_is_deep(at, radii), areas.max(axis=1), LEAST_AREA_KEPT * total)
        area = self._log_of_area(np.log(self.found_area[j] / total), np.log(least / total), at_border)
        prior = n_more * np.log(SHARE_PROBABILITY) - _scales_apart(at, radii, self.gap_scale)
        prior += self._log_leaving_of(members)
        return np.asarray(place + area + prior + self.log_odds_seen[members].sum(axis=1) - self.log_new[j])

    def one_in_several(self, i: NDArray[np.int64], fragments: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of track row ``i`` (N,) in detection rows ``fragments`` (N, k)."""
        at, radii, areas = self.found_at[fragments], self.found_radius[fragments], self.found_area[fragments]
        n_more, total, radius = fragments.shape[1] - 1, areas.sum(axis=1), self.tracks.radius_px[i]
        off = np.linalg.norm(
            self.tracks.at[i] - (areas[..., None] / total[:, None, None] * at).sum(axis=1), axis=1
        )
        sigma = np.hypot(self.track_sigma[i], 3 * OUTLINE_FRACTION * radius)
        was_cut, is_cut = self.tracks.touches_border[i], self.detections.touches_border[fragments].any(axis=1)
        at_border = np.where(total < self.tracks.area_px[i], is_cut, was_cut)
        place = log_t(off / sigma, 2) - 2 * np.log(sigma) - n_more * np.log(4 * self.tracks.area_px[i])
        area = self._log_of_area(np.log(total / self.tracks.area_px[i]), np.zeros(len(i)), at_border)
        prior = n_more * np.log(FRAGMENT_PROBABILITY / AREA_RANGE_LOG) - _scales_apart(
            at, radii, np.maximum(FRAGMENT_GAP_RADII * radius, 1.0)
        )
        seen = self.log_odds_seen[i] + self.log_leaving[i]
        return np.asarray(place + area + prior + seen - self.log_new[fragments].sum(axis=1))

    def _log_of_area(
        self, log_ratio: NDArray[np.float64], log_least: NDArray[np.float64], at_border: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the log density of areas found over expected ones, of which so much at least is kept."""
        misfit = np.maximum(np.maximum(log_least - log_ratio, log_ratio), 0.0)
        width = self.area_sigma - log_least / 2.5
        inside = log_t(misfit / self.area_sigma, 1) - np.log(width)
        return np.where(at_border, np.log(1 / AREA_RANGE_LOG), inside)


def usual_radius(radii: NDArray[np.float64]) -> float:
    """Return the median radius (N,) of the larger ones that make up most of the area: specks count little."""
    if radii.size == 0:
        return 1.0
    descending = np.sort(radii)[::-1]
    covered = np.cumsum(descending**2)
    return float(np.median(descending[: int(np.searchsorted(covered, AREA_OF_PARTICLES * covered[-1])) + 1]))


def _is_deep(at: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell of groups of discs (N, k, 2), radii (N, k), whether one lies deep in another."""
    deep = _distances(at) < 0.7 * (radius[:, :, None] + radius[:, None])
    deep &= ~np.eye(radius.shape[1], dtype=bool)
    return np.asarray(deep.any(axis=(1, 2)))


def _distances(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distances (N, k, k) within groups of points (N, k, 2)."""
    return np.asarray(np.linalg.norm(at[:, :, None] - at[:, None], axis=3))


def _scales_apart(
    at: NDArray[np.float64], radius: NDArray[np.float64], scale: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the gaps along the shortest tree within groups of discs, in a scale, (N,).

    Infinity where one of them is wider than `MAX_GAP_SCALES`.

    Parameters
    ----------
    at, radius
        Centres (N, k, 2) and radii (N, k).
    scale
        One for all groups, or one of each.
    """
    gaps = _distances(at) - radius[:, :, None] - radius[:, None]
    row = np.arange(len(gaps))
    near, joined = gaps[:, 0].copy(), np.zeros(radius.shape, bool)
    joined[:, 0] = True
    total, widest = np.zeros(len(gaps)), np.zeros(len(gaps))
    for _ in range(radius.shape[1] - 1):
        near[joined] = np.inf
        nearest = near.argmin(axis=1)
        gap = np.maximum(near[row, nearest], 0.0) / scale
        total, widest = total + gap, np.maximum(widest, gap)
        joined[row, nearest] = True
        near = np.minimum(near, gaps[row, nearest])
    return np.where(widest > MAX_GAP_SCALES, np.inf, total)

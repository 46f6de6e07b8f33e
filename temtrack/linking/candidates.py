"""Pairs of a track and a detection that may belong together at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temtrack.imaging.labels import Overlaps
from temtrack.linking.config import LinkingConfig
from temtrack.linking.likelihood import MAX_GAP_SCALES, Likelihood

#: A pair within so many standard deviations of motion may be linked.
REACH_SIGMAS = 15.0

#: A detection may be linked to one of so many tracks nearest to it, and to those that overlap it.
N_NEAREST = 16


@dataclass(frozen=True)
class Candidates:
    """Pairs of rows, (N,) each: the score of one in one, and who may be a part of whom."""

    track: NDArray[np.int64]
    detection: NDArray[np.int64]
    score: NDArray[np.float64]
    may_be_member: NDArray[np.bool_]
    may_be_fragment: NDArray[np.bool_]

    def take(self, keep: NDArray[np.bool_]) -> Candidates:
        """Return some of the pairs."""
        return Candidates(*(column[keep] for column in vars(self).values()))


def find_candidates(likelihood: Likelihood, overlaps: Overlaps, config: LinkingConfig) -> Candidates:
    """Return the pairs near enough for any hypothesis, and those that overlap."""
    tracks, found = likelihood.tracks, likelihood.detections
    n = found.ids.size
    if n == 0 or tracks.ids.size == 0:
        nothing, no = np.zeros(0, np.int64), np.zeros(0, bool)
        return Candidates(nothing, nothing, np.zeros(0), no, no)
    widest_gap = MAX_GAP_SCALES * likelihood.gap_scale
    reach = np.maximum(
        2 * likelihood.found_radius + widest_gap, max(REACH_SIGMAS * likelihood.motion, likelihood.hop_px)
    )
    nearest = np.arange(1, min(N_NEAREST, tracks.ids.size) + 1)
    distance, row = cKDTree(tracks.at).query(likelihood.found_at, nearest, distance_upper_bound=reach.max())
    j, k = np.nonzero(distance <= reach[:, None])
    i = row[j, k].astype(np.int64)
    over_i, over_j = np.searchsorted(tracks.ids, overlaps.a), np.searchsorted(found.ids, overlaps.b)
    strong = np.maximum(overlaps.n_px / tracks.area_px[over_i], overlaps.n_px / likelihood.found_area[over_j])
    over_i, over_j, n_px = (
        part[strong >= config.min_overlap_fraction] for part in (over_i, over_j, overlaps.n_px)
    )
    key = np.sort(np.concatenate([i * n + j, over_i * n + over_j]))
    key = key[np.diff(key, prepend=-1) > 0]  # np.unique takes ten times as long
    shared = np.zeros(key.size)
    shared[np.searchsorted(key, over_i * n + over_j)] = n_px
    i, j = np.divmod(key, n)
    gap = likelihood.distance_px(i, j) - likelihood.found_radius[j] - 0.5 * tracks.radius_px[i]
    beside = gap <= widest_gap
    member = shared >= config.min_member_fraction * tracks.area_px[i]
    fragment = shared >= config.min_member_fraction * likelihood.found_area[j]
    return Candidates(
        i,
        j,
        likelihood.one_to_one(i, j),
        (member | (beside & (tracks.radius_px[i] <= 1.1 * likelihood.found_radius[j])))
        & ~tracks.is_outside[i],
        fragment | (beside & (likelihood.found_radius[j] <= 1.1 * tracks.radius_px[i])),
    )

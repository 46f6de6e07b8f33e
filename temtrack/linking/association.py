"""Association of one frame: which tracks go on in which detections.

An *association hypothesis* is one track in one detection, several tracks in one, or one track in several. Its
score is the logarithm of how much likelier it is than that the tracks were missed and the detections are new:
by the distance from where the tracks were predicted, by the areas, and by the gaps between those that are to
be one. What is likely is measured on the movie itself (`MovieNoise`). The best set of disjoint hypotheses is
a set packing: clear cases are taken at once, all others solved exactly, an integer program for HiGHS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.spatial import cKDTree

from temtrack.imaging.labels import Overlaps, Regions
from temtrack.linking.config import LinkingConfig
from temtrack.linking.noise import SIGMA_OF_MEDIAN_LENGTH, MovieNoise, log_t

#: A pair within so many standard deviations of motion may be linked.
REACH_SIGMAS = 15.0

#: A frame's own motion is told by steps of at most so many usual radii.
WIDE_STEP_RADII = 5.0

#: One step in so many is a hop of its own, anywhere within so many usual radii.
HOP_PROBABILITY = 1e-3
HOP_RADII = 8.0

#: Outlines move a centre about by this share of the radius.
OUTLINE_FRACTION = 0.05

#: Logarithms of areas of new detections spread over about so much, or over so many standard deviations of
#: those of the frame's particles: where all are alike, that a new one is like another says little.
AREA_RANGE_LOG, AREA_RANGE_SIGMAS = 3.0, 4.0

#: From so many particles on it is known how their areas spread.
MIN_AREAS = 10

#: A link is clear where it is so much better, in nats, than any other of its track or detection ...
CLEAR_MARGIN = 6.0

#: ... and its area so near, in standard deviations, that nothing need have come or gone.
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

#: Of a detection or track with more possible members than this, only the likeliest are combined freely.
MAX_FREE_MEMBERS = 6


@dataclass(frozen=True)
class Link:
    """Tracks that are found in detections: one in one, several in one, or one in several."""

    tracks: tuple[int, ...]
    detections: tuple[int, ...]


@dataclass(frozen=True)
class Association:
    """The links of a frame, the tracks without a detection and the detections without a track."""

    links: tuple[Link, ...]
    unmatched_tracks: tuple[int, ...]
    unmatched_detections: tuple[int, ...]


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
    """

    ids: NDArray[np.int64]
    at: NDArray[np.float64]
    area_px: NDArray[np.float64]
    touches_border: NDArray[np.bool_]
    is_outside: NDArray[np.bool_]
    gap_frames: NDArray[np.int64]
    is_established: NDArray[np.bool_]

    @classmethod
    def of_regions(cls, regions: Regions) -> Expected:
        """Return the regions as tracks that were seen just before."""
        at = np.stack([regions.y_px, regions.x_px], axis=1)
        none = np.zeros(regions.ids.size, np.int64)
        return cls(
            ids=regions.ids,
            at=at,
            area_px=regions.area_px.astype(np.float64),
            touches_border=regions.touches_border,
            is_outside=none > 0,
            gap_frames=none,
            is_established=none == 0,
        )

    @cached_property
    def radius_px(self) -> NDArray[np.float64]:
        """Radius of the disc of equal area, (N,)."""
        return np.sqrt(self.area_px / np.pi)


def associate(
    tracks: Expected,
    detections: Regions,
    overlaps: Overlaps,
    field_px: float,
    noise: MovieNoise | None = None,
    config: LinkingConfig | None = None,
    is_blank: bool = False,
) -> Association:
    """Link the tracks expected in a frame to its detections.

    Parameters
    ----------
    tracks
        Where they are predicted.
    detections
        Regions of the segmentation.
    overlaps
        Pixels shared, ``a`` being tracks as propagated and ``b`` detections.
    field_px
        Area of the field of view.
    noise
        What is known of the movie; nothing yet where ``None``.
    config
        Thresholds of overlap.
    is_blank
        The frame is bad: only one in one means anything.
    """
    config = config or LinkingConfig()
    likelihood = _Likelihood(tracks, detections, noise or MovieNoise(), field_px)
    edges = _find_edges(likelihood, overlaps, config)
    if is_blank:
        none = np.zeros(edges.score.size, bool)
        edges = replace(edges, may_be_member=none, may_be_fragment=none)
    clear = _find_clear(edges, likelihood)
    links = [
        Link((int(tracks.ids[i]),), (int(detections.ids[j]),))
        for i, j in zip(edges.track[clear].tolist(), edges.detection[clear].tolist(), strict=True)
    ]
    is_open = ~np.isin(edges.track, edges.track[clear]) & ~np.isin(edges.detection, edges.detection[clear])
    links += _solve_exactly(edges.take(is_open), likelihood)
    linked_tracks = {t for link in links for t in link.tracks}
    linked_detections = {s for link in links for s in link.detections}
    return Association(
        tuple(sorted(links, key=lambda link: min(link.tracks))),
        unmatched_tracks=tuple(t for t in tracks.ids.tolist() if t not in linked_tracks),
        unmatched_detections=tuple(s for s in detections.ids.tolist() if s not in linked_detections),
    )


def leave_out_unlike(
    association: Association, tracks: Expected, detections: Regions, max_factor: float
) -> Association:
    """Unlink tracks from detections that cover much more or less than was expected, or lie elsewhere.

    Parameters
    ----------
    association
        The links of a frame, each of one in one.
    tracks, detections
        What was linked.
    max_factor
        The areas of a link's two sides differ at most by this factor, and their centres by a radius.
    """
    kept, unmatched = [], list(association.unmatched_tracks)
    for link in association.links:
        i, j = (
            np.searchsorted(tracks.ids, link.tracks[0]),
            np.searchsorted(detections.ids, link.detections[0]),
        )
        expected, found = tracks.area_px[i], detections.area_px[j]
        off = np.hypot(detections.y_px[j] - tracks.at[i, 0], detections.x_px[j] - tracks.at[i, 1])
        if max(expected, found) <= max_factor * min(expected, found) and off <= tracks.radius_px[i]:
            kept.append(link)
        else:
            unmatched += link.tracks
    return replace(association, links=tuple(kept), unmatched_tracks=tuple(unmatched))


class _Likelihood:
    """Scores of hypotheses on rows of tracks and detections, in nats over missed and new."""

    def __init__(self, tracks: Expected, detections: Regions, noise: MovieNoise, field_px: float) -> None:
        self.tracks, self.detections = tracks, detections
        self.found_at = np.stack([detections.y_px, detections.x_px], axis=1)
        self.found_area = detections.area_px.astype(np.float64)
        self.found_radius = detections.radius_px
        sure = tracks.is_established if tracks.is_established.any() else np.ones(tracks.ids.size, bool)
        radii = tracks.radius_px[sure] if tracks.ids.size else self.found_radius
        usual = float(np.median(radii)) if radii.size else 1.0
        self.area_sigma = noise.area_log()
        self.hop_px = HOP_RADII * usual
        self.motion = max(noise.motion_px(usual), self._motion_here(sure, usual))
        missed = np.where(tracks.is_established, min(noise.miss_fraction(), 0.5), TENTATIVE_MISSED)
        missed[tracks.is_outside] = OUTSIDE_MISSED
        self.log_odds_seen = np.log((1 - missed) / missed)
        is_known = len(self.found_area) >= MIN_AREAS
        spread = np.log(self.found_area).std() if is_known else AREA_RANGE_LOG
        area_range = min(AREA_RANGE_SIGMAS * max(float(spread), self.area_sigma), AREA_RANGE_LOG)
        self.log_new = np.log(noise.births() / field_px / area_range)
        self.log_hop = np.log(HOP_PROBABILITY / (np.pi * self.hop_px**2))
        self.gap_scale = noise.gap_scale_px(usual)
        self.track_sigma = np.sqrt(
            self.motion**2 * (1.0 + tracks.gap_frames) + (OUTLINE_FRACTION * tracks.radius_px) ** 2
        )

    def _motion_here(self, sure: NDArray[np.bool_], usual: float) -> float:
        """Return the standard deviation of motion that the frame itself shows, 0 where it shows none.

        It is told by the pairs that are each other's nearest in place and area, two widths apart at most.
        """
        if not (sure.any() and self.found_area.size):
            return 0.0
        scale = self.hop_px / (CLEAR_AREA_SIGMAS * self.area_sigma)
        before = np.column_stack([self.tracks.at, scale * np.log(self.tracks.area_px)])[sure]
        found = np.column_stack([self.found_at, scale * np.log(self.found_area)])
        _, nearest = cKDTree(found).query(before, distance_upper_bound=WIDE_STEP_RADII * usual)
        _, back = cKDTree(before).query(found)
        at = np.flatnonzero(nearest < len(found))
        at = at[back[nearest[at]] == at]
        if at.size == 0:
            return 0.0
        ways = np.linalg.norm(before[at, :2] - found[nearest[at], :2], axis=1)
        return float(SIGMA_OF_MEDIAN_LENGTH * np.median(ways))

    def one_to_one(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of track row ``i`` in detection row ``j``, (N,)."""
        at_border = self.tracks.touches_border[i] | self.detections.touches_border[j]
        sigma = np.where(
            at_border, np.hypot(self.track_sigma[i], 0.5 * self.found_radius[j]), self.track_sigma[i]
        )
        log_area = np.log(self.found_area[j] / self.tracks.area_px[i])
        distance = np.linalg.norm(self.found_at[j] - self.tracks.at[i], axis=1)
        # what the border cuts may show less or more of itself at any time
        area = np.where(
            at_border,
            np.log(1 / AREA_RANGE_LOG),
            log_t(log_area / self.area_sigma, 1) - np.log(self.area_sigma),
        )
        step = log_t(distance / sigma, 2) - 2 * np.log(sigma)
        place = np.where(distance <= self.hop_px, np.logaddexp(step, self.log_hop), step)
        return np.asarray(place + area + self.log_odds_seen[i] - self.log_new)

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
        return np.asarray(place + area + prior + self.log_odds_seen[members].sum(axis=1) - self.log_new)

    def one_in_several(self, i: NDArray[np.int64], fragments: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the score of track row ``i`` (N,) in detection rows ``fragments`` (N, k)."""
        at, radii, areas = self.found_at[fragments], self.found_radius[fragments], self.found_area[fragments]
        n_more, total, radius = fragments.shape[1] - 1, areas.sum(axis=1), self.tracks.radius_px[i]
        off = np.linalg.norm(
            self.tracks.at[i] - (areas[..., None] / total[:, None, None] * at).sum(axis=1), axis=1
        )
        sigma = np.hypot(self.track_sigma[i], 3 * OUTLINE_FRACTION * radius)
        at_border = self.tracks.touches_border[i] | self.detections.touches_border[fragments].any(axis=1)
        place = log_t(off / sigma, 2) - 2 * np.log(sigma) - n_more * np.log(4 * self.tracks.area_px[i])
        area = self._log_of_area(np.log(total / self.tracks.area_px[i]), np.zeros(len(i)), at_border)
        prior = n_more * np.log(FRAGMENT_PROBABILITY / AREA_RANGE_LOG) - _scales_apart(
            at, radii, np.maximum(FRAGMENT_GAP_RADII * radius, 1.0)
        )
        return np.asarray(place + area + prior + self.log_odds_seen[i] - (n_more + 1) * self.log_new)

    def _log_of_area(
        self, log_ratio: NDArray[np.float64], log_least: NDArray[np.float64], at_border: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the log density of areas found over expected ones, of which so much at least is kept."""
        misfit = np.maximum(np.maximum(log_least - log_ratio, log_ratio), 0.0)
        width = self.area_sigma - log_least / 2.5
        inside = log_t(misfit / self.area_sigma, 1) - np.log(width)
        return np.where(at_border, np.log(1 / AREA_RANGE_LOG), inside)


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


@dataclass(frozen=True)
class _Edges:
    """Pairs of rows that may belong together: the score of one in one, and who may be a part of whom."""

    track: NDArray[np.int64]
    detection: NDArray[np.int64]
    score: NDArray[np.float64]
    may_be_member: NDArray[np.bool_]
    may_be_fragment: NDArray[np.bool_]

    def take(self, keep: NDArray[np.bool_]) -> _Edges:
        return _Edges(*(column[keep] for column in vars(self).values()))


def _find_edges(likelihood: _Likelihood, overlaps: Overlaps, config: LinkingConfig) -> _Edges:
    """Return the pairs near enough for any hypothesis, and those that overlap."""
    tracks, found = likelihood.tracks, likelihood.detections
    n = found.ids.size
    if n == 0 or tracks.ids.size == 0:
        nothing, no = np.zeros(0, np.int64), np.zeros(0, bool)
        return _Edges(nothing, nothing, np.zeros(0), no, no)
    widest_gap = MAX_GAP_SCALES * likelihood.gap_scale
    reach = np.maximum(
        2 * likelihood.found_radius + widest_gap, max(REACH_SIGMAS * likelihood.motion, likelihood.hop_px)
    )
    near = cKDTree(tracks.at).query_ball_point(likelihood.found_at, reach)
    i = np.concatenate([np.asarray(rows, np.int64) for rows in near])
    j = np.repeat(np.arange(n), [len(rows) for rows in near])
    over_i, over_j = np.searchsorted(tracks.ids, overlaps.a), np.searchsorted(found.ids, overlaps.b)
    strong = np.maximum(overlaps.n_px / tracks.area_px[over_i], overlaps.n_px / likelihood.found_area[over_j])
    over_i, over_j, n_px = (
        part[strong >= config.min_overlap_fraction] for part in (over_i, over_j, overlaps.n_px)
    )
    key = np.unique(np.concatenate([i * n + j, over_i * n + over_j]))
    by_key = dict(zip((over_i * n + over_j).tolist(), n_px.tolist(), strict=True))
    i, j = np.divmod(key, n)
    shared = np.array([by_key.get(k, 0) for k in key.tolist()], dtype=np.float64)
    gap = (
        np.linalg.norm(likelihood.found_at[j] - tracks.at[i], axis=1)
        - likelihood.found_radius[j]
        - 0.5 * tracks.radius_px[i]
    )
    beside = gap <= widest_gap
    member = shared >= config.min_member_fraction * tracks.area_px[i]
    fragment = shared >= config.min_member_fraction * likelihood.found_area[j]
    return _Edges(
        i,
        j,
        likelihood.one_to_one(i, j),
        (member | (beside & (tracks.radius_px[i] <= 1.1 * likelihood.found_radius[j])))
        & ~tracks.is_outside[i],
        fragment | (beside & (likelihood.found_radius[j] <= 1.1 * tracks.radius_px[i])),
    )


def _find_clear(edges: _Edges, likelihood: _Likelihood) -> NDArray[np.bool_]:
    """Tell which edges are links beyond doubt: no rival is near, no area came or went, all are linked."""
    i, j = edges.track, edges.detection
    if i.size == 0:
        return np.zeros(0, bool)
    clear = (edges.score > 0) & _leads(i, edges.score) & _leads(j, edges.score)
    log_area = np.abs(np.log(likelihood.found_area[j] / likelihood.tracks.area_px[i]))
    clear &= log_area <= CLEAR_AREA_SIGMAS * likelihood.area_sigma
    return clear & ~_is_asked(edges, clear, likelihood)


def _is_asked(edges: _Edges, clear: NDArray[np.bool_], likelihood: _Likelihood) -> NDArray[np.bool_]:
    """Tell which of the clear links another track or detection would better be a part of."""
    i, j = edges.track, edges.detection
    link_of_track, link_of_detection = (
        np.full(n, -1) for n in (likelihood.tracks.ids.size, likelihood.detections.ids.size)
    )
    link_of_track[i[clear]] = link_of_detection[j[clear]] = np.flatnonzero(clear)
    asked = np.zeros(i.size, bool)
    member = np.flatnonzero((link_of_track[i] < 0) & edges.may_be_member & (link_of_detection[j] >= 0))
    link = link_of_detection[j[member]]
    together = likelihood.several_in_one(np.stack([i[link], i[member]], axis=1), j[member])
    asked[link[together > edges.score[link]]] = True
    fragment = np.flatnonzero((link_of_detection[j] < 0) & edges.may_be_fragment & (link_of_track[i] >= 0))
    link = link_of_track[i[fragment]]
    together = likelihood.one_in_several(i[fragment], np.stack([j[link], j[fragment]], axis=1))
    asked[link[together > edges.score[link]]] = True
    return asked


def _leads(group: NDArray[np.int64], score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which scores lead all others of their group by the margin of a clear one."""
    order = np.lexsort((-score, group))
    sorted_group, sorted_score = group[order], score[order]
    first = np.append(True, sorted_group[1:] != sorted_group[:-1])
    second = np.append(np.where(sorted_group[1:] == sorted_group[:-1], sorted_score[1:], -np.inf), -np.inf)
    out = np.zeros(group.size, bool)
    out[order] = first & (sorted_score - np.maximum(second, 0) >= CLEAR_MARGIN)
    return out


def _solve_exactly(edges: _Edges, likelihood: _Likelihood) -> list[Link]:
    """Choose disjoint hypotheses of the greatest total score, by integer programming (HiGHS)."""
    hypotheses = _enumerate_hypotheses(edges, likelihood)
    if not hypotheses:
        return []
    chosen = milp(
        c=-np.array([score for _, _, score in hypotheses]),
        integrality=np.ones(len(hypotheses)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(_membership(hypotheses), ub=1),
    )
    return [
        Link(
            tuple(int(likelihood.tracks.ids[i]) for i in rows),
            tuple(int(likelihood.detections.ids[j]) for j in columns),
        )
        for (rows, columns, _), x in zip(hypotheses, chosen.x, strict=True)
        if x > 0.5
    ]


_Hypothesis = tuple[tuple[int, ...], tuple[int, ...], float]


def _enumerate_hypotheses(edges: _Edges, likelihood: _Likelihood) -> list[_Hypothesis]:
    """Return every hypothesis better than none and than its parts: rows of tracks, of detections, score."""
    i, j = edges.track.tolist(), edges.detection.tolist()
    alone = dict(zip(zip(i, j, strict=True), edges.score.tolist(), strict=True))
    hypotheses: list[_Hypothesis] = [((a,), (b,), score) for (a, b), score in alone.items() if score > 0]
    for rows, j_of in _subsets(edges.detection, edges.track, edges.score, edges.may_be_member):
        scores = likelihood.several_in_one(rows, j_of)
        best = np.flatnonzero(scores > 0)
        for some, b, score in zip(
            rows[best].tolist(), j_of[best].tolist(), scores[best].tolist(), strict=True
        ):
            if score > max(alone[a, b] for a in some):
                hypotheses.append((tuple(some), (b,), score))
    for columns, i_of in _subsets(edges.track, edges.detection, edges.score, edges.may_be_fragment):
        scores = likelihood.one_in_several(i_of, columns)
        best = np.flatnonzero(scores > 0)
        for some, a, score in zip(
            columns[best].tolist(), i_of[best].tolist(), scores[best].tolist(), strict=True
        ):
            if score > max(alone[a, b] for b in some):
                hypotheses.append(((a,), tuple(some), score))
    return hypotheses


def _subsets(
    wholes: NDArray[np.int64],
    parts: NDArray[np.int64],
    scores: NDArray[np.float64],
    may_be: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, by size k, the sets of two and more parts (N, k) that a whole (N,) may have.

    Of few parts these are all sets, of more the likeliest ones first.
    """
    by_whole: dict[int, list[int]] = {}
    order = np.flatnonzero(may_be)[np.argsort(-scores[may_be], kind="stable")]
    for whole, part in zip(wholes[order].tolist(), parts[order].tolist(), strict=True):
        by_whole.setdefault(whole, []).append(part)
    for k in range(2, max(map(len, by_whole.values()), default=0) + 1):
        sets = [
            (some, whole)
            for whole, members in by_whole.items()
            for some in (
                combinations(members[:MAX_FREE_MEMBERS], k) if k <= MAX_FREE_MEMBERS else [members[:k]]
            )
            if len(members) >= k
        ]
        yield np.array([some for some, _ in sets]), np.array([whole for _, whole in sets])


def _membership(hypotheses: list[_Hypothesis]) -> sparse.csr_array:
    """Return the matrix (nodes, hypotheses) that is 1 where the hypothesis holds the node."""
    row_of: dict[tuple[str, int], int] = {}
    rows, columns = [], []
    for n, (tracks, detections, _) in enumerate(hypotheses):
        for node in [*(("track", i) for i in tracks), *(("detection", j) for j in detections)]:
            rows.append(row_of.setdefault(node, len(row_of)))
            columns.append(n)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(row_of), len(hypotheses)))

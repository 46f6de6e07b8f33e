"""Association of one frame: which tracks go on in which segments.

Tracks, as predicted into the frame, and segments are the two sides of a bipartite graph with an edge
where they overlap. An answer is a set of disjoint *stars* (one track in one segment, several tracks in
one, one track in several), each worth what its union overlaps; the best set is a set packing, solved
exactly for all ambiguous components of the graph at once: an integer program, for HiGHS.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.spatial import cKDTree

from temtrack.imaging.labels import Overlaps, Regions
from temtrack.linking.config import LinkingConfig

#: A node left without partner costs as much as this intersection over union; so neighbours that all moved
#: by half a diameter are rather carried on one by one than fused in pairs.
COST_OF_LEAVING_OUT = 0.5

#: Each member of a star beyond the first costs so much: fusions and breaks are rarer than going on alone.
COST_OF_MEMBER = 0.5

#: Of a hub with more possible members than this, only the likeliest are combined freely.
MAX_FREE_MEMBERS = 6

#: Areas of a track and the segment it jumps to differ at most by this factor.
MAX_AREA_FACTOR = 2.0


@dataclass(frozen=True)
class Link:
    """Tracks that are found in segments: one in one, several in one, or one in several."""

    tracks: tuple[int, ...]
    segments: tuple[int, ...]


@dataclass(frozen=True)
class Association:
    """The links of a frame, the tracks without segment and the segments without track."""

    links: tuple[Link, ...]
    missing: tuple[int, ...]
    new: tuple[int, ...]


@dataclass(frozen=True)
class _Edges:
    """Overlaps strong enough to link, one row per pair of track and segment."""

    track: NDArray[np.int64]
    segment: NDArray[np.int64]
    n_px: NDArray[np.int64]
    share_of_track: NDArray[np.float64]
    share_of_segment: NDArray[np.float64]


def associate(
    tracks: Regions, segments: Regions, overlaps: Overlaps, config: LinkingConfig | None = None
) -> Association:
    """Link the predicted tracks of a frame to its segments.

    Parameters
    ----------
    tracks, segments
        Regions of the carried labels and of the segmentation.
    overlaps
        Pixels shared, ``a`` being tracks and ``b`` segments.
    config
        Thresholds of overlap and reach.
    """
    config = config or LinkingConfig()
    edges = _strong_edges(tracks, segments, overlaps, config)
    clear = _is_alone(edges.track) & _is_alone(edges.segment)
    links = [
        Link((t,), (s,))
        for t, s in zip(edges.track[clear].tolist(), edges.segment[clear].tolist(), strict=True)
    ]
    links += _solve_exactly(_take(edges, ~clear), tracks, segments, config)
    links += _nearest(tracks, segments, links, config)
    linked_tracks = {t for link in links for t in link.tracks}
    linked_segments = {s for link in links for s in link.segments}
    return Association(
        tuple(links),
        missing=tuple(t for t in tracks.ids.tolist() if t not in linked_tracks),
        new=tuple(s for s in segments.ids.tolist() if s not in linked_segments),
    )


def leave_out_unlike(
    association: Association, tracks: Regions, segments: Regions, max_factor: float
) -> Association:
    """Unlink tracks from segments that cover much more or less than was carried.

    Parameters
    ----------
    association
        The links of a frame.
    tracks, segments
        What was linked.
    max_factor
        The areas of a link's two sides differ at most by this factor.
    """
    kept, missing = [], list(association.missing)
    for link in association.links:
        carried = tracks.area_px[np.searchsorted(tracks.ids, link.tracks)].sum()
        found = segments.area_px[np.searchsorted(segments.ids, link.segments)].sum()
        if max(carried, found) <= max_factor * min(carried, found):
            kept.append(link)
        else:
            missing += link.tracks
    return replace(association, links=tuple(kept), missing=tuple(missing))


def _strong_edges(tracks: Regions, segments: Regions, overlaps: Overlaps, config: LinkingConfig) -> _Edges:
    area_of_track = tracks.area_px[np.searchsorted(tracks.ids, overlaps.a)]
    area_of_segment = segments.area_px[np.searchsorted(segments.ids, overlaps.b)]
    share_of_track = overlaps.n_px / area_of_track
    share_of_segment = overlaps.n_px / area_of_segment
    strong = np.maximum(share_of_track, share_of_segment) >= config.min_overlap_share
    return _take(_Edges(overlaps.a, overlaps.b, overlaps.n_px, share_of_track, share_of_segment), strong)


def _take(edges: _Edges, keep: NDArray[np.bool_]) -> _Edges:
    return _Edges(
        edges.track[keep],
        edges.segment[keep],
        edges.n_px[keep],
        edges.share_of_track[keep],
        edges.share_of_segment[keep],
    )


def _is_alone(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each entry whether its id occurs only once."""
    _, inverse, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] == 1)


def _solve_exactly(edges: _Edges, tracks: Regions, segments: Regions, config: LinkingConfig) -> list[Link]:
    """Choose disjoint stars of the greatest total worth, by integer programming (HiGHS)."""
    if edges.track.size == 0:
        return []
    area_of_track = dict(zip(tracks.ids.tolist(), tracks.area_px.tolist(), strict=True))
    area_of_segment = dict(zip(segments.ids.tolist(), segments.area_px.tolist(), strict=True))
    stars, shared = _candidate_stars(edges, config)
    worth = np.empty(len(stars))
    for i, star in enumerate(stars):
        area = sum(area_of_track[t] for t in star.tracks) + sum(area_of_segment[s] for s in star.segments)
        iou = shared[i] / (area - shared[i])
        n_nodes = len(star.tracks) + len(star.segments)
        worth[i] = n_nodes * (iou + COST_OF_LEAVING_OUT) - (n_nodes - 2) * COST_OF_MEMBER
    chosen = milp(
        c=-worth,
        integrality=np.ones(len(stars)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(_membership(stars), ub=1),
    )
    return [star for star, x in zip(stars, chosen.x, strict=True) if x > 0.5]


def _candidate_stars(edges: _Edges, config: LinkingConfig) -> tuple[list[Link], list[int]]:
    """Return every star that could be chosen and the pixels that its two sides share."""
    rows = list(zip(edges.track.tolist(), edges.segment.tolist(), edges.n_px.tolist(), strict=True))
    stars = [Link((t,), (s,)) for t, s, _ in rows]
    shared = [n for _, _, n in rows]
    by_segment: dict[int, list[tuple[float, int, int]]] = {}
    by_track: dict[int, list[tuple[float, int, int]]] = {}
    for i, (t, s, n) in enumerate(rows):
        if edges.share_of_track[i] >= config.min_member_share:
            by_segment.setdefault(s, []).append((edges.share_of_track[i], t, n))
        if edges.share_of_segment[i] >= config.min_member_share:
            by_track.setdefault(t, []).append((edges.share_of_segment[i], s, n))
    for s, members in by_segment.items():
        for chosen in _subsets(members):
            stars.append(Link(tuple(t for _, t, _ in chosen), (s,)))
            shared.append(sum(n for _, _, n in chosen))
    for t, members in by_track.items():
        for chosen in _subsets(members):
            stars.append(Link((t,), tuple(s for _, s, _ in chosen)))
            shared.append(sum(n for _, _, n in chosen))
    return stars, shared


def _subsets(members: list[tuple[float, int, int]]) -> list[tuple[tuple[float, int, int], ...]]:
    """Return the sets of two and more members: all of them for few members, else the likeliest first."""
    members = sorted(members, reverse=True)
    free = members[:MAX_FREE_MEMBERS]
    found = [c for k in range(2, len(free) + 1) for c in combinations(free, k)]
    return found + [tuple(members[:k]) for k in range(len(free) + 1, len(members) + 1)]


def _membership(stars: list[Link]) -> sparse.csr_array:
    """Return the matrix (nodes, stars) that is 1 where the star holds the node."""
    row_of: dict[tuple[str, int], int] = {}
    rows, columns = [], []
    for i, star in enumerate(stars):
        nodes = [("track", t) for t in star.tracks] + [("segment", s) for s in star.segments]
        for node in nodes:
            rows.append(row_of.setdefault(node, len(row_of)))
            columns.append(i)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(row_of), len(stars)))


def _nearest(tracks: Regions, segments: Regions, links: list[Link], config: LinkingConfig) -> list[Link]:
    """Link what is left where track and segment are each other's nearest, in reach and alike in area."""
    free_t = np.flatnonzero(~np.isin(tracks.ids, [t for link in links for t in link.tracks]))
    free_s = np.flatnonzero(~np.isin(segments.ids, [s for link in links for s in link.segments]))
    if free_t.size == 0 or free_s.size == 0:
        return []
    at_t = np.stack([tracks.y_px, tracks.x_px], axis=1)[free_t]
    at_s = np.stack([segments.y_px, segments.x_px], axis=1)[free_s]
    distance, nearest_s = cKDTree(at_s).query(at_t)
    _, nearest_t = cKDTree(at_t).query(at_s)
    mutual = nearest_t[nearest_s] == np.arange(free_t.size)
    chosen_s = free_s[nearest_s]
    in_reach = distance <= config.reach_radii * (tracks.radius_px[free_t] + segments.radius_px[chosen_s])
    factor = segments.area_px[chosen_s] / tracks.area_px[free_t]
    alike = np.maximum(factor, 1 / factor) <= MAX_AREA_FACTOR
    # What the border cuts may show less or more of itself at any time.
    alike |= tracks.touches_border[free_t] | segments.touches_border[chosen_s]
    good = np.flatnonzero(mutual & in_reach & alike)
    return [Link((int(tracks.ids[free_t[i]]),), (int(segments.ids[chosen_s[i]]),)) for i in good]

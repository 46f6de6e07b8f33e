"""Association of one frame: which tracks go on in which detections.

Tracks, as predicted into the frame, and detections are the two sides of a bipartite graph with an edge
where they overlap. An *association hypothesis* is one track in one detection, several tracks in one, or
one track in several; its score is what the two sides overlap. The best set of disjoint hypotheses is a set
packing, solved exactly for all ambiguous components of the graph at once: an integer program, for HiGHS.
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

#: A track or detection left unmatched costs as much as this intersection over union; so neighbours that all
#: moved by half a diameter are rather linked one by one than in pairs to one under-segmented detection.
COST_OF_LEAVING_OUT = 0.5

#: Each member of a hypothesis beyond the first costs so much: under-segmentation and fragments are rare.
COST_OF_MEMBER = 0.5

#: Of a detection or track with more possible members than this, only the likeliest are combined freely.
MAX_FREE_MEMBERS = 6

#: Areas of a track and the detection it jumps to differ at most by this factor.
MAX_AREA_FACTOR = 2.0


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
class _Edges:
    """Overlaps strong enough to link, one row per pair of track and detection."""

    track: NDArray[np.int64]
    detection: NDArray[np.int64]
    n_px: NDArray[np.int64]
    fraction_of_track: NDArray[np.float64]
    fraction_of_detection: NDArray[np.float64]


def associate(
    tracks: Regions, detections: Regions, overlaps: Overlaps, config: LinkingConfig | None = None
) -> Association:
    """Link the predicted tracks of a frame to its detections.

    Parameters
    ----------
    tracks, detections
        Regions of the propagated labels and of the segmentation.
    overlaps
        Pixels shared, ``a`` being tracks and ``b`` detections.
    config
        Thresholds of overlap and reach.
    """
    config = config or LinkingConfig()
    edges = _strong_edges(tracks, detections, overlaps, config)
    clear = _is_alone(edges.track) & _is_alone(edges.detection)
    links = [
        Link((t,), (s,))
        for t, s in zip(edges.track[clear].tolist(), edges.detection[clear].tolist(), strict=True)
    ]
    links += _solve_exactly(_take(edges, ~clear), tracks, detections, config)
    links += _nearest(tracks, detections, links, config)
    linked_tracks = {t for link in links for t in link.tracks}
    linked_detections = {s for link in links for s in link.detections}
    return Association(
        tuple(links),
        unmatched_tracks=tuple(t for t in tracks.ids.tolist() if t not in linked_tracks),
        unmatched_detections=tuple(s for s in detections.ids.tolist() if s not in linked_detections),
    )


def leave_out_unlike(
    association: Association, tracks: Regions, detections: Regions, max_factor: float
) -> Association:
    """Unlink tracks from detections that cover much more or less than was propagated.

    Parameters
    ----------
    association
        The links of a frame.
    tracks, detections
        What was linked.
    max_factor
        The areas of a link's two sides differ at most by this factor.
    """
    kept, unmatched = [], list(association.unmatched_tracks)
    for link in association.links:
        propagated = tracks.area_px[np.searchsorted(tracks.ids, link.tracks)].sum()
        found = detections.area_px[np.searchsorted(detections.ids, link.detections)].sum()
        if max(propagated, found) <= max_factor * min(propagated, found):
            kept.append(link)
        else:
            unmatched += link.tracks
    return replace(association, links=tuple(kept), unmatched_tracks=tuple(unmatched))


def _strong_edges(tracks: Regions, detections: Regions, overlaps: Overlaps, config: LinkingConfig) -> _Edges:
    area_of_track = tracks.area_px[np.searchsorted(tracks.ids, overlaps.a)]
    area_of_detection = detections.area_px[np.searchsorted(detections.ids, overlaps.b)]
    fraction_of_track = overlaps.n_px / area_of_track
    fraction_of_detection = overlaps.n_px / area_of_detection
    strong = np.maximum(fraction_of_track, fraction_of_detection) >= config.min_overlap_fraction
    return _take(
        _Edges(overlaps.a, overlaps.b, overlaps.n_px, fraction_of_track, fraction_of_detection), strong
    )


def _take(edges: _Edges, keep: NDArray[np.bool_]) -> _Edges:
    return _Edges(
        edges.track[keep],
        edges.detection[keep],
        edges.n_px[keep],
        edges.fraction_of_track[keep],
        edges.fraction_of_detection[keep],
    )


def _is_alone(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell for each entry whether its id occurs only once."""
    _, inverse, counts = np.unique(ids, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] == 1)


def _solve_exactly(edges: _Edges, tracks: Regions, detections: Regions, config: LinkingConfig) -> list[Link]:
    """Choose disjoint hypotheses of the greatest total score, by integer programming (HiGHS)."""
    if edges.track.size == 0:
        return []
    area_of_track = dict(zip(tracks.ids.tolist(), tracks.area_px.tolist(), strict=True))
    area_of_detection = dict(zip(detections.ids.tolist(), detections.area_px.tolist(), strict=True))
    hypotheses, shared = _enumerate_hypotheses(edges, config)
    score = np.empty(len(hypotheses))
    for i, hypothesis in enumerate(hypotheses):
        area = sum(area_of_track[t] for t in hypothesis.tracks) + sum(
            area_of_detection[s] for s in hypothesis.detections
        )
        iou = shared[i] / (area - shared[i])
        n_nodes = len(hypothesis.tracks) + len(hypothesis.detections)
        score[i] = n_nodes * (iou + COST_OF_LEAVING_OUT) - (n_nodes - 2) * COST_OF_MEMBER
    chosen = milp(
        c=-score,
        integrality=np.ones(len(hypotheses)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(_membership(hypotheses), ub=1),
    )
    return [hypothesis for hypothesis, x in zip(hypotheses, chosen.x, strict=True) if x > 0.5]


def _enumerate_hypotheses(edges: _Edges, config: LinkingConfig) -> tuple[list[Link], list[int]]:
    """Return every hypothesis that could be chosen and the pixels that its two sides share."""
    rows = list(zip(edges.track.tolist(), edges.detection.tolist(), edges.n_px.tolist(), strict=True))
    hypotheses = [Link((t,), (s,)) for t, s, _ in rows]
    shared = [n for _, _, n in rows]
    by_detection: dict[int, list[tuple[float, int, int]]] = {}
    by_track: dict[int, list[tuple[float, int, int]]] = {}
    for i, (t, s, n) in enumerate(rows):
        if edges.fraction_of_track[i] >= config.min_member_fraction:
            by_detection.setdefault(s, []).append((edges.fraction_of_track[i], t, n))
        if edges.fraction_of_detection[i] >= config.min_member_fraction:
            by_track.setdefault(t, []).append((edges.fraction_of_detection[i], s, n))
    for s, members in by_detection.items():
        for chosen in _subsets(members):
            hypotheses.append(Link(tuple(t for _, t, _ in chosen), (s,)))
            shared.append(sum(n for _, _, n in chosen))
    for t, members in by_track.items():
        for chosen in _subsets(members):
            hypotheses.append(Link((t,), tuple(s for _, s, _ in chosen)))
            shared.append(sum(n for _, _, n in chosen))
    return hypotheses, shared


def _subsets(members: list[tuple[float, int, int]]) -> list[tuple[tuple[float, int, int], ...]]:
    """Return the sets of two and more members: all of them for few members, else the likeliest first."""
    members = sorted(members, reverse=True)
    free = members[:MAX_FREE_MEMBERS]
    found = [c for k in range(2, len(free) + 1) for c in combinations(free, k)]
    return found + [tuple(members[:k]) for k in range(len(free) + 1, len(members) + 1)]


def _membership(hypotheses: list[Link]) -> sparse.csr_array:
    """Return the matrix (nodes, hypotheses) that is 1 where the hypothesis holds the node."""
    row_of: dict[tuple[str, int], int] = {}
    rows, columns = [], []
    for i, hypothesis in enumerate(hypotheses):
        nodes = [("track", t) for t in hypothesis.tracks] + [("detection", s) for s in hypothesis.detections]
        for node in nodes:
            rows.append(row_of.setdefault(node, len(row_of)))
            columns.append(i)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(row_of), len(hypotheses)))


def _nearest(tracks: Regions, detections: Regions, links: list[Link], config: LinkingConfig) -> list[Link]:
    """Link what is left where track and detection are each other's nearest, in reach and alike in area."""
    free_t = np.flatnonzero(~np.isin(tracks.ids, [t for link in links for t in link.tracks]))
    free_s = np.flatnonzero(~np.isin(detections.ids, [s for link in links for s in link.detections]))
    if free_t.size == 0 or free_s.size == 0:
        return []
    at_t = np.stack([tracks.y_px, tracks.x_px], axis=1)[free_t]
    at_s = np.stack([detections.y_px, detections.x_px], axis=1)[free_s]
    distance, nearest_s = cKDTree(at_s).query(at_t)
    _, nearest_t = cKDTree(at_t).query(at_s)
    mutual = nearest_t[nearest_s] == np.arange(free_t.size)
    chosen_s = free_s[nearest_s]
    in_reach = distance <= config.reach_radii * (tracks.radius_px[free_t] + detections.radius_px[chosen_s])
    factor = detections.area_px[chosen_s] / tracks.area_px[free_t]
    alike = np.maximum(factor, 1 / factor) <= MAX_AREA_FACTOR
    # What the border cuts may show less or more of itself at any time.
    alike |= tracks.touches_border[free_t] | detections.touches_border[chosen_s]
    good = np.flatnonzero(mutual & in_reach & alike)
    return [Link((int(tracks.ids[free_t[i]]),), (int(detections.ids[chosen_s[i]]),)) for i in good]

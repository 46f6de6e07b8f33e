"""Association of one frame: which tracks go on in which detections.

An *association hypothesis* is one track in one detection, several tracks in one, or one track in several. The
best set of disjoint hypotheses is a set packing: clear cases are taken at once, all others solved exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import Overlaps, Regions
from temtrack.linking.candidates import Candidates, find_candidates
from temtrack.linking.config import LinkingConfig
from temtrack.linking.likelihood import CLEAR_AREA_SIGMAS, Expected, Likelihood
from temtrack.linking.noise import MovieNoise
from temtrack.linking.packing import pack

#: A link is clear where it is so much better, in nats, than any other of its track or detection,
#: and its area within `CLEAR_AREA_SIGMAS`.
CLEAR_MARGIN = 6.0


class Link(NamedTuple):
    """Tracks that are found in detections: one in one, several in one, or one in several."""

    tracks: tuple[int, ...]
    detections: tuple[int, ...]


@dataclass(frozen=True)
class Association:
    """The links of a frame, the tracks without a detection and the detections without a track."""

    links: tuple[Link, ...]
    unmatched_tracks: tuple[int, ...]
    unmatched_detections: tuple[int, ...]


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
    likelihood = Likelihood(tracks, detections, noise or MovieNoise(), field_px)
    candidates = find_candidates(likelihood, overlaps, config)
    if is_blank:
        none = np.zeros(candidates.score.size, bool)
        candidates = replace(candidates, may_be_member=none, may_be_fragment=none)
    clear = _find_clear(candidates, likelihood)
    linked, found = tracks.ids[candidates.track[clear]], detections.ids[candidates.detection[clear]]
    pairs = zip(zip(linked.tolist(), strict=True), zip(found.tolist(), strict=True), strict=True)
    links = list(
        map(partial(tuple.__new__, Link), pairs)
    )  # as Link(...), but without a call of Python for each
    is_open = ~np.isin(candidates.track, candidates.track[clear]) & ~np.isin(
        candidates.detection, candidates.detection[clear]
    )
    links += [
        Link(tuple(tracks.ids[list(i)].tolist()), tuple(detections.ids[list(j)].tolist()))
        for i, j, _ in pack(candidates.take(is_open), likelihood)
    ]
    return Association(
        tuple(sorted(links, key=_lowest_track)),
        unmatched_tracks=_others(tracks.ids, [link.tracks for link in links]),
        unmatched_detections=_others(detections.ids, [link.detections for link in links]),
    )


def _lowest_track(link: Link) -> int:
    return link.tracks[0] if len(link.tracks) == 1 else min(link.tracks)


def _others(ids: NDArray[np.int64], groups: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the ids that are in none of the groups."""
    return tuple(ids[~np.isin(ids, list(chain.from_iterable(groups)))].tolist())


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


def _find_clear(candidates: Candidates, likelihood: Likelihood) -> NDArray[np.bool_]:
    """Tell which are links beyond doubt: no rival is near, no area came or went, all are linked."""
    i, j = candidates.track, candidates.detection
    if i.size == 0:
        return np.zeros(0, bool)
    clear = np.zeros(i.size, bool)
    likely = np.flatnonzero(candidates.score > 0)
    score = candidates.score[likely]
    clear[likely] = _leads(i[likely], score) & _leads(j[likely], score)
    log_area = np.abs(np.log(likelihood.found_area[j] / likelihood.tracks.area_px[i]))
    clear &= log_area <= CLEAR_AREA_SIGMAS * likelihood.area_sigma
    return clear & ~_is_asked(candidates, clear, likelihood)


def _is_asked(candidates: Candidates, clear: NDArray[np.bool_], likelihood: Likelihood) -> NDArray[np.bool_]:
    """Tell which of the clear links another track or detection would better be a part of."""
    i, j = candidates.track, candidates.detection
    link_of_track, link_of_detection = (
        np.full(n, -1) for n in (likelihood.tracks.ids.size, likelihood.detections.ids.size)
    )
    link_of_track[i[clear]] = link_of_detection[j[clear]] = np.flatnonzero(clear)
    asked = np.zeros(i.size, bool)
    member = np.flatnonzero((link_of_track[i] < 0) & candidates.may_be_member & (link_of_detection[j] >= 0))
    link = link_of_detection[j[member]]
    together = likelihood.several_in_one(np.stack([i[link], i[member]], axis=1), j[member])
    asked[link[together > candidates.score[link]]] = True
    fragment = np.flatnonzero(
        (link_of_detection[j] < 0) & candidates.may_be_fragment & (link_of_track[i] >= 0)
    )
    link = link_of_track[i[fragment]]
    together = likelihood.one_in_several(i[fragment], np.stack([j[link], j[fragment]], axis=1))
    asked[link[together > candidates.score[link]]] = True
    return asked


def _leads(group: NDArray[np.int64], score: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which scores lead all others of their group, and 0, by the margin of a clear one."""
    best, second = np.zeros((2, int(group.max(initial=-1)) + 1))
    np.maximum.at(best, group, score)
    is_best = score == best[group]
    np.maximum.at(second, group[~is_best], score[~is_best])
    is_sole = np.bincount(group[is_best], minlength=best.size)[group] == 1
    return np.asarray(is_best & is_sole & (score - second[group] >= CLEAR_MARGIN))

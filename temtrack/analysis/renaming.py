"""Merges that the ids of masks tell of: some end, and where they were one begins in the next frame.

So `temtrack track` names a child and its parents, and so do programs that know merges. Others keep a parent's
id on for the child; their merges are told by the areas alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, Regions
from temtrack.lineage import Merge
from temtrack.linking.config import LinkingConfig
from temtrack.linking.contacts import ContactRuns

#: Parents and child are at most so many usual radii further apart than their outlines allow.
REACH_RADII = 2.0

#: The child's area over that of its parents lies between these; where the border cuts one it may be any.
LEAST_AREA_RATIO, MOST_AREA_RATIO = 0.5, 2.0

#: A parent's area is the median of so many last frames: one odd outline then changes nothing.
N_AREA_FRAMES = 3

#: Of the ended, at most so many are tried with one child.
MAX_PARENTS = 6


@dataclass(frozen=True)
class _Candidate:
    """A child, parents that may be its own, and how badly they fit."""

    misfit: float
    child: int
    parents: tuple[int, ...]


class RenamedMerges:
    """Collects the merges that ids tell of while the masks go by, frame after frame."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._shown: list[Regions] = []
        self._contacts = ContactRuns()
        self._found: list[Merge] = []
        self._frame = 0

    def add(self, image: LabelImage, guests: frozenset[int] = frozenset()) -> None:
        """Take the ids of the next frame; of ``guests`` no contact is seen."""
        if self._shown:
            self._find(self._shown[-1], image.regions)
        self._shown.append(image.regions)
        self._ends |= dict.fromkeys(image.ids.tolist(), self._frame)
        gaps = image.gaps(LinkingConfig().contact_gap_px).tolist()
        near = {(a, b) for a, b, _ in gaps}
        touching = {(a, b) for a, b, gap in gaps if gap == 0 and not {a, b} & guests}
        self._contacts.go_on(self._frame, touching, near)
        self._frame += 1

    def merges(self) -> tuple[Merge, ...]:
        """Return the merges whose parents did not come back later."""
        return tuple(m for m in self._found if all(self._ends[parent] < m.frame for parent in m.parents))

    def _find(self, before: Regions, now: Regions) -> None:
        born = [j for j, i in enumerate(now.ids.tolist()) if i not in self._ends]
        ended = np.flatnonzero(~np.isin(before.ids, now.ids))
        if not born or ended.size < 2:
            return
        step = _common_step(before, now)
        reach = REACH_RADII * float(np.median(before.radius_px))
        areas = before.area_px.copy()
        areas[ended] = [self._usual_area(i) for i in before.ids[ended].tolist()]
        before = replace(before, area_px=areas, y_px=before.y_px + step[0], x_px=before.x_px + step[1])
        candidates = [one for j in born for one in _candidates(before, ended, now, j, reach)]
        used = set[int]()
        for one in sorted(candidates, key=lambda one: one.misfit):
            members = {one.child, *one.parents}
            if members & used:
                continue
            used |= members
            j = int(np.searchsorted(now.ids, one.child))
            contact = self._contacts.contact_frame(frozenset(one.parents))
            y, x = float(now.y_px[j]), float(now.x_px[j])
            self._found.append(Merge(self._frame, one.child, one.parents, contact, y, x))

    def _usual_area(self, one: int) -> int:
        """Return the median area in px of an id over the last frames that show it."""
        rows = ((regions, np.flatnonzero(regions.ids == one)) for regions in reversed(self._shown))
        areas = islice((area for regions, row in rows for area in regions.area_px[row]), N_AREA_FRAMES)
        return int(np.median(list(areas)))


def _common_step(before: Regions, now: Regions) -> NDArray[np.float64]:
    """Return the median step (y, x) of the ids in both frames, none where there are none."""
    _, i, j = np.intersect1d(before.ids, now.ids, assume_unique=True, return_indices=True)
    if not i.size:
        return np.zeros(2)
    steps = np.stack([now.y_px[j] - before.y_px[i], now.x_px[j] - before.x_px[i]], axis=1)
    return np.asarray(np.median(steps, axis=0))


def _candidates(
    before: Regions, ended: NDArray[np.intp], now: Regions, j: int, reach: float
) -> list[_Candidate]:
    """Return the sets of ended regions that may have become region row ``j``, parents largest first."""
    at = np.stack([before.y_px, before.x_px], axis=1)
    here = np.array([now.y_px[j], now.x_px[j]])
    away = np.hypot(*(at[ended] - here).T)
    near = ended[away <= before.radius_px[ended] + now.radius_px[j] + reach]
    near = near[np.argsort(np.hypot(*(at[near] - here).T))][:MAX_PARENTS]
    found = []
    for size in range(2, near.size + 1):
        for some in combinations(near.tolist(), size):
            rows = sorted(some, key=lambda i: (-before.area_px[i], before.ids[i]))
            areas = before.area_px[rows]
            ratio = float(now.area_px[j] / areas.sum())
            is_cut = bool(now.touches_border[j] or before.touches_border[rows].any())
            if not (is_cut or LEAST_AREA_RATIO <= ratio <= MOST_AREA_RATIO):
                continue
            off = float(np.hypot(*(areas @ at[rows] / areas.sum() - here)))
            misfit = abs(float(np.log(ratio))) + off / float(now.radius_px[j])
            found.append(_Candidate(misfit, int(now.ids[j]), tuple(before.ids[rows].tolist())))
    return found

"""Ids as colours: a few colours for any number of particles, none shared by two that could be confused.

A network that tells ten objects apart serves a whole field where each of its ten ids stands for many
particles far from one another. Particles whose neighbourhoods meet are joined in a graph, and its greedy
colouring gives each new particle the colour whose nearest bearer is farthest. Colours from ``n_colours + 1``
on are those of a second pass of the network, from ``2 * n_colours + 1`` on of a third: they serve the few
that are crowded by more neighbours than there are colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, Regions, measure_gaps

#: Colours of one pass: the object ids that the network has.
N_COLOURS = 10

#: Gaps between particles are measured on a grid of a reach over this,
GRID_PER_REACH = 4

#: or finer, so that no more than this share of the particles could slip through it.
SLIPPING_FRACTION = 0.05


def find_conflicts(image: LabelImage, reach_px: float) -> NDArray[np.int64]:
    """Return the pairs of ids (N, 2), the lower first, less than about ``reach_px`` apart.

    The gap is the longer side of the box between two masks, right to a quarter of the reach.
    """
    radius = image.regions.radius_px
    finest = float(np.quantile(radius, SLIPPING_FRACTION)) if radius.size else 1.0
    spacing = max(1, int(min(reach_px / GRID_PER_REACH, finest)))
    gap = max(0, round(reach_px / spacing) - 1)
    return measure_gaps(image.labels[::spacing, ::spacing], gap)[:, :2]


def colour_particles(
    regions: Regions, conflicts: NDArray[np.int64], before: Mapping[int, int], n_colours: int = N_COLOURS
) -> dict[int, int]:
    """Give each particle a colour from 1 on, the one that it had before wherever that is possible.

    Of two in conflict that bear one colour, the smaller gets another. Those of a further pass come back to
    the first as soon as there is room.

    Parameters
    ----------
    regions
        The particles, ids ascending.
    conflicts
        (N, 2) pairs of ids that must differ.
    before
        Colour of each id known before.
    n_colours
        Colours of a pass.

    Returns
    -------
    The colour of each id of ``regions``.
    """
    graph = _Graph(regions, conflicts, before)
    waiting = (graph.colour == 0) | (graph.colour > n_colours)
    waiting[graph.losers()] = True
    graph.colour[waiting] = 0
    rows = np.flatnonzero(waiting)
    for row in rows[np.lexsort((-regions.area_px[rows], -graph.degree[rows]))].tolist():
        graph.colour[row] = _choose(graph, row, n_colours)
    return dict(zip(regions.ids.tolist(), graph.colour.tolist(), strict=True))


class _Graph:
    """Particles as rows, who is in conflict with whom, and the colours given so far (0 none)."""

    def __init__(self, regions: Regions, conflicts: NDArray[np.int64], before: Mapping[int, int]) -> None:
        self.regions = regions
        self.pairs = np.searchsorted(regions.ids, conflicts)
        n = regions.ids.size
        self.colour = np.array([before.get(i, 0) for i in regions.ids.tolist()], np.int64)
        self.before = self.colour.copy()
        both = np.concatenate([self.pairs, self.pairs[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        self.degree = np.bincount(both[:, 0], minlength=n)
        self._starts = np.concatenate([[0], np.cumsum(self.degree)])
        self._neighbours = both[:, 1]

    def neighbours(self, row: int) -> NDArray[np.int64]:
        return self._neighbours[self._starts[row] : self._starts[row + 1]]

    def losers(self) -> list[int]:
        """Return the rows that must give up their colour: of two that share one, the smaller, or younger."""
        first, second = self.pairs.T
        clash = (self.colour[first] == self.colour[second]) & (self.colour[first] > 0)
        area = self.regions.area_px
        lost: set[int] = set()
        for a, b in self.pairs[clash].tolist():
            if a not in lost and b not in lost:
                lost.add(a if area[a] < area[b] else b)
        return sorted(lost)

    def nearest_bearers(self, row: int) -> NDArray[np.float64]:
        """Return the gap (px) from a particle to the nearest bearer of each colour, by colour."""
        regions = self.regions
        distance = np.hypot(regions.y_px - regions.y_px[row], regions.x_px - regions.x_px[row])
        nearest = np.full(int(self.colour.max()) + 1, np.inf)
        np.minimum.at(nearest, self.colour, distance - regions.radius_px)
        return nearest


def _choose(graph: _Graph, row: int, n_colours: int) -> int:
    """Return the best free colour of the first pass that has one."""
    taken = set(graph.colour[graph.neighbours(row)].tolist())
    nearest = graph.nearest_bearers(row)
    for first in count(1, n_colours):
        free = [colour for colour in range(first, first + n_colours) if colour not in taken]
        if first > 1 and graph.before[row] in free:
            return int(graph.before[row])
        if free:
            return max(free, key=lambda colour: nearest[colour] if colour < nearest.size else np.inf)
    raise AssertionError("there are always more colours")

"""The particles of a movie as a graph: a node is a particle in a frame, an edge leads to what it became.

All parents of a merge have an edge into the child, however many they are and though a tracker kept one's id
on for the child.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int64]


class Kind(IntEnum):
    """What an edge stands for."""

    step = 0
    merge = 1
    split = 2


@dataclass(frozen=True)
class ParticleGraph:
    """Nodes are rows of the table of particles.

    Parameters
    ----------
    particle_ids, frames, areas_px
        (N,) of each node; nodes in the order of frames.
    edges
        (E, 2) rows of the earlier and the later node, each pair once, in rising order.
    kinds
        (E,) `Kind` of each edge.
    n_unseen
        Parents that the family tree names and no mask shows before their child; they have no edge.
    """

    particle_ids: Ints
    frames: Ints
    areas_px: Ints
    edges: Ints
    kinds: Ints
    n_unseen: int = 0

    def find_lineages(self) -> Ints:
        """Return a number from 0 for each node, (N,), the same for all that are connected."""
        return self._components(np.ones(len(self.edges), bool))

    def find_tracklets(self) -> Ints:
        """Return an id for each node, (N,), the same along a path without branch, as long as possible.

        It is the id of the path's first particle; where that is taken, one above all particles' ids.
        """
        return self._name(self._components(~self._at_branch()))

    def find_pieces(self, max_step_frames: int | None = None) -> Ints:
        """Return an id for each node, (N,), the same for a particle from one merge or split to the next.

        Only particles that live on after an event, as a parent that sheds a piece does, have more than one;
        and those hidden for a time, where ``max_step_frames`` says after how many frames a piece ends.
        """
        steps = (self.kinds == Kind.step) & ~self._at_branch()
        if max_step_frames is not None:
            steps &= np.diff(self.frames[self.edges], axis=1)[:, 0] <= max_step_frames
        return self._name(self._components(steps))

    def find_parents(self, pieces: Ints) -> dict[int, list[int]]:
        """Return the pieces that each piece came from, the largest first; none for those without."""
        crossing = self.edges[pieces[self.edges[:, 0]] != pieces[self.edges[:, 1]]]
        by_size = crossing[np.lexsort((crossing[:, 0], -self.areas_px[crossing[:, 0]]))]
        parents: dict[int, list[int]] = {}
        for source, target in pieces[by_size].tolist():
            parents.setdefault(target, []).append(source)
        return parents

    def _at_branch(self) -> NDArray[np.bool_]:
        """Tell which edges leave or enter a node that has several such, (E,)."""
        n_nodes = len(self.particle_ids)
        n_out = np.bincount(self.edges[:, 0], minlength=n_nodes)
        n_in = np.bincount(self.edges[:, 1], minlength=n_nodes)
        branching: NDArray[np.bool_] = (n_out[self.edges[:, 0]] > 1) | (n_in[self.edges[:, 1]] > 1)
        return branching

    def _components(self, is_kept: NDArray[np.bool_]) -> Ints:
        n_nodes, kept = len(self.particle_ids), self.edges[is_kept]
        links = sparse.coo_array((np.ones(len(kept), bool), (kept[:, 0], kept[:, 1])), (n_nodes, n_nodes))
        components: Ints = sparse.csgraph.connected_components(links, directed=False)[1].astype(np.int64)
        return components

    def _name(self, components: Ints) -> Ints:
        """Name components by the id of their first node, the first to claim it; others get ids above all."""
        numbers, first, inverse = np.unique(components, return_index=True, return_inverse=True)
        order = np.argsort(first)
        claimed = self.particle_ids[first[order]]
        _, claims = np.unique(claimed, return_index=True)
        is_later = np.ones(len(numbers), bool)
        is_later[claims] = False
        claimed[is_later] = self.particle_ids.max(initial=0) + 1 + np.arange(is_later.sum())
        names = np.empty_like(claimed)
        names[order] = claimed
        return names[inverse]


def build_graph(particles: pd.DataFrame, tracks: pd.DataFrame, merges: pd.DataFrame) -> ParticleGraph:
    """Join the tables of particles, tracks and merges, each as in `temtrack.tables`, to a graph.

    A parent's edge leaves the last mask that shows it before the merge or split, and enters the first of the
    child; a particle that is hidden for a time has an edge over the gap.
    """
    lives = _Lives(particles)
    events = [(Kind.merge, *row) for row in _rows(merges, "frame", "parent_ids", "child_id")]
    split_off = tracks[tracks["origin"] == "split"]
    events += [(Kind.split, *row) for row in _rows(split_off, "start_frame", "parent_ids", "particle_id")]
    links, n_unseen = lives.link(events)
    steps = lives.steps()
    edges = np.concatenate([steps, np.array([pair for _, pair in links], np.int64).reshape(-1, 2)])
    kinds = np.concatenate([np.full(len(steps), Kind.step), np.array([kind for kind, _ in links], np.int64)])
    edges, first = np.unique(edges, axis=0, return_index=True)
    return ParticleGraph(
        particle_ids=particles["particle_id"].to_numpy(np.int64),
        frames=particles["frame"].to_numpy(np.int64),
        areas_px=particles["area_px"].to_numpy(np.int64),
        edges=edges,
        kinds=kinds[first],
        n_unseen=n_unseen,
    )


class _Lives:
    """The nodes of each particle, in the order of frames."""

    def __init__(self, particles: pd.DataFrame) -> None:
        ids, frames = (particles[name].to_numpy(np.int64) for name in ("particle_id", "frame"))
        self._order = np.lexsort((frames, ids))
        self._ids, self._frames = ids[self._order], frames[self._order]

    def steps(self) -> Ints:
        """Return the edges from each node of a particle to its next, (E, 2)."""
        goes_on = self._ids[1:] == self._ids[:-1]
        return np.stack([self._order[:-1][goes_on], self._order[1:][goes_on]], axis=1)

    def link(
        self, events: Iterable[tuple[Kind, int, Iterable[int], int]]
    ) -> tuple[list[tuple[Kind, tuple[int, int]]], int]:
        """Return the edges from parents to child of each event, and how many parents no mask shows."""
        links, n_unseen = [], 0
        for kind, frame, parents, child in events:
            target = self._since(child, frame)
            for parent in parents:
                source = self._before(parent, frame)
                if source is None or target is None:
                    n_unseen += 1
                elif parent != child:  # a kept id has its step already
                    links.append((kind, (source, target)))
        return links, n_unseen

    def _before(self, particle_id: int, frame: int) -> int | None:
        start, stop = np.searchsorted(self._ids, [particle_id, particle_id + 1])
        at = start + np.searchsorted(self._frames[start:stop], frame) - 1
        return int(self._order[at]) if at >= start else None

    def _since(self, particle_id: int, frame: int) -> int | None:
        start, stop = np.searchsorted(self._ids, [particle_id, particle_id + 1])
        at = start + np.searchsorted(self._frames[start:stop], frame)
        return int(self._order[at]) if at < stop else None


def _rows(table: pd.DataFrame, *names: str) -> Iterator[tuple[int, Iterable[int], int]]:
    return zip(*(table[name] for name in names), strict=True)

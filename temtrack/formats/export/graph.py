"""The particles of a movie as a graph: a node is a particle in a frame, an edge leads to what it became.

All parents of a merge have an edge into the child, however many they are and though a tracker kept one's id
on for the child.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

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
        return self._name(self._components(~self._at_branching()))

    def find_branches(self, max_step_frames: int | None = None) -> Ints:
        """Return an id for each node, (N,), the same for a particle from one merge or split to the next.

        Only particles that live on after an event, as a parent that sheds a fragment, have more than one;
        and those hidden for a time, where ``max_step_frames`` says after how many frames a branch ends.
        """
        steps = (self.kinds == Kind.step) & ~self._at_branching()
        if max_step_frames is not None:
            steps &= np.diff(self.frames[self.edges], axis=1)[:, 0] <= max_step_frames
        return self._name(self._components(steps))

    def find_parents(self, branches: Ints) -> dict[int, list[int]]:
        """Return the branches that each branch came from, the largest first; none for those without."""
        crossing = self.edges[branches[self.edges[:, 0]] != branches[self.edges[:, 1]]]
        by_size = crossing[np.lexsort((crossing[:, 0], -self.areas_px[crossing[:, 0]]))]
        parents: dict[int, list[int]] = {}
        for source, target in branches[by_size].tolist():
            parents.setdefault(target, []).append(source)
        return parents

    def _at_branching(self) -> NDArray[np.bool_]:
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
        codes, _ = pd.factorize(components)
        names = pd.Series(self.particle_ids).groupby(codes).first().to_numpy(np.int64, copy=True)
        is_taken = pd.Series(names).duplicated().to_numpy()
        names[is_taken] = self.particle_ids.max(initial=0) + 1 + np.arange(is_taken.sum())
        return names[codes]


def build_graph(particles: pd.DataFrame, tracks: pd.DataFrame, merges: pd.DataFrame) -> ParticleGraph:
    """Join the tables of particles, tracks and merges, each as in `temtrack.tables`, to a graph.

    A parent's edge leaves the last mask that shows it before the merge or split, and enters the first of the
    child; a particle that is hidden for a time has an edge over the gap.
    """
    nodes = particles[["particle_id", "frame"]].astype(np.int64).assign(node=np.arange(len(particles)))
    of_particle = nodes.sort_values(["particle_id", "frame"])
    following = of_particle.groupby("particle_id")["node"].shift(-1)
    steps = pd.DataFrame({"source": of_particle["node"], "target": following, "kind": Kind.step})

    events = _events(tracks, merges)
    by_frame = nodes.sort_values("frame")
    events["source"] = _nodes_near(events, by_frame, "parent_id", "backward")
    events["target"] = _nodes_near(events, by_frame, "child_id", "forward")
    is_seen = events["source"].notna() & events["target"].notna()
    links = events[is_seen & (events["parent_id"] != events["child_id"])]  # a kept id has its step already

    edges = pd.concat([steps.dropna(), links[["source", "target", "kind"]]]).astype(np.int64)
    edges = edges.drop_duplicates(["source", "target"]).sort_values(["source", "target"])
    return ParticleGraph(
        particle_ids=nodes["particle_id"].to_numpy(),
        frames=nodes["frame"].to_numpy(),
        areas_px=particles["area_px"].to_numpy(np.int64),
        edges=edges[["source", "target"]].to_numpy(),
        kinds=edges["kind"].to_numpy(),
        n_unseen=int((~is_seen).sum()),
    )


def _events(tracks: pd.DataFrame, merges: pd.DataFrame) -> pd.DataFrame:
    """Return kind, frame, parent and child of each parent of a merge or split, in the order of frames."""
    columns = ["frame", "parent_id", "child_id"]
    splits = tracks.loc[tracks["origin"] == "split", ["start_frame", "parent_ids", "particle_id"]]
    merged = merges[["frame", "parent_ids", "child_id"]].set_axis(columns, axis=1).assign(kind=Kind.merge)
    events = pd.concat([merged, splits.set_axis(columns, axis=1).assign(kind=Kind.split)])
    return events.explode("parent_id").dropna().astype(np.int64).sort_values("frame", kind="stable")


def _nodes_near(
    events: pd.DataFrame, nodes: pd.DataFrame, who: str, direction: Literal["backward", "forward"]
) -> NDArray[np.float64]:
    """Return the last node before the event of the particle in a column, or the first since; NaN for none."""
    named = nodes.rename(columns={"particle_id": who})
    since = direction == "forward"
    found = pd.merge_asof(events, named, on="frame", by=who, direction=direction, allow_exact_matches=since)
    return found["node"].to_numpy(np.float64)

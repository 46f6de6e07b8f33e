"""Trackers of others, for comparison: each is one function from the masks that were seen to ids and merges.

To add one, write such a function and enter it in `RIVALS` with the settings that are tried. Lengths among the
settings are in units of the movie's median diameter.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import product
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from endings import Ending, give_ended_tracks, merges_of
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree
from seen import Event, Labels, Linked, Seen, Settings

from temtrack.imaging.labels import map_ids, overlap_counts
from temtrack.lineage import Lineage, Merge
from temtrack.linking.config import LinkingConfig
from temtrack.linking.masks import link_masks


def link_by_temtrack(seen: Seen, config: LinkingConfig | None = None) -> Linked:
    """Link by `temtrack.linking`, which has no settings."""
    linked = link_masks(seen.masks, config)
    return [frame.labels for frame in linked], linked.lineage


def link_by_tracker(seen: Seen, name: str) -> Linked:
    """Track by `temtrack.tracking` with the masks as segmentation; the tracker sees the frames."""
    from temtrack.tracking.engine import track_movie
    from temtrack.tracking.load import load_tracker

    assert seen.frames is not None
    segments = iter(seen.masks)
    tracked = track_movie(seen.frames, lambda frame: next(segments), load_tracker(name))
    return [frame.labels for frame in tracked], tracked.lineage


def link_by_largest_overlap(seen: Seen) -> Linked:
    """Let each particle go on in the segment with which it shares most pixels; several in one are a merge."""
    n_ids = 0
    linked: list[Labels] = []
    merges = []
    for t, labels in enumerate(seen.masks):
        before = linked[-1] if linked else np.zeros_like(labels)
        shared = overlap_counts(before, labels)
        heir: dict[int, int] = {}
        most: dict[int, int] = {}
        for a, b, n in zip(shared.a.tolist(), shared.b.tolist(), shared.n_px.tolist(), strict=True):
            if n > most.get(a, 0):
                heir[a], most[a] = b, n
        new_ids = {}
        for segment in np.unique(labels[labels > 0]).tolist():
            sources = [a for a, b in heir.items() if b == segment]
            if len(sources) == 1:
                new_ids[segment] = sources[0]
                continue
            n_ids += 1
            new_ids[segment] = n_ids
            if sources:
                merges.append(Merge(t, n_ids, tuple(sources), t, 0.0, 0.0))
        linked.append(map_ids(labels, new_ids))
    return linked, Lineage(len(seen.masks), (), tuple(merges))


def link_by_hungarian(
    seen: Seen, reach: float, joining: float, area_weight: float, n_gap_frames: int, misfit: float
) -> Linked:
    """Register, assign from frame to frame by distance and area, then give ended tracks to what grew.

    The cost of a link is its distance in units of the reach, and ``area_weight`` times the logarithm of the
    ratio of areas; above 1 there is none.
    """
    particles = seen.registered
    place, area = particles[["y", "x"]].to_numpy(), np.log(particles["area"].to_numpy())
    ids = np.zeros(len(particles), np.int64)
    last: dict[int, int] = {}  # the last row of each track
    for t, rows in particles.groupby("frame"):
        now = rows.index.to_numpy()
        alive = [k for k in last.values() if particles["frame"][k] >= t - 1 - n_gap_frames]
        before = np.array(alive, dtype=np.int64)
        far = np.linalg.norm(place[before][:, None] - place[now], axis=2) / (reach * seen.diameter_px)
        cost = far + area_weight * np.abs(area[before][:, None] - area[now])
        a, b = linear_sum_assignment(np.minimum(cost, 1))
        good = cost[a, b] < 1
        ids[now[b[good]]] = ids[before[a[good]]]
        new = now[ids[now] == 0]
        ids[new] = ids.max() + 1 + np.arange(len(new))
        last |= dict(zip(ids[now].tolist(), now.tolist(), strict=True))
    return seen.linked(ids, give_ended_tracks(particles, ids, joining * seen.diameter_px, misfit))


def link_by_laptrack(
    seen: Seen, reach: float = 0.5, joining: float = 1.1, n_gap_frames: int = 3, splits: bool = True
) -> Linked:
    """Link the particles' centres by LapTrack, with gap closing and merging, and with splitting if wished.

    Source: Fukai & Kawaguchi 2023, 'LapTrack: linear assignment particle tracking with tunable metrics',
    doi:10.1093/bioinformatics/btac799.
    """
    from laptrack import LapTrack

    near, far = ((one * seen.diameter_px) ** 2 for one in (reach, joining))
    tracker = LapTrack(
        cutoff=near,
        gap_closing_cutoff=near if n_gap_frames else False,
        gap_closing_max_frame_count=n_gap_frames,
        splitting_cutoff=far if splits else False,
        merging_cutoff=far,
    )
    tracks, _, joins = tracker.predict_dataframe(seen.particles, ["y", "x"], only_coordinate_cols=False)
    ids = tracks.reset_index().set_index(["frame", "label"])["track_id"] + 1
    keys = pd.MultiIndex.from_frame(seen.particles[["frame", "label"]])
    numbers = ids.reindex(keys).to_numpy()
    start = seen.particles["frame"].groupby(numbers).min()
    parents = defaultdict(set)
    for child, parent in joins[["child_track_id", "parent_track_id"]].to_numpy(int) + 1 if len(joins) else ():
        parents[int(child)].add(int(parent))
    merges = [
        (int(start[c]), c, tuple(sorted(several))) for c, several in parents.items() if len(several) > 1
    ]
    return seen.linked(numbers, merges)


def link_by_trackpy(seen: Seen, reach: float, joining: float, n_gap_frames: int, misfit: float) -> Linked:
    """Link the particles' centres by trackpy; it knows no merges, so ended tracks are given to what grew."""
    import trackpy

    trackpy.quiet()
    reach_px = reach * seen.diameter_px
    given = seen.particles.assign(row=np.arange(len(seen.particles)))
    tracks = trackpy.link(
        given, reach_px, pos_columns=["y", "x"], memory=n_gap_frames, **_adaptive(reach_px)
    ).sort_values("row")
    ids = tracks["particle"].to_numpy() + 1
    return seen.linked(ids, give_ended_tracks(seen.particles, ids, joining * seen.diameter_px, misfit))


def link_by_tobac(
    seen: Seen, reach: float, joining: float, method: str, n_gap_frames: int, misfit: float | None
) -> Linked:
    """Link the particles' centres by tobac, with its own merges or, by ``misfit``, with those by growth.

    Its own, `merge_split_MEST`, tells which tracks belong to one family, not which become which: an ended
    track of a family is given to that member alive in the next frame which is nearest.
    Source: Sokolowsky et al. 2024, 'tobac v1.5', doi:10.5194/gmd-17-5309-2024.
    """
    from tobac.merge_split import merge_split_MEST
    from tobac.tracking import linking_trackpy

    reach_px, far_px, particles = reach * seen.diameter_px, joining * seen.diameter_px, seen.particles
    features = particles.assign(
        feature=np.arange(len(particles)) + 1,
        hdim_1=particles["y"],
        hdim_2=particles["x"],
        time=pd.Timestamp(0) + pd.to_timedelta(particles["frame"], unit="s"),
    ).drop(columns=["y", "x"])
    tracks = linking_trackpy(
        features,
        None,
        dt=1,
        dxy=1,
        d_max=reach_px,
        method_linking=method,
        memory=n_gap_frames,
        **_adaptive(reach_px),
    ).sort_values("feature")
    ids = tracks["cell"].to_numpy(int)
    if misfit is not None:
        return seen.linked(ids, give_ended_tracks(particles, ids, far_px, misfit))
    family = merge_split_MEST(tracks, dxy=1, distance=far_px, frame_len=1)["cell_parent_track_id"]
    of_track = dict(zip(family["cell"].values.tolist(), family.values.tolist(), strict=True))

    def nearest(end: Ending) -> int | None:
        kin = [k for k in end.neighbours if of_track[k] == of_track[end.track]]
        return kin[0] if kin else None

    return seen.linked(ids, merges_of(particles, ids, far_px, nearest))


def link_by_motile(
    seen: Seen, reach: float, end_cost: float, merge_cost: float, n_gap_frames: int = 0
) -> Linked:
    """Link the particles by motile's integer program with its merge costs on, solved for the whole movie.

    An edge costs its length in units of the reach, a track that begins or ends ``end_cost``, a particle of
    several parents ``merge_cost`` and the length of each edge. All particles are taken.
    Source: Malin-Mayor et al. 2023, doi:10.1038/s41587-022-01427-7.
    """
    import ilpy
    from motile import Solver, TrackGraph, constraints, costs

    particles = seen.particles
    graph = TrackGraph(_candidate_graph(particles, reach * seen.diameter_px, n_gap_frames + 1), "frame")
    solver = Solver(graph)
    solver.add_cost(costs.NodeSelectedCost(constant=-1e3))
    solver.add_cost(costs.EdgeSelectedCost(attribute="length"))
    solver.add_cost(costs.NodeAppearCost(constant=end_cost))
    solver.add_cost(costs.NodeDisappearCost(constant=end_cost))
    solver.add_cost(costs.NodeMergeCost(constant=merge_cost))
    solver.add_constraint(constraints.MaxParents(4))
    solver.add_constraint(constraints.MaxChildren(1))
    solver.solve(backend=ilpy.Preference.Scip)
    return seen.linked(*_tracks_of_graph(solver.get_selected_subgraph().to_nx_graph(), particles))


def _candidate_graph(particles: pd.DataFrame, reach_px: float, max_frames: int) -> nx.DiGraph:
    """Return the particles as nodes, and an edge where one may go on in the other within so many frames."""
    graph: nx.DiGraph = nx.DiGraph()
    frames = particles["frame"].tolist()
    graph.add_nodes_from((k, {"frame": t}) for k, t in enumerate(frames))
    rows = {t: one.index.to_numpy() for t, one in particles.groupby("frame")}
    place = particles[["y", "x"]].to_numpy()
    trees = {t: KDTree(place[index]) for t, index in rows.items()}
    for t, tree in trees.items():
        for later in range(t + 1, t + max_frames + 1):
            if later in trees:
                pairs = tree.sparse_distance_matrix(trees[later], reach_px, output_type="coo_matrix")
                for a, b, far in zip(pairs.row, pairs.col, pairs.data, strict=True):
                    length = float(far) / reach_px + later - t - 1
                    graph.add_edge(int(rows[t][a]), int(rows[later][b]), length=length)
    return graph


def _tracks_of_graph(graph: nx.DiGraph, particles: pd.DataFrame) -> tuple[NDArray[np.int64], list[Event]]:
    """Return the ids (N,) of the chains of a graph, and a merge where several chains enter a node."""
    ids = np.zeros(len(particles), np.int64)
    merges: list[Event] = []
    for n_ids, node in enumerate(sorted(graph.nodes, key=lambda k: particles["frame"][k]), start=1):
        before = list(graph.predecessors(node))
        ids[node] = ids[before[0]] if len(before) == 1 else n_ids
        if len(before) > 1:
            parents = tuple(sorted(int(ids[k]) for k in before))
            merges.append((int(particles["frame"][node]), n_ids, parents))
    return ids, merges


def _adaptive(reach_px: float) -> dict[str, float]:
    """Let trackpy's linking fall back on shorter reaches where particles stand too dense for the full one."""
    return {"adaptive_step": 0.9, "adaptive_stop": 0.05 * reach_px}


@dataclass(frozen=True)
class Rival:
    """A tracker, the settings that are tried of it, the package and whether the frames are needed."""

    link: Callable[..., Linked]
    settings: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    package: str | None = None
    needs_frames: bool = False

    @property
    def is_here(self) -> bool:
        """Whether its package is installed."""
        return self.package is None or find_spec(self.package) is not None

    def choices(self) -> list[Settings]:
        """Return every combination of the settings."""
        return [dict(zip(self.settings, values, strict=True)) for values in product(*self.settings.values())]


#: All trackers by name; of each the settings that it is tried with.
RIVALS = {
    "temtrack": Rival(link_by_temtrack),
    "temtrack, overlap": Rival(link_by_tracker, {"name": ("overlap",)}, needs_frames=True),
    "temtrack, trackpy": Rival(link_by_tracker, {"name": ("trackpy",)}, needs_frames=True),
    "temtrack, deaot-t": Rival(link_by_tracker, {"name": ("deaot-t",)}, needs_frames=True),
    "LapTrack": Rival(
        link_by_laptrack,
        {
            "reach": (0.7, 1.1, 1.5),
            "joining": (0.8, 1.2, 1.6, 2.0),
            "n_gap_frames": (0, 2),
            "splits": (False,),
        },
        "laptrack",
    ),
    "motile": Rival(
        link_by_motile,
        {"reach": (1.8,), "end_cost": (0.6, 1.2), "merge_cost": (0.0, 0.5), "n_gap_frames": (0,)},
        "motile",
    ),
    "trackpy": Rival(
        link_by_trackpy,
        {
            "reach": (0.7, 1.0, 1.4, 2.0),
            "joining": (1.2, 1.5, 2.2),
            "n_gap_frames": (0, 2),
            "misfit": (0.2, 0.3, 0.45, 0.6),
        },
        "trackpy",
    ),
    "tobac": Rival(
        link_by_tobac,
        {
            "reach": (0.8, 1.6),
            "joining": (2.0,),
            "method": ("random", "predict"),
            "n_gap_frames": (1,),
            "misfit": (None, 0.5),
        },
        "tobac",
    ),
    "Hungarian": Rival(
        link_by_hungarian,
        {
            "reach": (0.7, 1.0, 1.4, 2.0),
            "joining": (1.2, 1.5, 2.2),
            "area_weight": (0.0, 0.3),
            "n_gap_frames": (2,),
            "misfit": (0.2, 0.3, 0.45, 0.6),
        },
    ),
    "largest overlap": Rival(link_by_largest_overlap),
}

logging.getLogger("trackpy").setLevel(logging.ERROR)

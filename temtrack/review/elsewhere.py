"""Corrections made in other programs: what differs between a run and edited masks, TrackMate XML or GEFF.

Particles are matched by place. Masks tell pixels and ids; merges and splits are kept where they still fit.
TrackMate and GEFF tell links, and which particles are gone; new outlines are not taken from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy.spatial import cKDTree

from temtrack.errors import InputError, UsageError, warn
from temtrack.formats.decoding import refused_as
from temtrack.formats.readers import ome_zarr
from temtrack.formats.store.masks import read_masks
from temtrack.imaging.labels import measure_regions, overlap_counts
from temtrack.masks import Labels
from temtrack.progress import Progress, silent
from temtrack.review.corrections import (
    Correction,
    LinkCut,
    LinkMade,
    MergeAdded,
    MergeParents,
    MergeRejected,
    ParticleDeleted,
)
from temtrack.review.edited import EditedRun
from temtrack.review.outlines import ParticleOutlined, rings_of
from temtrack.review.places import Needless, Stale

#: A particle in a frame of the run: frame and id.
Node = tuple[int, int]
Edges = set[tuple[Node, Node]]


def read_elsewhere(path: Path, run: EditedRun, progress: Progress = silent) -> list[Correction]:
    """Return the corrections that turn a run into what another program tells of it.

    Raises
    ------
    InputError
        Where the file cannot be read, or does not fit the run.
    UsageError
        Where a package is missing.
    """
    if path.suffix.lower() == ".xml":
        return _from_links(path, run, *_read_trackmate(path))
    if ome_zarr.can_read(path) and not ome_zarr.is_image(path):
        return _from_links(path, run, *_read_geff(path))
    masks = read_masks(path)
    run.masks.check_fit(masks)
    pixels: list[Correction] = []
    edited = run.copy()
    owners = []  # by frame, the particle that each edited id is
    for t, wanted in enumerate(progress(masks, "comparing")):
        pixels += _compare_pixels(edited, t, wanted)
        shared = overlap_counts(wanted, edited.labels(t))
        owners.append(dict(zip(shared.a.tolist(), shared.b.tolist(), strict=True)))
    return [*pixels, *relink(edited, _steps_of_names(owners) | _kept_events(run, edited, owners))]


def _compare_pixels(run: EditedRun, t: int, wanted: Labels) -> Iterator[Correction]:
    """Yield, and apply, what turns the outlines of a frame into the wanted ones."""
    own = run.labels(t)
    shared = overlap_counts(wanted, own)
    area = {
        id(of): dict(zip(r.ids.tolist(), r.area_px.tolist(), strict=True))
        for of in (wanted, own)
        for r in [measure_regions(of)]
    }
    theirs, ours = area[id(wanted)], area[id(own)]
    partner: dict[int, int] = {}
    order = np.argsort(-shared.n_px, kind="stable")
    for a, b, n in zip(*(c[order].tolist() for c in (shared.a, shared.b, shared.n_px)), strict=True):
        if a in theirs and b in ours:
            is_same = n == theirs.pop(a) == ours.pop(b)
            if not is_same:
                partner[a] = b
    for gone in ours:
        correction: Correction = ParticleDeleted(run.place(gone, t))
        correction.apply(run)
        yield correction
    for one in [*partner, *theirs]:
        known = partner.get(one)
        at = run.place(known, t) if known in run.particles(t) else None
        correction = ParticleOutlined(run.frames[t], rings_of(wanted == one), at)
        correction.apply(run)
        yield correction


def edges_of(run: EditedRun) -> Edges:
    """Return the links of a run, from each particle to what it became."""
    return _steps_of(run) | _events_of(run)


def _steps_of(run: EditedRun) -> Edges:
    return {((a, one), (b, one)) for one in run.tracks for a, b in pairwise(_frames(run, one))}


def _events_of(run: EditedRun) -> Edges:
    """Return the links by merges and splits."""
    told = [(p, m.child, m.frame) for m in run.merges for p in m.parents]
    told += [(p, t.id, t.start) for t in run.tracks.values() if t.origin == "split" for p in t.parents]
    edges: Edges = set()
    for parent, child, frame in told:
        before = [t for t in _frames(run, parent) if t < frame]
        after = [t for t in _frames(run, child) if t >= frame]
        if before and after:
            edges.add(((before[-1], parent), (after[0], child)))
    return edges


def _frames(run: EditedRun, one: int) -> list[int]:
    return list(dict.fromkeys(t for t, _ in run.life(one)))


def _steps_of_names(owners: list[dict[int, int]]) -> Edges:
    """Return the links that ids tell: from frame to frame, the particle that each id is."""
    last: dict[int, Node] = {}
    edges: Edges = set()
    for t, owner in enumerate(owners):
        for name, one in owner.items():
            if name in last:
                edges.add((last[name], (t, one)))
            last[name] = (t, one)
    return edges


def _kept_events(run: EditedRun, edited: EditedRun, owners: list[dict[int, int]]) -> Edges:
    """Return the links by merges and splits that edited ids leave room for: one ends, the other begins."""
    steps = _steps_of_names(owners)
    sources, targets = {a for a, _ in steps}, {b for _, b in steps}
    splits = {(a, b) for a, b in _events_of(edited) if edited.tracks[b[1]].origin == "split"}
    named = _steps_of(edited) - steps  # a merge that lost all parents but one is a step by now
    born = {(m.frame, m.child) for m in run.merges}
    renamed = {(a, b) for a, b in named if _was(run, edited, b) in born}
    free = {(a, b) for a, b in _events_of(edited) | renamed if a not in sources and b not in targets}
    return free | {(a, b) for a, b in splits if b not in targets}


def _was(run: EditedRun, edited: EditedRun, node: Node) -> Node:
    """Return what a particle of a frame was called before."""
    t, one = node
    regions = [region for frame, region in edited.life(one) if frame == t]
    return t, run.id_of(t, regions[0])


def _from_links(
    path: Path, run: EditedRun, spots: dict[int, tuple[int, float, float]], links: Iterable[tuple[int, int]]
) -> list[Correction]:
    """Return the corrections that links between spots tell: by number, frame and place (y, x) of a spot."""
    by_frame: dict[int, list[int]] = defaultdict(list)
    for number, (t, _, _) in spots.items():
        by_frame[t].append(number)
    node_of: dict[int, Node] = {}
    gone: list[Correction] = []
    edited = run.copy()
    for t in range(len(run.frames)):
        particles = run.particles(t)
        ids = list(particles)
        places = np.array([particles[one] for one in ids]).reshape(-1, 3)
        numbers = by_frame.get(t, [])
        if ids and numbers:
            away, nearest = cKDTree(places[:, :2]).query([spots[number][1:] for number in numbers])
            is_there = away <= np.sqrt(places[nearest, 2] / np.pi)
            node_of |= {
                n: (t, ids[k]) for n, k, there in zip(numbers, nearest, is_there, strict=True) if there
            }
        for one in set(ids) - {node_of[n][1] for n in numbers if n in node_of}:
            gone.append(ParticleDeleted(run.place(one, t)))
            gone[-1].apply(edited)
    if n_strange := len(spots) - len(node_of):
        warn(f"{path}: {n_strange} of {len(spots)} spots lie at no particle of the run; they are left out")
    wanted = {(node_of[a], node_of[b]) for a, b in links if a in node_of and b in node_of}
    wanted = {(min(a, b), max(a, b)) for a, b in wanted if a[0] != b[0]}
    # a deleted parent may have joined another to its child, which then has that one's name
    now = {node: _now(edited, run, node) for edge in wanted for node in edge}
    return [*gone, *relink(edited, {(now[a], now[b]) for a, b in wanted})]


def _now(edited: EditedRun, run: EditedRun, node: Node) -> Node:
    t, one = node
    regions = [region for frame, region in run.life(one) if frame == t]
    return t, edited.id_of(t, regions[0])


def relink(run: EditedRun, wanted: Edges) -> list[Correction]:
    """Return the corrections that give a run the wanted links, in the order of frames."""
    own_into, into, out = defaultdict(set), defaultdict(set), defaultdict(set)
    for a, b in edges_of(run):
        own_into[b].add(a)
    for a, b in wanted:
        into[b].add(a)
        out[a].add(b)
    found: list[Correction] = []
    trial = run.copy()
    for node in sorted(own_into.keys() | into.keys()):
        have, want = own_into.get(node, set()), into.get(node, set())
        if have == want:
            continue
        at = run.place(node[1], node[0])
        sources = tuple(run.place(one, t) for t, one in sorted(want))
        is_merged = any(m.child == node[1] for m in run.merges) and len(have) > 1
        correction: Correction
        if len(want) > 1:
            correction = MergeParents(at, sources) if is_merged else MergeAdded(at, sources)
        elif not want:
            correction = LinkCut(at)
        elif is_merged and want <= have:
            correction = MergeRejected(at, sources[0])
        else:
            (source,) = want
            correction = LinkMade(sources[0], at, as_split=_heir(run, source, out[source]) != node)
        try:
            correction.apply(trial)
        except Needless:  # another correction has done it already
            continue
        except Stale:
            if isinstance(correction, LinkCut):
                continue
        found.append(correction)
    return found


def _heir(run: EditedRun, source: Node, targets: set[Node]) -> Node:
    """Return which of the things that a particle became it lives on as: its own name, else the largest."""
    own = [node for node in targets if node[1] == source[1]]
    return own[0] if own else max(targets, key=lambda node: (run.particles(node[0])[node[1]][2], node))


def _read_trackmate(path: Path) -> tuple[dict[int, tuple[int, float, float]], list[tuple[int, int]]]:
    """Return spots and links of a TrackMate XML, places in px."""
    with refused_as(f"{path}: cannot be read as a TrackMate XML"):
        root = ElementTree.parse(path).getroot()
        image = root.find("Settings/ImageData")
        units = root.find("Model")
        if root.tag != "TrackMate" or units is None:
            raise InputError(f"{path}: is no TrackMate XML with a Model")
        nm = (
            1.0
            if image is None or units.get("spatialunits") == "pixel"
            else float(image.get("pixelwidth", 1))
        )
        spots = {
            int(s.attrib["ID"]): (
                int(float(s.attrib["FRAME"])),
                float(s.attrib["POSITION_Y"]) / nm,
                float(s.attrib["POSITION_X"]) / nm,
            )
            for s in root.iter("Spot")
        }
        edges = [
            (int(float(e.attrib["SPOT_SOURCE_ID"])), int(float(e.attrib["SPOT_TARGET_ID"])))
            for e in root.iter("Edge")
        ]
    return spots, edges


def _read_geff(path: Path) -> tuple[dict[int, tuple[int, float, float]], list[tuple[int, int]]]:
    """Return nodes and links of a GEFF, whose axes are frames and pixels."""
    try:
        import geff
    except ImportError as error:
        raise UsageError(
            f"--from {path}: needs geff, which is not installed; pip install 'temtrack[export]'"
        ) from error
    with refused_as(f"{path}: cannot be read as a GEFF with axes t, y and x"):
        graph, _ = geff.read(path, backend="networkx")
        spots = {int(n): (int(of["t"]), float(of["y"]), float(of["x"])) for n, of in graph.nodes(data=True)}
        return spots, [(int(a), int(b)) for a, b in graph.edges()]

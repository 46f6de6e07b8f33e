"""Tracks and merges as a page shows them, and where each stands in a drawing of the family tree."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import numpy as np
import pandas as pd

from temtrack.kinetics.observed import ObservedRun
from temtrack.lineage import Lineage, Merge, Track
from temtrack.report.colors import TrackColors
from temtrack.report.keyframes import Box, choose_keyframes
from temtrack.report.page.encoding import plain, records, rounded

#: Margin around the particles of a merge, as a fraction of their extent, and in pixels.
_MARGIN_FRACTION, _MARGIN_PX = 0.25, 3

_Row = dict[str, Any]


def lineage_of(run: ObservedRun) -> Lineage:
    """Return the family tree that tracks and merges tell of."""
    merges = [] if run.merges is None else run.merges.to_dict("records")
    tracks = (
        Track(
            row["particle_id"],
            row["start_frame"],
            row["end_frame"],
            row["origin"],
            row["fate"],
            () if row["parent_ids"] is None else tuple(int(one) for one in row["parent_ids"]),
        )
        for row in records(run.tracks)
    )
    return Lineage(run.n_frames, tuple(tracks), tuple(Merge.from_row(cast(_Row, row)) for row in merges))


def list_tracks(run: ObservedRun, lineage: Lineage) -> dict[str, list[Any]]:
    """Return the tracks by column, with each one's colour and its row in the family tree."""
    rows = layout_families(lineage)
    colors = TrackColors(lineage)
    return {
        "id": [track.id for track in lineage.tracks],
        "start": [track.start for track in lineage.tracks],
        "end": [track.end for track in lineage.tracks],
        "origin": [track.origin for track in lineage.tracks],
        "fate": [track.fate for track in lineage.tracks],
        "parents": [track.parents for track in lineage.tracks],
        "color": ["#{:02x}{:02x}{:02x}".format(*colors(track.id)) for track in lineage.tracks],
        "row": [rows.get(track.id) for track in lineage.tracks],
        "n_frames": run.tracks["n_frames"].tolist(),
        "diameter": plain(run.tracks["mean_diameter_px"].to_numpy(dtype=np.float64) * run.unit_per_px),
    }


def list_merges(run: ObservedRun, lineage: Lineage) -> list[dict[str, Any]]:
    """Return the merges in the order of frames, each with its child's diameter, key frames and their box."""
    merges = run.merges if run.merges is not None else pd.DataFrame()
    particles = run.particles.set_index(["frame", "particle_id"])
    size = particles["equivalent_diameter_px"] * run.unit_per_px
    listed = []
    for merge, row in zip(lineage.merges, merges.to_dict("records"), strict=True):
        keyframes = choose_keyframes(merge, lineage)
        family = pd.MultiIndex.from_product([{one.frame for one in keyframes}, {merge.child, *merge.parents}])
        box = find_box(particles.loc[particles.index.intersection(family)], (merge.y_px, merge.x_px))
        listed.append(
            {
                "event_id": int(row["event_id"]),
                **merge.as_row(),
                "box": asdict(box),
                "diameter": rounded(size.get((merge.frame, merge.child), np.nan)),
                **{name: rounded(row[name]) for name in ("area_ratio", "mass_ratio", "confidence")},
                "keyframes": keyframes,
            }
        )
    return listed


def find_box(rows: pd.DataFrame, centre: tuple[float, float]) -> Box:
    """Return the square, in whole pixels, around particles (rows of ``particles.parquet``) with some margin.

    Without any it lies around ``centre`` (y, x).
    """
    yx = rows[["y_px", "x_px"]].to_numpy() if len(rows) else np.array([centre])
    radius = rows["major_axis_px"].fillna(rows["equivalent_diameter_px"]).to_numpy()[:, None] / 2
    low, high = ((yx - radius).min(axis=0), (yx + radius).max(axis=0)) if len(rows) else (yx[0], yx[0])
    side = float(np.round((high - low).max() * (1 + 2 * _MARGIN_FRACTION)) + 2 * _MARGIN_PX)
    top, left = ((low + high - side) / 2).round().tolist()
    return Box(top, left, side)


def layout_families(lineage: Lineage) -> dict[int, float]:
    """Give each particle that takes part in a merge its row, so that no two lines of a tree cross.

    Particles that no merge made take whole rows, the parents of a merge beside each other, and a child
    stands in the middle of its parents. A family takes rows of its own; families come in the order of their
    first merge. Where another program lets a parent's id live on for the child, that id keeps a whole row.
    """
    parents: dict[int, list[int]] = {}
    first: dict[int, int] = {}
    for merge in lineage.merges:  # in the order of frames
        known = parents.setdefault(merge.child, [])
        known.extend(one for one in merge.parents if one != merge.child)
        first[merge.child] = min([merge.frame, *(first[one] for one in known if one in first)])
    lives_on = {merge.child for merge in lineage.merges if merge.child in merge.parents}
    inner = {one for known in parents.values() for one in known}
    roots = sorted((one for one in parents if one not in inner), key=first.__getitem__)
    rows: dict[int, float] = {}
    n_rows = 0
    for root in [*roots, *parents]:  # such ids may even go round in a ring, without a root
        for one in _parents_first(root, parents):
            if one in rows:
                continue
            beside = [rows[parent] for parent in parents.get(one, ()) if parent in rows]
            if beside and one not in lives_on:
                rows[one] = sum(beside) / len(beside)
            else:
                rows[one] = n_rows
                n_rows += 1
    return rows


def _parents_first(root: int, parents: dict[int, list[int]]) -> list[int]:
    """Return a particle and all that it came from, the parents before each child."""
    order: list[int] = []
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            order.append(one)
            waiting.extend(parents.get(one, ()))
    return order[::-1]

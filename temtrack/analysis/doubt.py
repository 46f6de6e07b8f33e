"""Leave merges out of the tables that are not sure enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc

from temtrack.tables import MERGES, TRACKS, Tables

#: What a track has in these columns whose merge does not count: it ended, or began, nobody knows how.
_UNKNOWN_END: Mapping[str, Any] = {"fate": "lost", "fate_confidence": None, "child_id": None}
_UNKNOWN_START: Mapping[str, Any] = {"origin": "appeared", "origin_confidence": None, "parent_ids": []}


def leave_out_doubtful(tables: Tables, min_confidence: float) -> Tables:
    """Return the tables without the merges of a lower confidence; those of an unknown one stay.

    The parents of one that is left out are lost, and its child appeared.
    """
    if tables.merges is None:
        return tables
    is_doubtful = pc.fill_null(pc.less(tables.merges["confidence"], min_confidence), False)
    doubtful = tables.merges.filter(is_doubtful)
    if not doubtful.num_rows:
        return tables
    children = set(doubtful["child_id"].to_pylist())
    parents = {i for ids in doubtful["parent_ids"].to_pylist() for i in ids}
    rows = [
        row
        | (_UNKNOWN_END if row["particle_id"] in parents and row["fate"] == "merged" else {})
        | (_UNKNOWN_START if row["particle_id"] in children and row["origin"] == "merge" else {})
        for row in tables.tracks.to_pylist()
    ]
    tracks = {c.name: [row[c.name] for row in rows] for c in TRACKS.columns if c.is_measured}
    kept = tables.merges.filter(pc.invert(is_doubtful))
    merges = {c.name: kept[c.name] for c in MERGES.columns if c.is_measured}
    return replace(
        tables,
        tracks=TRACKS.fill(tracks, tables.calibration),
        merges=MERGES.fill(merges, tables.calibration),
    )

"""napari's Tracks layer: a folder with ``tracks.csv`` and ``graph.json``.

The first four columns, ``track_id, t, y, x`` in frames and pixels, are the layer's data, which so lies on the
masks; the others, in nm and s too where known, are its features. ``graph.json`` is the layer's graph: by
track id, the ids of all tracks that it came from. A track ends where the particle merges, splits or sheds a
fragment, and what lives on is a track of its own with the same ``particle_id``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.store.atomic import whole_folder


def tracks_layer(content: ExportContent) -> tuple[pd.DataFrame, dict[int, list[int]]]:
    """Return the rows of a Tracks layer, its data first, and its graph."""
    track_ids = content.graph.find_branches()
    parents = {child: sorted(of) for child, of in sorted(content.graph.find_parents(track_ids).items())}
    rows = content.particles.rename(columns={"frame": "t", "y_px": "y", "x_px": "x"})
    rows.insert(0, "track_id", track_ids)
    first = ["track_id", "t", "y", "x"]
    return rows[[*first, *rows.columns.drop(first)]].sort_values(["track_id", "t"]), parents


def _write(path: Path, content: ExportContent) -> None:
    """Write the data and the graph of a Tracks layer into a folder."""
    rows, parents = tracks_layer(content)
    with whole_folder(path) as part:
        rows.to_csv(part / "tracks.csv", index=False)
        (part / "graph.json").write_text(json.dumps(parents, indent=1) + "\n", encoding="utf-8")


EXPORTER = Exporter(_write, contents=r"tracks\.csv|graph\.json")

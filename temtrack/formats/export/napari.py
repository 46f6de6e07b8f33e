"""napari's Tracks layer: a folder with ``tracks.csv`` and ``graph.json``.

The first four columns, ``track_id, t, y, x`` in frames and pixels, are the layer's data, which so lies on the
masks; the others, in nm and s too where known, are its features. ``graph.json`` is the layer's graph: by
track id, the ids of all tracks that it came from. A track ends where the particle merges, splits or sheds a
piece, and what lives on is a track of its own with the same ``particle_id``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd

from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.target import FolderTarget, whole_folder
from temtrack.progress import Progress

TARGET = FolderTarget(re.compile(r"tracks\.csv|graph\.json"))


def describe_losses(content: ExportContent) -> list[str]:
    """Return nothing: a track may have any number of parents."""
    return []


def write_export(path: Path, content: ExportContent, progress: Progress) -> None:
    """Write the data and the graph of a Tracks layer into a folder.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    track_ids = content.graph.find_branches()
    parents = {child: sorted(of) for child, of in sorted(content.graph.find_parents(track_ids).items())}
    rows = content.particles.rename(columns={"frame": "t", "y_px": "y", "x_px": "x"})
    data = pd.DataFrame({"track_id": track_ids, **rows[["t", "y", "x"]]})
    whole = pd.concat([data, rows.drop(columns=["t", "y", "x"])], axis=1)
    with whole_folder(path) as part:
        whole.sort_values(["track_id", "t"]).to_csv(part / "tracks.csv", index=False)
        (part / "graph.json").write_text(json.dumps(parents, indent=1) + "\n", encoding="utf-8")

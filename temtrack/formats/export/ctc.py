"""The Cell Tracking Challenge's results: a folder with ``mask000.tif`` ... of 16 bits and ``res_track.txt``.

Its rules are met to the letter: a track has a mask in each of its frames and ends before its children begin.
So a particle that is hidden for a time, or lives on after an event, is cut into tracks that follow each other
as parent and child.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from temtrack.errors import OutputError
from temtrack.formats.export import Exporter
from temtrack.formats.export.content import ExportContent
from temtrack.formats.export.graph import Ints
from temtrack.formats.store.atomic import whole_folder
from temtrack.formats.store.masks import write_mask
from temtrack.imaging.labels import map_ids

_MAX_ID = np.iinfo(np.uint16).max


def _describe_losses(content: ExportContent) -> list[str]:
    """Say which parents are left out, and which ids are not those of the masks."""
    branches = content.graph.find_branches(max_step_frames=1)
    parents = content.graph.find_parents(branches).values()
    n_left_out = sum(len(of) - 1 for of in parents)
    told = []
    if n_left_out:
        told.append(
            f"CTC holds one parent, the largest: the other parents of merges, {n_left_out} in all, are left"
            " out; --to geff, napari or trackmate keep them"
        )
    if branches.max(initial=0) > _MAX_ID:
        told.append(
            f"CTC holds ids up to {_MAX_ID}: tracks are numbered anew, from 1 in the order of their ids"
        )
    n_new = len(np.unique(branches)) - len(np.unique(content.graph.particle_ids))
    if n_new:
        told.append(
            "CTC's tracks have no gaps, and end where a fragment splits off or a merge keeps an id on:"
            f" {n_new} later parts of such particles have ids of their own"
        )
    return told


def _write(path: Path, content: ExportContent) -> None:
    """Write masks and track table into a folder, one mask at a time."""
    branches = content.graph.find_branches(max_step_frames=1)
    numbers = _number(path, branches)
    digits = max(3, len(str(content.n_frames - 1)))
    with whole_folder(path) as part:
        for t, labels, rows in content.walk():
            new = [numbers[branch] for branch in branches[rows.index].tolist()]
            ids = dict(zip(rows["particle_id"].tolist(), new, strict=True))
            write_mask(part / f"mask{t:0{digits}d}.tif", map_ids(labels, ids))
        parents = content.graph.find_parents(branches)
        lives = pd.Series(content.graph.frames).groupby(branches).agg(["min", "max"])
        with (part / "res_track.txt").open("w", encoding="ascii") as table:
            for branch, start, end in lives.itertuples():  # id, first and last frame, largest parent or 0
                parent = numbers[parents[branch][0]] if branch in parents else 0
                table.write(f"{numbers[branch]} {start} {end} {parent}\n")


def _number(path: Path, branches: Ints) -> dict[int, int]:
    """Return the number of each branch: its id, or its place among the ids where those are too high."""
    ids = np.unique(branches).tolist()
    if len(ids) > _MAX_ID:
        raise OutputError(
            f"{path}: CTC holds {_MAX_ID} tracks, these masks have {len(ids)}; choose --to geff, say"
        )
    return dict(zip(ids, ids if max(ids, default=0) <= _MAX_ID else range(1, len(ids) + 1), strict=True))


EXPORTER = Exporter(_write, contents=r"mask\d+\.tif|res_track\.txt", describe_losses=_describe_losses)

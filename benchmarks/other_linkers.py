"""Two other ways to link masks, for comparison: the largest-overlap rule, and LapTrack with merging on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from laptrack import LapTrack
from numpy.typing import NDArray

from temtrack.imaging.labels import map_ids, measure_regions, overlap_counts
from temtrack.lineage import Lineage, Merge

Masks = Sequence[NDArray[np.int32]]

#: LapTrack links centres up to this distance, in units of the movie's median radius ...
REACH_RADII = 1.0

#: ... and lets a track end in another, or begin from it, up to this one; best of 1.0, 1.5 and 2.2.
JOINING_RADII = 2.2

#: It closes gaps of so many frames.
MAX_GAP_FRAMES = 3


def link_by_largest_overlap(masks: Masks) -> tuple[list[NDArray[np.int32]], Lineage]:
    """Let each particle go on in the segment with which it shares most pixels; several in one are a merge."""
    n_ids = 0
    linked: list[NDArray[np.int32]] = []
    merges = []
    for t, labels in enumerate(masks):
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
    return linked, Lineage(len(masks), (), tuple(merges))


def link_by_laptrack(masks: Masks) -> tuple[list[NDArray[np.int32]], Lineage]:
    """Link the particles' centres by LapTrack, with gap closing, splitting and merging.

    Source: Fukai & Kawaguchi 2023, 'LapTrack: linear assignment particle tracking with tunable metrics',
    doi:10.1093/bioinformatics/btac799.
    """
    regions = [measure_regions(labels) for labels in masks]
    radius = float(np.median(np.concatenate([r.radius_px for r in regions])))
    near, joining = (REACH_RADII * radius) ** 2, (JOINING_RADII * radius) ** 2
    tracker = LapTrack(
        cutoff=near,
        gap_closing_cutoff=near,
        gap_closing_max_frame_count=MAX_GAP_FRAMES,
        splitting_cutoff=joining,
        merging_cutoff=joining,
    )
    rows = [
        pd.DataFrame({"frame": t, "label": r.ids, "y": r.y_px, "x": r.x_px}) for t, r in enumerate(regions)
    ]
    tracks, _, joins = tracker.predict_dataframe(pd.concat(rows), ["y", "x"], only_coordinate_cols=False)
    ids = tracks.reset_index().set_index(["frame", "label"])["track_id"] + 1
    linked = [map_ids(labels, _in_frame(ids, t)) for t, labels in enumerate(masks)]
    return linked, Lineage(len(masks), (), tuple(_merges(ids, joins)))


def _in_frame(ids: pd.Series[Any], frame: int) -> dict[int, int]:
    if frame not in ids.index.get_level_values("frame"):
        return {}
    return {int(label): int(one) for label, one in ids.loc[frame].items()}


def _merges(ids: pd.Series[Any], joins: pd.DataFrame) -> list[Merge]:
    """Return a merge for each child of two parents or more; LapTrack's track ids count from 0."""
    if joins.empty:
        return []
    start: dict[int, int] = {}
    for (frame, _), one in ids.items():
        start[int(one)] = min(int(frame), start.get(int(one), int(frame)))
    n_parents = Counter((joins["child_track_id"] + 1).tolist())
    return [
        Merge(
            start[child],
            int(child),
            tuple(sorted((joins.loc[joins["child_track_id"] + 1 == child, "parent_track_id"] + 1).tolist())),
            start[child],
            0.0,
            0.0,
        )
        for child, n in n_parents.items()
        if n > 1
    ]

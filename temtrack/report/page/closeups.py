"""Close-ups of merges, cut from the frames as they are: a page's small pictures are too coarse for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.report.panel import Box

#: A page holds so many at most: those of the first merges. Others show part of the whole frame's picture.
MAX_CLOSEUPS = 800

#: Ground around the particles, as a share of their extent, and in pixels.
_MARGIN_SHARE, _MARGIN_PX = 0.25, 3


@dataclass(frozen=True)
class Closeup:
    """A part of a frame, by the name that it has in the page."""

    name: str
    frame: int
    box: Box

    def cut(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what of the box lies in the frame (Y, X)."""
        top, left, side = (round(number) for number in (self.box.top, self.box.left, self.box.side))
        return grey[max(top, 0) : top + side, max(left, 0) : left + side]


def list_closeups(merges: Sequence[Mapping[str, Any]], max_closeups: int = MAX_CLOSEUPS) -> list[Closeup]:
    """Return the close-ups of `list_merges`: one for each key frame."""
    every = (
        Closeup(f"closeup-{number}-{place}", frame, Box(**merge["box"]))
        for number, merge in enumerate(merges)
        for place, (frame, _) in enumerate(merge["keyframes"])
    )
    return list(islice(every, max_closeups))


def find_box(rows: pd.DataFrame, centre: tuple[float, float]) -> Box:
    """Return the square, in whole pixels, around particles (rows of ``particles.parquet``) with some ground.

    Without any it lies around ``centre`` (y, x).
    """
    yx = rows[["y_px", "x_px"]].to_numpy() if len(rows) else np.array([centre])
    radius = rows["major_axis_px"].fillna(rows["equivalent_diameter_px"]).to_numpy()[:, None] / 2
    low, high = ((yx - radius).min(axis=0), (yx + radius).max(axis=0)) if len(rows) else (yx[0], yx[0])
    side = float(np.round((high - low).max() * (1 + 2 * _MARGIN_SHARE)) + 2 * _MARGIN_PX)
    top, left = ((low + high - side) / 2).round().tolist()
    return Box(top, left, side)

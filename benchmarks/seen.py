"""What trackers see of a movie, and what they give back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import fft

from temtrack.imaging.labels import map_ids, measure_regions
from temtrack.lineage import Lineage, Merge

Labels = NDArray[np.int32]

#: Labels of each frame in which an id is a particle, and the merges in these ids.
Linked = tuple[list[Labels], Lineage]

#: What a tracker is given by its settings.
Settings = Mapping[str, Any]

#: A merge as its frame, its child and its parents.
Event = tuple[int, int, tuple[int, ...]]


@dataclass(frozen=True)
class Seen:
    """What a tracker sees of a movie: masks, whose ids tell nothing, and the frames where there are any."""

    masks: Sequence[Labels]
    frames: Sequence[NDArray[np.uint8]] | None = None

    @cached_property
    def particles(self) -> pd.DataFrame:
        """One row for each particle and frame: ``frame, label, y, x, area``."""
        regions = [measure_regions(labels) for labels in self.masks]
        rows = [
            pd.DataFrame({"frame": t, "label": r.ids, "y": r.y_px, "x": r.x_px, "area": r.area_px})
            for t, r in enumerate(regions)
        ]
        return pd.concat(rows, ignore_index=True)

    @cached_property
    def registered(self) -> pd.DataFrame:
        """The particles with the field's drift taken away, as cross-correlation of the masks tells it."""
        seen = [fft.rfft2(labels > 0) for labels in self.masks]
        shape = self.masks[0].shape
        steps = [(0, 0), *(_shift(a, b, shape) for a, b in pairwise(seen))]
        place = np.cumsum(steps, axis=0)[self.particles["frame"]]
        return self.particles.assign(y=self.particles["y"] - place[:, 0], x=self.particles["x"] - place[:, 1])

    @cached_property
    def diameter_px(self) -> float:
        """Median diameter of the discs of equal area."""
        return float(2 * np.sqrt(self.particles["area"].median() / np.pi))

    def linked(self, ids: NDArray[np.integer], merges: Sequence[Event]) -> Linked:
        """Return the masks with the ids (N,) of the particles, from 1, in place of the labels."""
        named = self.particles.assign(id=ids).groupby("frame")
        new = {t: dict(zip(rows["label"].tolist(), rows["id"].tolist(), strict=True)) for t, rows in named}
        labels = [map_ids(seen, new.get(t, {})) for t, seen in enumerate(self.masks)]
        events = tuple(Merge(t, child, parents, t, 0.0, 0.0) for t, child, parents in sorted(merges))
        return labels, Lineage(len(self.masks), (), events)


def _shift(a: NDArray[np.complex128], b: NDArray[np.complex128], shape: tuple[int, int]) -> tuple[int, ...]:
    """Return the whole pixels (y, x) by which the picture moves from one spectrum to the other."""
    peak = np.unravel_index(np.argmax(fft.irfft2(b * a.conj(), shape)), shape)
    return tuple(int(k) - n if k > n // 2 else int(k) for k, n in zip(peak, shape, strict=True))

"""The masks of a movie with what is known of them, wherever they lie, and their way to tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.masks import (
    Labels,
    Masks,
    Tables,
    TrackerRecord,
    Watch,
    analyze_masks,
    find_family,
)
from temtrack.lineage import Lineage
from temtrack.movie import Movie
from temtrack.tables import Calibration


class NumberedMasks(Masks, Protocol):
    """Masks of which each can be asked for by its frame."""

    def __getitem__(self, frame: int, /) -> Labels:
        """Return the mask (Y, X) of a frame."""
        ...


@dataclass(frozen=True)
class MaskSeries:
    """Masks and all that is known of them.

    Parameters
    ----------
    masks
        Ids (Y, X) of each frame, 0 background; ``masks[t]`` is frame ``t``.
    record
        What the tracker left; empty for another program's masks.
    calibration
        Scale and time as the tracker knew them.
    """

    masks: NumberedMasks
    record: TrackerRecord
    calibration: Calibration

    @property
    def lineage(self) -> Lineage | None:
        """The family tree; ``None`` where the tracker left none."""
        return self.record.lineage

    @property
    def numbers_in_movie(self) -> NDArray[np.intp]:
        """Number that each frame has in the movie, (T,)."""
        return np.arange(len(self.masks))

    def analyze(
        self, movie: Movie | None, calibration: Calibration, with_merges: bool, watch: Watch = iter
    ) -> Tables:
        """Measure all tables; see `analyze_masks`.

        Where the tracker left no family tree it is found from the masks, if ``with_merges``; then masks
        that are renumbered in every frame are told in other ids. Without ``with_merges`` there is no merge
        table.
        """
        record = self.record
        masks: Masks = self.masks
        if with_merges and record.lineage is None:
            masks, lineage = find_family(self.masks, watch)
            record = replace(record, lineage=lineage)
        tables = analyze_masks(masks, record, movie, calibration, watch)
        return replace(
            tables, merges=tables.merges if with_merges else None, has_own_ids=masks is not self.masks
        )

    def calibrated(
        self, pixel_size_nm: float | None, frame_time_s: float | None, movie: Movie | None
    ) -> Calibration:
        """Return scale and time by the first who knows: the user, the tracker's run, the movie."""
        known = self.calibration
        if pixel_size_nm is not None:
            known = replace(known, pixel_size_nm=pixel_size_nm, pixel_size_source="given by --pixel-size")
        elif known.pixel_size_nm is None and movie is not None and movie.pixel_size is not None:
            size = movie.pixel_size
            known = replace(known, pixel_size_nm=size.nm, pixel_size_source=size.source)
        if frame_time_s is not None:
            seconds = self.numbers_in_movie.astype(np.float64) * frame_time_s
            known = replace(known, frame_seconds=seconds, frame_times_source="given by --frame-time")
        elif known.frame_seconds is None and movie is not None and movie.frame_times is not None:
            times = movie.frame_times
            known = replace(known, frame_seconds=times.seconds, frame_times_source=times.source)
        return known

"""What is exported: tables, masks, scale and time of a movie's particles, and the graph that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.formats.export.graph import ParticleGraph, build_graph
from temtrack.masks import Labels, Masks
from temtrack.progress import Progress
from temtrack.tables import Tables

#: Times between frames that differ from their mean by no more than this share count as even.
_EVEN_WITHIN = 0.01


@dataclass(frozen=True)
class ExportContent:
    """Tracked particles of a movie.

    Parameters
    ----------
    tables
        Particles, tracks, frames and merges, with scale and time.
    masks
        Ids (T, Y, X), as in the tables; read one frame at a time.
    source
        The movie; its masks where it is unknown.
    facts
        Where all this comes from, for formats that have a place for it.
    """

    tables: Tables
    masks: Masks
    source: Path
    facts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def particles(self) -> pd.DataFrame:
        """The table of particles, in the order of frames and ids."""
        rows: pd.DataFrame = self.tables.particles.to_pandas()
        return rows.sort_values(["frame", "particle_id"], ignore_index=True)

    @cached_property
    def tracks(self) -> pd.DataFrame:
        """The table of tracks."""
        rows: pd.DataFrame = self.tables.tracks.to_pandas()
        return rows

    @cached_property
    def frames(self) -> pd.DataFrame:
        """The table of frames."""
        rows: pd.DataFrame = self.tables.frames.to_pandas()
        return rows

    @cached_property
    def merges(self) -> pd.DataFrame:
        """The table of merges."""
        assert self.tables.merges is not None  # exports are made of tables with merges
        rows: pd.DataFrame = self.tables.merges.to_pandas()
        return rows

    @property
    def field_px(self) -> tuple[int, int]:
        """(height, width) of the masks."""
        return self.tables.field_px

    @property
    def calibration(self) -> Calibration:
        """Scale and time, as far as they are known."""
        return self.tables.calibration

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def pixel_size_nm(self) -> float | None:
        """Side of a pixel, ``None`` where unknown."""
        return self.calibration.pixel_size_nm

    @property
    def seconds(self) -> NDArray[np.float64] | None:
        """Time of each frame, (T,), ``None`` where unknown."""
        return self.calibration.frame_seconds

    @property
    def mean_interval_s(self) -> float | None:
        """Mean time between frames; ``None`` where times are unknown, or there is one frame only."""
        return None if self.seconds is None or self.n_frames < 2 else float(np.diff(self.seconds).mean())

    @property
    def is_even(self) -> bool:
        """Whether one number tells the time between all frames."""
        if self.seconds is None or self.mean_interval_s is None:
            return False
        return np.allclose(np.diff(self.seconds), self.mean_interval_s, rtol=_EVEN_WITHIN, atol=0)

    @cached_property
    def graph(self) -> ParticleGraph:
        """What became of each particle, from frame to frame."""
        return build_graph(self.particles, self.tracks, self.merges)

    def describe_lost_merges(self, format_name: str) -> list[str]:
        """Say that a format has no place for merges, where there are any."""
        if not len(self.merges):
            return []
        return [
            f"{format_name} holds no lineage: the merges, {len(self.merges)} in all, are left out; --to geff,"
            " napari or trackmate keep them"
        ]

    def walk(self, progress: Progress) -> Iterator[tuple[int, Labels, pd.DataFrame]]:
        """Yield number, mask and particles of each frame; their index is their row among all particles."""
        bounds = np.searchsorted(self.particles["frame"], np.arange(self.n_frames + 1))
        for t, labels in enumerate(progress(self.masks, "writing")):
            yield t, labels, self.particles.iloc[bounds[t] : bounds[t + 1]]

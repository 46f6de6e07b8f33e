"""What is exported: tables, masks, scale and time of a movie's particles, and the graph that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from temtrack.formats.export.graph import ParticleGraph, build_graph
from temtrack.masks import Labels, Masks
from temtrack.progress import Progress, silent
from temtrack.tables import Tables


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
    progress
        Shows how far the frames are written.
    """

    tables: Tables
    masks: Masks
    source: Path
    facts: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent

    @cached_property
    def particles(self) -> pd.DataFrame:
        """The table of particles, in the order of frames and ids."""
        rows: pd.DataFrame = self.tables.particles.to_pandas()
        return rows.sort_values(["frame", "particle_id"], ignore_index=True)

    @cached_property
    def merges(self) -> pd.DataFrame:
        """The table of merges."""
        assert self.tables.merges is not None  # exports are made of tables with merges
        rows: pd.DataFrame = self.tables.merges.to_pandas()
        return rows

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.masks)

    @property
    def pixel_size_nm(self) -> float | None:
        """Side of a pixel, ``None`` where unknown."""
        return self.tables.calibration.pixel_size_nm

    @property
    def seconds(self) -> NDArray[np.float64] | None:
        """Time of each frame, (T,), ``None`` where unknown."""
        return self.tables.calibration.frame_seconds

    @property
    def interval_s(self) -> float | None:
        """Time between two frames; ``None`` where it is unknown, or no one number tells it."""
        return self.tables.calibration.interval_s

    @cached_property
    def graph(self) -> ParticleGraph:
        """What became of each particle, from frame to frame."""
        return build_graph(self.particles, self.tables.tracks.to_pandas(), self.merges)

    def walk(self) -> Iterator[tuple[int, Labels, pd.DataFrame]]:
        """Yield number, mask and particles of each frame; their index is their row among all particles."""
        bounds = np.searchsorted(self.particles["frame"], np.arange(self.n_frames + 1))
        for t, labels in enumerate(self.progress(self.masks, "writing")):
            yield t, labels, self.particles.iloc[bounds[t] : bounds[t + 1]]


def describe_lost_merges(content: ExportContent) -> list[str]:
    """Say that a format of images has no place for merges, where there are any."""
    n_merges = len(content.merges)
    if n_merges == 0:
        return []
    return [
        f"this format holds no lineage: the merges, {n_merges} in all, are left out; --to geff, napari or"
        " trackmate keep them"
    ]

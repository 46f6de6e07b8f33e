"""What was observed in one run: its tables, its field, its scale and time, ready for the fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from temtrack.kinetics.edges import find_steadier_diameters
from temtrack.kinetics.estimate import NO_TIMES, Reals, Refused
from temtrack.tables import BAD_FRAMES, Tables

#: Frames after a merge in which the child may still become round: its outline shrinks, not its volume.
RELAXING_FRAMES = 20


@dataclass(frozen=True)
class ObservedRun:
    """The tables of a masks folder and what is known of the movie.

    Parameters
    ----------
    particles, tracks
        ``particles.parquet`` and ``tracks.parquet``; their pixel columns are used. Of the particles
        ``diameter_px`` where it is another than that of the masks.
    merges
        ``merges.parquet``; ``None`` where merges are unknown.
    field_px
        (height, width) of the frames.
    n_frames
        Number of frames, those without particles too.
    pixel_size_nm
        Side of a pixel; ``None`` where it is unknown.
    seconds
        Time (T,) of each frame; ``None`` where it is unknown.
    bad_frames
        Frames whose masks the tracker did not believe; nothing is measured there.
    """

    particles: pd.DataFrame
    tracks: pd.DataFrame
    merges: pd.DataFrame | None
    field_px: tuple[int, int]
    n_frames: int
    pixel_size_nm: float | None = None
    seconds: Reals | None = None
    bad_frames: frozenset[int] = frozenset()

    @property
    def length_unit(self) -> str:
        """The unit of all lengths: nm where the pixel size is known, px otherwise."""
        return "px" if self.pixel_size_nm is None else "nm"

    @property
    def unit_per_px(self) -> float:
        """Side of a pixel in that unit."""
        return 1.0 if self.pixel_size_nm is None else self.pixel_size_nm

    @property
    def known_seconds(self) -> Reals:
        """Time (T,) of each frame; refused where it is unknown."""
        if self.seconds is None:
            raise Refused(NO_TIMES)
        return self.seconds

    @property
    def field(self) -> tuple[float, float]:
        """Height and width of the frames in that unit."""
        height, width = self.field_px
        return height * self.unit_per_px, width * self.unit_per_px

    @property
    def good_frames(self) -> NDArray[np.intp]:
        """Numbers of the frames where something can be measured."""
        return np.setdiff1d(np.arange(self.n_frames), list(self.bad_frames)).astype(np.intp)

    @cached_property
    def seen(self) -> pd.DataFrame:
        """Rows of particles that are seen: in good frames, not gap-filled by the tracker."""
        rows = self.particles
        seen = ~np.isin(rows["frame"].to_numpy(), list(self.bad_frames))
        if "gap_filled" in rows:
            seen &= rows["gap_filled"].to_numpy() != True  # noqa: E712  null is not filled
        return rows.loc[seen]

    @property
    def has_edges(self) -> bool:
        """Whether diameters are those of the particles' own edges."""
        return "diameter_px" in self.particles

    def diameters(self, rows: pd.DataFrame) -> pd.Series:
        """Return the diameters of particles in `length_unit`, by their own edges where those are steadier."""
        name = "diameter_px" if "diameter_px" in rows else "equivalent_diameter_px"
        return rows[name] * self.unit_per_px

    @cached_property
    def whole(self) -> pd.DataFrame:
        """Rows of particles that are seen whole: those of `seen` that the border does not cut.

        With columns ``diameter``, ``y``, ``x`` in `length_unit` and ``family``.
        """
        rows = self.seen[~self.seen["touches_border"].to_numpy(dtype=bool)].copy()
        rows["diameter"] = self.diameters(rows)
        rows["y"], rows["x"] = rows["y_px"] * self.unit_per_px, rows["x_px"] * self.unit_per_px
        rows["family"] = self.families.reindex(rows["particle_id"]).to_numpy()
        return rows

    @cached_property
    def settled(self) -> pd.DataFrame:
        """Rows of `whole` but for those of a child within `RELAXING_FRAMES` of its merge."""
        if self.merges is None or self.merges.empty:
            return self.whole
        last = self.merges.groupby("child_id")["frame"].max()
        since = self.whole["frame"] - self.whole["particle_id"].map(last)
        return self.whole[~since.between(0, RELAXING_FRAMES - 1)]

    @cached_property
    def _by_particle(self) -> tuple[pd.DataFrame, NDArray[np.int64]]:
        rows = self.whole.sort_values(["particle_id", "frame"])
        return rows, rows["particle_id"].to_numpy(dtype=np.int64)

    def rows_of(self, particle_id: int) -> pd.DataFrame:
        """Return those rows of `whole` that are of one particle, in the order of frames."""
        rows, ids = self._by_particle
        start, stop = np.searchsorted(ids, [particle_id, particle_id + 1])
        return rows.iloc[start:stop]

    @cached_property
    def families(self) -> pd.Series:
        """Number of the family of each particle id, from 0.

        Parents and children of merges make one family. Families are independent of each other where
        particles are not, so they are what a bootstrap draws.
        """
        ids = np.unique(self.particles["particle_id"].to_numpy(dtype=np.int64))
        merges = pd.DataFrame(columns=["child_id", "parent_ids"]) if self.merges is None else self.merges
        links = merges[["child_id", "parent_ids"]].explode("parent_ids").to_numpy(dtype=np.int64)
        links = links[np.isin(links, ids).all(axis=1)]
        child, parent = np.searchsorted(ids, links).T
        graph = coo_array((np.ones(child.size), (child, parent)), shape=(ids.size, ids.size))
        return pd.Series(connected_components(graph, directed=False)[1], index=ids)


def contact_or_merge_frame(merge: pd.Series) -> int:
    """Return the contact frame of a row of merges; of a contact that nobody saw, the merge frame."""
    contact, frame = merge["contact_frame"], merge["frame"]
    return int(frame if pd.isna(contact) else min(contact, frame))


def observe(tables: Tables) -> ObservedRun:
    """Return what the fits are made on, from a movie's tables."""
    words = tables.frames["quality"].to_pylist() if "quality" in tables.frames.column_names else []
    return ObservedRun(
        particles=find_steadier_diameters(tables.particles.to_pandas()),
        tracks=tables.tracks.to_pandas(),
        merges=None if tables.merges is None else tables.merges.to_pandas(),
        field_px=tables.field_px,
        n_frames=tables.frames.num_rows,
        pixel_size_nm=tables.calibration.pixel_size_nm,
        seconds=tables.calibration.frame_seconds,
        bad_frames=frozenset(t for t, word in enumerate(words) if word in BAD_FRAMES),
    )

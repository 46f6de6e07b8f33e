"""From one frame's masks to the rows of ``particles.parquet``, and the rows of a particle over its frames."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.contrast import estimate_support, measure_edge_diameters, measure_optical_mass
from temtrack.analysis.shape import Reals, count_hull_pixels, measure_axes, measure_perimeters
from temtrack.imaging.labels import LabelImage
from temtrack.masks import Sightings

#: Below this area (px) a region has no shape worth a number: perimeter, axes and what follows are null.
MIN_SHAPE_AREA_PX = 4

#: Columns that only an image tells.
_OF_IMAGE = ("edge_diameter_px", "mean_intensity", "optical_mass")

Columns = dict[str, NDArray[Any]]


def measure_particles(
    labels: LabelImage,
    image: NDArray[Any] | None,
    frame: int,
    gap_filled: Set[int] | None = None,
    sightings: Sightings | None = None,
) -> Columns:
    """Measure all particles of a frame, in pixels.

    Parameters
    ----------
    labels
        Ids, 0 background. An id in several fragments is one particle.
    image
        Grey values (Y, X), or ``None``; NaN pixels are left out of the mean.
    frame
        Frame number, from 0.
    gap_filled
        Ids that were drawn where they were expected, not segmented; ``None`` where nobody knows.
    sightings
        Where a model saw particles, and how likely each is one; ``None`` where there was none.

    Returns
    -------
    The measured columns of `temtrack.tables.PARTICLES`, one row per particle in the order of ids, NaN or
    ``None`` for null.

    Raises
    ------
    ValueError
        Where image and labels differ in size.
    """
    regions, n = labels.regions, labels.ids.size
    is_filled = None if gap_filled is None else np.isin(regions.ids, list(gap_filled))
    score = np.full(n, np.nan) if sightings is None else sightings.scores(labels.labels, regions.ids)
    return {
        "frame": np.full(n, frame, dtype=np.int64),
        "particle_id": regions.ids,
        "y_px": regions.y_px,
        "x_px": regions.x_px,
        "area_px": regions.area_px,
        "equivalent_diameter_px": 2 * np.sqrt(regions.area_px / np.pi),
        **_shape_columns(labels),
        **_image_columns(labels, image),
        "touches_border": regions.touches_border,
        "gap_filled": np.full(n, None) if is_filled is None else is_filled,
        "score": score if is_filled is None else np.where(is_filled, np.nan, score),
    }


def _shape_columns(labels: LabelImage) -> dict[str, Reals]:
    area = labels.regions.area_px
    major, minor = measure_axes(labels)
    perimeter = measure_perimeters(labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        circularity = np.minimum(4 * np.pi * area / perimeter**2, 1)
    columns = {
        "perimeter_px": perimeter,
        "major_axis_px": major,
        "minor_axis_px": minor,
        "circularity": circularity,
        "solidity": np.minimum(area / count_hull_pixels(labels), 1),
    }
    return {name: np.where(area < MIN_SHAPE_AREA_PX, np.nan, values) for name, values in columns.items()}


def _image_columns(labels: LabelImage, image: NDArray[Any] | None) -> dict[str, Reals]:
    columns = {name: np.full(labels.ids.size, np.nan) for name in _OF_IMAGE}
    if image is None:
        return columns
    if image.shape != labels.shape:
        raise ValueError(f"image {image.shape} and labels {labels.shape} differ in size")
    columns["mean_intensity"] = _mean_intensity(labels, image)
    grey = image.astype(np.float64)
    if (support := estimate_support(labels, grey)) is not None:
        columns["optical_mass"] = measure_optical_mass(labels, grey, support)
        columns["edge_diameter_px"] = measure_edge_diameters(labels, grey, support)
    return columns


def _mean_intensity(labels: LabelImage, image: NDArray[Any]) -> Reals:
    grey = image.ravel()[labels.pixels].astype(np.float64)
    finite = np.isfinite(grey)
    n_finite = labels.total_of_pixels(finite)
    mean = np.full(labels.ids.size, np.nan)
    total = labels.total_of_pixels(np.where(finite, grey, 0))
    np.divide(total, n_finite, out=mean, where=n_finite > 0)
    return mean


class ParticleHistory:
    """Looks up a particle's measured columns before and since a frame.

    Parameters
    ----------
    particles
        The measured columns of all frames, as `measure_particles` gives them, one after another.
    """

    def __init__(self, particles: Columns) -> None:
        self.columns = particles
        frames, ids = particles["frame"], particles["particle_id"]
        by_frame = _order(frames)
        self._by_frame = None if by_frame is None else _narrow(by_frame)
        in_order = ids if by_frame is None else ids[by_frame]
        by_particle = np.argsort(in_order, kind="stable")  # so the frames of each are in order
        self.by_particle = _narrow(by_particle if by_frame is None else by_frame[by_particle])
        self._frames, self._of_frame = _runs(frames if by_frame is None else frames[by_frame])
        self._ids, self._of_id = _runs(in_order[by_particle])

    def in_frame(self, frame: int) -> NDArray[np.integer]:
        """Return the rows of a frame."""
        start, stop = _run_of(frame, self._frames, self._of_frame)
        return np.arange(start, stop) if self._by_frame is None else self._by_frame[start:stop]

    def before(self, particle_id: int, frame: int, column: str) -> NDArray[Any]:
        """Return a column's values in the frames before ``frame``, oldest first."""
        rows = self.rows_of(particle_id)
        return np.asarray(self.columns[column][rows[self.columns["frame"][rows] < frame]])

    def since(self, particle_id: int, frame: int, column: str) -> NDArray[Any]:
        """Return a column's values from ``frame`` on."""
        rows = self.rows_of(particle_id)
        return np.asarray(self.columns[column][rows[self.columns["frame"][rows] >= frame]])

    def rows_of(self, particle_id: int) -> NDArray[np.integer]:
        """Return the rows of a particle, in the order of frames."""
        start, stop = _run_of(particle_id, self._ids, self._of_id)
        return self.by_particle[start:stop]


def _order(values: NDArray[Any]) -> NDArray[np.intp] | None:
    """Return what sorts values and keeps the order of equal ones; ``None`` where they are in order."""
    return None if (values[1:] >= values[:-1]).all() else np.argsort(values, kind="stable")


def _narrow(rows: NDArray[np.intp]) -> NDArray[np.integer]:
    return rows.astype(np.int32) if rows.size < np.iinfo(np.int32).max else rows


def _runs(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the values (N,) that sorted ones take, and where each begins, and the last ends (N + 1,)."""
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: values.size])
    return values[starts], np.append(starts, values.size)


def _run_of(value: int, values: NDArray[Any], starts: NDArray[np.intp]) -> tuple[int, int]:
    place = int(np.searchsorted(values, value))
    if place == values.size or values[place] != value:
        return 0, 0
    return int(starts[place]), int(starts[place + 1])

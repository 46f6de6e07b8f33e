"""From one frame's masks to the rows of ``particles.parquet``."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.shape import (
    Reals,
    RegionPixels,
    RegionRuns,
    count_hull_pixels,
    measure_axes,
    measure_perimeters,
)
from temtrack.analysis.thickness import measure_optical_mass
from temtrack.imaging.labels import border_ids

#: Below this area (px) a region has no shape worth a number: perimeter, axes and what follows are null.
MIN_SHAPE_AREA_PX = 4

Columns = dict[str, NDArray[Any]]


def measure_particles(
    labels: NDArray[np.integer],
    image: NDArray[Any] | None,
    frame: int,
    gap_filled: Set[int] | None = None,
) -> Columns:
    """Measure all particles of a frame, in pixels.

    Parameters
    ----------
    labels
        Ids (Y, X), 0 background. An id in several pieces is one particle.
    image
        Grey values (Y, X), or ``None``; NaN pixels are left out of the mean.
    frame
        Frame number, from 0.
    gap_filled
        Ids that were drawn where they were expected, not segmented; ``None`` where nobody knows.

    Returns
    -------
    The measured columns of `temtrack.tables.PARTICLES`, one row per particle in the order of ids, NaN or
    ``None`` for null.

    Raises
    ------
    ValueError
        Where image and labels differ in size.
    """
    regions = RegionRuns.of(labels)
    n, area, (y, x) = len(regions.ids), regions.area_px, regions.centre_px
    return {
        "frame": np.full(n, frame, dtype=np.int64),
        "particle_id": regions.ids,
        "y_px": y,
        "x_px": x,
        "area_px": area,
        "equivalent_diameter_px": 2 * np.sqrt(area / np.pi),
        **_shape_columns(regions),
        **_image_columns(labels, image, n),
        "touches_border": np.isin(regions.ids, border_ids(labels)),
        "gap_filled": np.full(n, None) if gap_filled is None else np.isin(regions.ids, list(gap_filled)),
    }


def _shape_columns(regions: RegionRuns) -> dict[str, Reals]:
    area = regions.area_px
    major, minor = measure_axes(regions)
    perimeter = measure_perimeters(regions)
    with np.errstate(divide="ignore", invalid="ignore"):
        circularity = np.minimum(4 * np.pi * area / perimeter**2, 1)
    columns = {
        "perimeter_px": perimeter,
        "major_axis_px": major,
        "minor_axis_px": minor,
        "circularity": circularity,
        "solidity": np.minimum(area / count_hull_pixels(regions), 1),
    }
    return {name: np.where(area < MIN_SHAPE_AREA_PX, np.nan, values) for name, values in columns.items()}


def _image_columns(labels: NDArray[np.integer], image: NDArray[Any] | None, n: int) -> dict[str, Reals]:
    if image is None:
        return {name: np.full(n, np.nan) for name in ("mean_intensity", "optical_mass")}
    if image.shape != labels.shape:
        raise ValueError(f"image {image.shape} and labels {labels.shape} differ in size")
    pixels = RegionPixels.of(labels)
    return {
        "mean_intensity": _mean_intensity(image, pixels),
        "optical_mass": measure_optical_mass(labels, image, pixels),
    }


def _mean_intensity(image: NDArray[Any], regions: RegionPixels) -> Reals:
    grey = image[regions.y, regions.x].astype(np.float64)
    finite = np.isfinite(grey)
    n_finite = regions.total(finite)
    mean = np.full(len(regions), np.nan)
    np.divide(regions.total(np.where(finite, grey, 0)), n_finite, out=mean, where=n_finite > 0)
    return mean

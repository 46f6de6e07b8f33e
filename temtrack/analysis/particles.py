"""From one frame's masks to the rows of ``particles.parquet``."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.shape import (
    EncodedRegions,
    Reals,
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
        Ids (Y, X), 0 background. An id in several fragments is one particle.
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
    regions = EncodedRegions.of(labels)
    n, area, (y, x) = len(regions.ids), regions.area_px, regions.centre_px
    return {
        "frame": np.full(n, frame, dtype=np.int64),
        "particle_id": regions.ids,
        "y_px": y,
        "x_px": x,
        "area_px": area,
        "equivalent_diameter_px": 2 * np.sqrt(area / np.pi),
        **_shape_columns(regions),
        **_image_columns(regions, image),
        "touches_border": np.isin(regions.ids, border_ids(labels)),
        "gap_filled": np.full(n, None) if gap_filled is None else np.isin(regions.ids, list(gap_filled)),
    }


def _shape_columns(regions: EncodedRegions) -> dict[str, Reals]:
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


def _image_columns(regions: EncodedRegions, image: NDArray[Any] | None) -> dict[str, Reals]:
    if image is None:
        return {name: np.full(len(regions.ids), np.nan) for name in ("mean_intensity", "optical_mass")}
    if image.shape != regions.small.shape:
        raise ValueError(f"image {image.shape} and labels {regions.small.shape} differ in size")
    return {
        "mean_intensity": _mean_intensity(regions, image),
        "optical_mass": measure_optical_mass(regions, image),
    }


def _mean_intensity(regions: EncodedRegions, image: NDArray[Any]) -> Reals:
    grey = image.ravel()[regions.pixels].astype(np.float64)
    finite = np.isfinite(grey)
    n_finite = regions.total_of_pixels(finite)
    mean = np.full(len(regions.ids), np.nan)
    total = regions.total_of_pixels(np.where(finite, grey, 0))
    np.divide(total, n_finite, out=mean, where=n_finite > 0)
    return mean

"""What all formats do with a scale and a frame interval that a file states."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from temtrack.calibration import FrameTimes, PixelSize
from temtrack.formats.units import duration_s

#: Sides of a pixel that differ by no more than this count as equal.
_SQUARE_WITHIN = 0.01


def pixel_size_along_x(steps_nm: Iterable[float | None], source: str) -> PixelSize | None:
    """Return the scale of steps along x and y; its source says so where they differ.

    ``None`` where the file states no length along x.
    """
    x_nm, y_nm = steps_nm
    if x_nm is None:
        return None
    if y_nm is not None and abs(y_nm / x_nm - 1) > _SQUARE_WITHIN:
        source += f", along x; the file states {y_nm / x_nm:.3g} times as much along y"
    return PixelSize(x_nm, source)


def even_times(n_frames: int, value: float, unit: str, source: str) -> FrameTimes | None:
    """Return times at one interval from 0 s on; ``None`` for a unit not of time or a value not positive."""
    seconds = duration_s(float(value), unit)
    return None if seconds is None else FrameTimes(np.arange(n_frames, dtype=np.float64) * seconds, source)

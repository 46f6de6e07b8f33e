"""Scale and time as a test knows them."""

import numpy as np

from temtrack.calibration import Calibration, FrameTimes, PixelSize


def calibration(pixel_size_nm=None, frame_seconds=None, source="test"):
    """Return a calibration of numbers alone."""
    return Calibration(
        None if pixel_size_nm is None else PixelSize(pixel_size_nm, source),
        None if frame_seconds is None else FrameTimes(np.asarray(frame_seconds, dtype=float), source),
    )

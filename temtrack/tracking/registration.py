"""How far the field of view has shifted between two frames, found from the images alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.correlation import correlate, grid_spacing
from temtrack.linking.motion import Step

#: Standard deviation of the blur, in grid points, that keeps the noise of single pixels from deciding.
BLUR = 1.5

#: A registered step is believed where it raises the correlation of the frames by at least so much.
MIN_GAIN = 0.05

#: And only where the frames, so shifted, correlate at least so much: a blank one fits anywhere.
MIN_CORRELATION = 0.3


def find_drift(
    before: NDArray[np.float32], after: NDArray[np.float32], spacing: int, expected_px: Step
) -> Step | None:
    """Return the drift (y, x) in pixels between two frames given as `on_grid` puts them.

    ``None`` where it is the expected one, within a grid point, or does not make the frames clearly alike.
    """
    step = register(before, after, (expected_px[0] / spacing, expected_px[1] / spacing))
    return (float(step[0] * spacing), float(step[1] * spacing)) if step else None


def register(
    before: NDArray[np.float32], after: NDArray[np.float32], expected: Step
) -> tuple[int, int] | None:
    """Return the whole step (y, x) by which ``after`` is shifted against ``before``.

    ``None`` where it is the expected one, within a pixel, or does not make the frames clearly alike.
    """
    found = correlate(*(_standardised(image) for image in (before, after)))
    step, correlation = found.peak, found.at(found.peak) / before.size
    gain = correlation - found.at((round(expected[0]), round(expected[1]))) / before.size
    is_new = max(abs(step[0] - expected[0]), abs(step[1] - expected[1])) > 1
    is_sure = gain >= MIN_GAIN and correlation >= MIN_CORRELATION
    return step if is_new and is_sure else None


def on_grid(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return a frame (Y, X) on the grid of registration, smoothed."""
    spacing = grid_spacing(frame.shape)
    grid = np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0)[::spacing, ::spacing]
    return np.asarray(ndimage.gaussian_filter(grid, BLUR), dtype=np.float32)


def _standardised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = image - image.mean()
    spread = float(centred.std())
    return np.asarray(centred / spread if spread > 0 else centred, dtype=np.float32)

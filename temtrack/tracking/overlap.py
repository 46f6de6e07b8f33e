"""The `overlap` propagator: previous ids moved on by the registered drift and each particle's own motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from temtrack.linking.motion import MotionModel, Step

#: Frames are registered on a grid of at most this many points a side.
MAX_GRID = 512

#: Standard deviation of the blur, in grid points, that keeps the noise of single pixels from deciding.
BLUR = 1.5

#: A registered step is believed where it raises the correlation of the frames by at least so much.
MIN_GAIN = 0.05

#: And only where the frames, so shifted, correlate at least so much: a blank one fits anywhere.
MIN_CORRELATION = 0.3


class OverlapPropagator:
    """Carries labels from frame to frame without a model.

    Drift comes from registering the frame with that of the last reference; where the registered step does
    not make the two clearly more alike, the masks' own mean motion stands.
    """

    def __init__(self) -> None:
        self._motion = MotionModel()
        self._reference: NDArray[np.float32] | None = None

    def add_reference(self, frame: NDArray[np.generic], labels: NDArray[np.integer]) -> None:
        """Take the labels (Y, X) of a frame (Y, X); those of the newest frame are carried on."""
        self._reference = _on_grid(frame)
        self._motion.learn(labels)

    def propagate(self, frame: NDArray[np.generic]) -> NDArray[np.int32]:
        """Return the newest reference's labels where they are expected in ``frame`` (Y, X)."""
        if self._reference is None:
            raise ValueError("propagate needs a reference: call add_reference first")
        spacing = _spacing(frame.shape)
        expected = (self._motion.drift[0] / spacing, self._motion.drift[1] / spacing)
        step = register(self._reference, _on_grid(frame), expected)
        drift = (float(step[0] * spacing), float(step[1] * spacing)) if step else None
        return self._motion.predict(drift)


def register(
    before: NDArray[np.float32], after: NDArray[np.float32], expected: Step
) -> tuple[int, int] | None:
    """Return the whole step (y, x) by which ``after`` is shifted against ``before``.

    ``None`` where it is the expected one, within a pixel, or does not make the frames clearly alike.
    """
    shape = [fft.next_fast_len(2 * n, real=True) for n in before.shape]
    a, b = (_standardised(image) for image in (before, after))
    correlation = fft.irfft2(fft.rfft2(b, shape) * np.conj(fft.rfft2(a, shape)), shape) / a.size
    peak = np.unravel_index(np.argmax(correlation), correlation.shape)
    step = tuple(int(p) - n if p > n // 2 else int(p) for p, n in zip(peak, shape, strict=True))
    rest = (round(expected[0]), round(expected[1]))
    gain = correlation[peak] - correlation[rest[0] % shape[0], rest[1] % shape[1]]
    is_new = max(abs(step[0] - expected[0]), abs(step[1] - expected[1])) > 1
    is_sure = gain >= MIN_GAIN and correlation[peak] >= MIN_CORRELATION
    return (step[0], step[1]) if is_new and is_sure else None


def _spacing(shape: tuple[int, ...]) -> int:
    return -(-max(shape) // MAX_GRID)


def _on_grid(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    spacing = _spacing(frame.shape)
    grid = np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0)[::spacing, ::spacing]
    return np.asarray(ndimage.gaussian_filter(grid, BLUR), dtype=np.float32)


def _standardised(image: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = image - image.mean()
    spread = float(centred.std())
    return np.asarray(centred / spread if spread > 0 else centred, dtype=np.float32)

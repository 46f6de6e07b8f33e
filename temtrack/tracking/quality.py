"""Tell blank and blurred frames from good ones, against the frames before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Verdict = Literal["good", "blank", "blurred"]

#: Good frames whose median a new one is compared with.
N_COMPARED = 15

#: Below this share of the usual contrast a frame is blank.
BLANK_CONTRAST_SHARE = 0.25

#: Below this share of the usual sharpness a frame is blurred.
BLURRED_SHARPNESS_SHARE = 0.35

#: So many bad frames in a row are the new state of the movie, and good again.
MAX_BAD_FRAMES = 10

#: Blur (pixels) before contrast is measured, so that it is that of particles and not of noise.
PARTICLE_BLUR_PX = 3.0


@dataclass(frozen=True)
class FrameQuality:
    """Contrast and sharpness of a frame, in grey values, and what they say.

    Parameters
    ----------
    contrast
        Spread of the smoothed frame, 98th less 2nd percentile.
    sharpness
        Standard deviation of the Laplacian of the lightly smoothed frame.
    verdict
        ``good``, ``blank`` (nothing in it) or ``blurred``.
    """

    contrast: float
    sharpness: float
    verdict: Verdict


@dataclass
class QualityGauge:
    """Judges frames one after another."""

    _contrasts: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _sharpnesses: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _n_bad: int = 0

    def judge(self, frame: NDArray[np.generic]) -> FrameQuality:
        """Measure a frame (Y, X) and compare it with the good ones before; the first is good."""
        grey = np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0)
        low, high = np.percentile(ndimage.gaussian_filter(grey, PARTICLE_BLUR_PX)[::2, ::2], (2, 98))
        contrast = float(high - low)
        sharpness = float(ndimage.gaussian_laplace(grey, 1.0).std())
        verdict = self._verdict(contrast, sharpness)
        self._n_bad = 0 if verdict == "good" else self._n_bad + 1
        if self._n_bad > MAX_BAD_FRAMES:
            self._contrasts.clear()
            self._sharpnesses.clear()
            self._n_bad, verdict = 0, "good"
        if verdict == "good":
            self._contrasts.append(contrast)
            self._sharpnesses.append(sharpness)
        return FrameQuality(contrast, sharpness, verdict)

    def _verdict(self, contrast: float, sharpness: float) -> Verdict:
        if not self._contrasts:
            return "good"
        if contrast < BLANK_CONTRAST_SHARE * float(np.median(self._contrasts)):
            return "blank"
        if sharpness < BLURRED_SHARPNESS_SHARE * float(np.median(self._sharpnesses)):
            return "blurred"
        return "good"

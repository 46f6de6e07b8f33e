"""Tell blank and blurred frames from good ones, against the frames before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

QualityFlag = Literal["good", "blank", "blurred"]

#: Good frames whose median a new one is compared with.
N_COMPARED = 15

#: Below this share of the usual contrast a frame is blank.
BLANK_CONTRAST_FRACTION = 0.25

#: Below this share of the usual sharpness a frame is blurred,
BLURRED_SHARPNESS_FRACTION = 0.65

#: if it also lies so many standard deviations of the usual scatter below: few electrons scatter it widely.
BLURRED_SHARPNESS_SIGMAS = 4.0

#: So many bad frames in a row are the new state of the movie, and good again.
MAX_BAD_FRAMES = 10

#: Blur (pixels) before contrast is measured, so that it is that of particles and not of noise.
PARTICLE_BLUR_PX = 2.0

#: What the edges of particles have between this blur and the one before, a frame out of focus lacks.
EDGE_BLUR_PX = 4.0

#: The contrast and so much of it above and below is what particles have; burned-in letters have more.
CLIP_MARGIN = 0.5

#: White noise of unit variance answers to this with a variance of 36; what is smooth hardly does.
_NOISE_STENCIL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)


@dataclass(frozen=True)
class FrameQuality:
    """Contrast and sharpness of a frame, in grey values, and what they say.

    Parameters
    ----------
    contrast
        Spread of the smoothed frame, 98th less 2nd percentile.
    sharpness
        Standard deviation of the frame's details of `PARTICLE_BLUR_PX` to `EDGE_BLUR_PX`, camera noise
        taken out.
    flag
        ``good``, ``blank`` (nothing in it) or ``blurred``.
    """

    contrast: float
    sharpness: float
    flag: QualityFlag


@dataclass
class QualityEstimator:
    """Measures and flags frames one after another."""

    _contrasts: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _sharpnesses: deque[float] = field(default_factory=lambda: deque(maxlen=N_COMPARED))
    _n_bad: int = 0

    def measure(self, frame: NDArray[np.generic]) -> FrameQuality:
        """Measure a frame (Y, X) and compare it with the good ones before; the first is good."""
        contrast, sharpness = _measure(np.nan_to_num(frame.astype(np.float32), posinf=0, neginf=0))
        flag = self._flag(contrast, sharpness)
        self._n_bad = 0 if flag == "good" else self._n_bad + 1
        if self._n_bad > MAX_BAD_FRAMES:
            self._contrasts.clear()
            self._sharpnesses.clear()
            self._n_bad, flag = 0, "good"
        if flag == "good":
            self._contrasts.append(contrast)
            self._sharpnesses.append(sharpness)
        return FrameQuality(contrast, sharpness, flag)

    def _flag(self, contrast: float, sharpness: float) -> QualityFlag:
        if not self._contrasts:
            return "good"
        if contrast < BLANK_CONTRAST_FRACTION * float(np.median(self._contrasts)):
            return "blank"
        usual = float(np.median(self._sharpnesses))
        spread = 1.4826 * float(np.median(np.abs(np.array(self._sharpnesses) - usual)))
        if sharpness < min(BLURRED_SHARPNESS_FRACTION * usual, usual - BLURRED_SHARPNESS_SIGMAS * spread):
            return "blurred"
        return "good"


def _measure(grey: NDArray[np.float32]) -> tuple[float, float]:
    """Return contrast and sharpness of a frame (Y, X)."""
    smooth = ndimage.gaussian_filter(grey, PARTICLE_BLUR_PX)
    low, high = np.percentile(smooth[::2, ::2], (2, 98))
    margin = CLIP_MARGIN * (high - low)
    clipped = np.clip(smooth, low - margin, high + margin)
    details = clipped - ndimage.gaussian_filter(clipped, np.sqrt(EDGE_BLUR_PX**2 - PARTICLE_BLUR_PX**2))
    power = float((details**2).mean()) - _noise_gain() * _noise_variance(grey)
    return float(high - low), float(np.sqrt(max(power, 0.0)))


def _noise_variance(grey: NDArray[np.float32]) -> float:
    """Estimate the variance of white noise (Immerkaer 1996, DOI 10.1006/cviu.1996.0060)."""
    answer = np.abs(ndimage.convolve(grey, _NOISE_STENCIL)).mean()
    return float(np.pi / 2 * answer**2 / 36)


def _noise_gain() -> float:
    """Return the share of white noise's variance in the difference of the two Gaussian blurs."""
    fine, coarse = PARTICLE_BLUR_PX**2, EDGE_BLUR_PX**2
    return float((1 / (4 * fine) - 1 / (fine + coarse) + 1 / (4 * coarse)) / np.pi)

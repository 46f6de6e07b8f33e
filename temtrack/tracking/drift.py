"""How the whole field of view moves through a movie, registered from the images and kept for the record.

Each frame is registered with one of a few earlier ones, a keyframe, and not with the frame before: small
errors would add up. A frame that differs too much from the keyframe becomes the next one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.correlation import correlate, grid_spacing
from temtrack.linking.motion import Step
from temtrack.tracking.registration import BLUR, on_grid

#: Uneven illumination, which stays where it is, is left out: what is wider than this blur, in grid points.
_GROUND_BLUR = 16.0

#: A registration is sure where the correlation is so many times that of noise,
_MIN_SIGNIFICANCE = 8.0

#: and where they share at least so much of the field.
_MIN_COMMON_FRACTION = 0.2

#: From the peak of the cross-correlation it is seldom more than a step to the greatest correlation.
_MAX_CLIMBS = 5

#: Steps to the neighbours of a grid point, and none.
_NEARBY = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))

#: A frame becomes the keyframe where its correlation with the last one falls to this share of the first's.
_RENEWAL_FRACTION = 0.85

#: A step is a jump where it is at least this share of the field's longer side
MIN_JUMP_FRACTION = 0.01

#: and so many times the usual one, the median of the last steps;
MIN_JUMP_RATIO = 5.0

#: so many steps are remembered, and what is usual is known from so many on.
_N_COMPARED, _MIN_COMPARED = 15, 3


#: So many good frames in a row that fit the keyframe nowhere show another field, whose place is not known:
#: the way goes on from where it was.
_MAX_LOST = 3


@dataclass(frozen=True)
class FrameDrift:
    """Where the field of view of the first frame lies in a frame.

    Parameters
    ----------
    position_px
        (y, x) in pixels by which the picture has moved since the first frame; ``None`` where it is unknown.
    correlation
        Correlation with the frame that it was registered with, -1 to 1; ``None`` where there was none.
    is_jump
        Whether it moved much further than it usually does.
    """

    position_px: Step | None
    correlation: float | None
    is_jump: bool


@dataclass
class DriftEstimator:
    """Measures the drift of frames one after another.

    Parameters
    ----------
    keyframe, keyframe_px
        The frame on its grid that others are registered with, and its position.
    last_px, last_frame
        Position of the last frame that has one, and its number.
    usual_correlation
        Correlation of the first frame that was registered with the keyframe.
    steps_px
        Lengths of the last steps, per frame.
    n_frames
        Frames so far.
    n_lost
        Good frames in a row that fit the keyframe nowhere.
    """

    keyframe: NDArray[np.float32] | None = None
    keyframe_px: Step = (0.0, 0.0)
    last_px: Step = (0.0, 0.0)
    last_frame: int = 0
    usual_correlation: float | None = None
    steps_px: deque[float] = field(default_factory=lambda: deque(maxlen=_N_COMPARED))
    n_frames: int = 0
    n_lost: int = 0

    def measure(self, frame: NDArray[np.generic], is_good: bool) -> FrameDrift:
        """Register the next frame (Y, X); one that is blank or blurred has no position."""
        self.n_frames += 1
        if self.keyframe is not None and not is_good:
            return FrameDrift(None, None, False)
        grid = _details(frame)
        if self.keyframe is None:
            self.keyframe = grid
            return FrameDrift((0.0, 0.0), None, False)
        shift, spacing = find_shift(self.keyframe, grid), grid_spacing(frame.shape)
        if not shift.is_sure:
            return self._lose(grid, shift.correlation)
        self.n_lost = 0
        position = (
            self.keyframe_px[0] + shift.step[0] * spacing,
            self.keyframe_px[1] + shift.step[1] * spacing,
        )
        is_jump = self._take_step(position, max(frame.shape))
        self._renew(grid, position, shift.correlation)
        return FrameDrift(position, shift.correlation, is_jump)

    def _lose(self, grid: NDArray[np.float32], correlation: float) -> FrameDrift:
        """Take note of a good frame that fits the keyframe nowhere; the last of some is the next keyframe."""
        self.n_lost += 1
        if self.n_lost < _MAX_LOST:
            return FrameDrift(None, correlation, False)
        is_cut = len(self.steps_px) >= _MIN_COMPARED  # in mere noise nothing was ever registered
        self.steps_px.clear()
        self.keyframe, self.keyframe_px, self.usual_correlation, self.n_lost = grid, self.last_px, None, 0
        self.last_frame = self.n_frames - 1
        return FrameDrift(self.last_px, correlation, is_cut)

    def _take_step(self, position: Step, side_px: int) -> bool:
        """Take the step to a position into account and tell whether it is a jump."""
        length = float(np.hypot(position[0] - self.last_px[0], position[1] - self.last_px[1]))
        per_frame = length / (self.n_frames - 1 - self.last_frame)
        usual = float(np.median(self.steps_px)) if len(self.steps_px) >= _MIN_COMPARED else np.inf
        is_jump = length >= max(MIN_JUMP_FRACTION * side_px, MIN_JUMP_RATIO * usual)
        self.steps_px.append(per_frame)
        self.last_px, self.last_frame = position, self.n_frames - 1
        return is_jump

    def _renew(self, grid: NDArray[np.float32], position: Step, correlation: float) -> None:
        if self.usual_correlation is None:
            self.usual_correlation = correlation
        elif correlation < _RENEWAL_FRACTION * self.usual_correlation:
            self.keyframe, self.keyframe_px, self.usual_correlation = grid, position, None


@dataclass(frozen=True)
class Shift:
    """By how many grid points (y, x) an image is shifted, the correlation then, and if that is sure."""

    step: Step
    correlation: float
    is_sure: bool


def find_shift(before: NDArray[np.float32], after: NDArray[np.float32]) -> Shift:
    """Register two images (Y, X) on their grid to a part of a grid point.

    The search begins at the greatest cross-correlation and climbs to the greatest correlation coefficient of
    what both show, which, unlike sums over the whole images, does not favour small shifts. The part of a grid
    point is the vertex of a parabola through it and its neighbours.
    """
    whole = correlate(before, after).peak
    nearby = _correlations(before, after, whole)
    for _ in range(_MAX_CLIMBS):
        best = max(nearby, key=lambda step: nearby[step])
        if best == (0, 0):
            break
        whole = (whole[0] + best[0], whole[1] + best[1])
        nearby = _correlations(before, after, whole)
    correlation = nearby[0, 0]
    y = whole[0] + _vertex(nearby[-1, 0], correlation, nearby[1, 0])
    x = whole[1] + _vertex(nearby[0, -1], correlation, nearby[0, 1])
    n_common = (before.shape[0] - abs(whole[0])) * (before.shape[1] - abs(whole[1]))
    significance = correlation * np.sqrt(n_common / (4 * np.pi * BLUR**2))
    return Shift((y, x), correlation, bool(significance >= _MIN_SIGNIFICANCE))


def _correlations(
    before: NDArray[np.float32], after: NDArray[np.float32], whole: tuple[int, int]
) -> dict[tuple[int, int], float]:
    """Return the correlation coefficients at a whole shift and beside it, 0 where too little is common."""
    common = _common(before, after, whole)
    return {step: _correlation(*common, step) if common else 0.0 for step in _NEARBY}


def _common(
    before: NDArray[np.float32], after: NDArray[np.float32], shift: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return what both show: that of the one without a margin of a pixel, that of the other with it."""
    inner, around = [], []
    for n, s in zip(before.shape, shift, strict=True):
        start, stop = max(0, -s), min(n, n - s)
        inner.append(slice(start + 1, stop - 1))
        around.append(slice(start + s, stop + s))
    a, b = before[tuple(inner)], after[tuple(around)]
    return (a, b) if min(b.shape) > 3 and b.size >= _MIN_COMMON_FRACTION * before.size else None


def _correlation(inner: NDArray[np.float32], around: NDArray[np.float32], step: tuple[int, int]) -> float:
    """Return the correlation coefficient with the other image moved by up to a grid point."""
    (height, width), (dy, dx) = inner.shape, step
    other = around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
    a, b = inner - inner.mean(), other - other.mean()
    power = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / power if power > 0 else 0.0


def _vertex(before: float, peak: float, after: float) -> float:
    """Return where the parabola through three values at -1, 0 and 1 is greatest, at most half a step off."""
    bend = before + after - 2 * peak
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _details(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return a frame (Y, X) on the grid of registration, without what is as wide as the illumination."""
    grid = on_grid(frame)
    return np.asarray(grid - ndimage.gaussian_filter(grid, _GROUND_BLUR), dtype=np.float32)

"""How the whole field of view moves through a movie, registered from the images once for each frame.

Each frame is registered with one of a few earlier ones, a keyframe, and not with the frame before: small
errors would add up. A frame that differs too much from the keyframe becomes the next one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.registration import (
    FrameRegistration,
    Shift,
    Step,
    details_on_grid,
    find_shift,
    grid_spacing,
)

#: A frame becomes the keyframe where its correlation with the last one falls to this share of the first's,
_RENEWAL_FRACTION = 0.85

#: and where it has moved by more than this share of the field along an axis, so that both still show enough.
_RENEWAL_SHIFT = 0.2

#: A step is a jump where it is at least this share of the field's longer side
MIN_JUMP_FRACTION = 0.01

#: and so many times the usual one, the median of the last steps;
MIN_JUMP_RATIO = 5.0

#: so many steps are remembered, and what is usual is known from so many on.
_N_COMPARED, _MIN_COMPARED = 15, 3

#: So many good frames in a row that fit the keyframe nowhere show another field, whose place is not known:
#: the way goes on from where it was.
_MAX_LOST = 3


@dataclass
class DriftEstimator:
    """Registers frames one after another.

    Parameters
    ----------
    keyframe, keyframe_px
        The frame on its grid that others are registered with, and its position.
    usual_correlation
        Correlation of the first frame that was registered with the keyframe.
    last_px, last_frame
        Position of the last frame that has one, and its number.
    steps_px
        Lengths of the last steps, per frame.
    n_frames
        Frames so far.
    n_lost
        Good frames in a row that fit the keyframe nowhere.
    """

    keyframe: NDArray[np.float32] | None = None
    keyframe_px: Step = (0.0, 0.0)
    usual_correlation: float | None = None
    last_px: Step = (0.0, 0.0)
    last_frame: int = 0
    steps_px: deque[float] = field(default_factory=lambda: deque(maxlen=_N_COMPARED))
    n_frames: int = 0
    n_lost: int = 0

    def measure(self, frame: NDArray[np.generic], is_good: bool) -> FrameRegistration:
        """Register the next frame (Y, X); one that is blank or blurred tells at most its step."""
        self.n_frames += 1
        grid = details_on_grid(frame)
        if self.keyframe is None:
            self.keyframe = grid
            return FrameRegistration(position_px=(0.0, 0.0))
        shift, spacing = find_shift(self.keyframe, grid), grid_spacing(frame.shape)
        if not shift.is_sure:
            return self._lose(grid, shift.correlation) if is_good else FrameRegistration()
        position = (
            self.keyframe_px[0] + shift.step[0] * spacing,
            self.keyframe_px[1] + shift.step[1] * spacing,
        )
        # of a good frame without a position only the masks know how far it had moved
        step = (position[0] - self.last_px[0], position[1] - self.last_px[1]) if self.n_lost == 0 else None
        if not is_good:
            return FrameRegistration(step)
        self.n_lost = 0
        is_jump = self._take_step(position, max(frame.shape))
        self._renew(grid, position, shift)
        return FrameRegistration(step, position, shift.correlation, is_jump)

    def _lose(self, grid: NDArray[np.float32], correlation: float) -> FrameRegistration:
        """Take note of a good frame that fits the keyframe nowhere; the last of some is the next keyframe."""
        self.n_lost += 1
        if self.n_lost < _MAX_LOST:
            return FrameRegistration(correlation=correlation)
        is_cut = len(self.steps_px) >= _MIN_COMPARED  # in mere noise nothing was ever registered
        self.steps_px.clear()
        self.keyframe, self.keyframe_px, self.usual_correlation, self.n_lost = grid, self.last_px, None, 0
        self.last_frame = self.n_frames - 1
        return FrameRegistration(None, self.last_px, correlation, is_cut)

    def _take_step(self, position: Step, side_px: int) -> bool:
        """Take the step to a position into account and tell whether it is a jump."""
        length = float(np.hypot(position[0] - self.last_px[0], position[1] - self.last_px[1]))
        per_frame = length / (self.n_frames - 1 - self.last_frame)
        usual = float(np.median(self.steps_px)) if len(self.steps_px) >= _MIN_COMPARED else np.inf
        is_jump = length >= max(MIN_JUMP_FRACTION * side_px, MIN_JUMP_RATIO * usual)
        self.steps_px.append(per_frame)
        self.last_px, self.last_frame = position, self.n_frames - 1
        return is_jump

    def _renew(self, grid: NDArray[np.float32], position: Step, shift: Shift) -> None:
        """Make a frame the keyframe where the last one is too unlike or too far."""
        is_far = any(abs(s) > _RENEWAL_SHIFT * n for s, n in zip(shift.step, grid.shape, strict=True))
        usual = shift.correlation if self.usual_correlation is None else self.usual_correlation
        if is_far or shift.correlation < _RENEWAL_FRACTION * usual:
            self.keyframe, self.keyframe_px, self.usual_correlation = grid, position, None
        else:
            self.usual_correlation = usual

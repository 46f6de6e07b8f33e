"""The `overlap` tracker: previous ids moved on by the registered drift and each particle's own motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.correlation import grid_spacing
from temtrack.imaging.labels import Regions
from temtrack.linking.motion import MotionModel
from temtrack.tracking.registration import find_drift, on_grid


class OverlapTracker:
    """Propagates labels from frame to frame without a network.

    Drift comes from registering the frame with that of the last reference; where the registered step does
    not make the two clearly more alike, the masks' own mean motion stands.
    """

    state_classes: tuple[type, ...] = (MotionModel, Regions)

    def __init__(self) -> None:
        self._motion = MotionModel()
        self._reference: NDArray[np.float32] | None = None

    def add_reference(self, frame: NDArray[np.generic], labels: NDArray[np.integer]) -> None:
        """Take the labels (Y, X) of a frame (Y, X); those of the newest frame are propagated."""
        self._reference = on_grid(frame)
        self._motion.learn(labels)

    def propagate(self, frame: NDArray[np.generic]) -> NDArray[np.int32]:
        """Return the newest reference's labels where they are expected in ``frame`` (Y, X)."""
        if self._reference is None:
            raise ValueError("propagate needs a reference: call add_reference first")
        drift = find_drift(self._reference, on_grid(frame), grid_spacing(frame.shape), self._motion.drift)
        return self._motion.predict(drift)

    def state(self) -> tuple[MotionModel, NDArray[np.float32] | None]:
        """Return all that it remembers: motion and last labels, and the last reference on its grid."""
        return self._motion, self._reference

    def restore(self, state: tuple[MotionModel, NDArray[np.float32] | None]) -> None:
        """Take what `state` returned in place of all that it remembers."""
        self._motion, self._reference = state

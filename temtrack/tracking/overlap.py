"""The `overlap` tracker: ids moved on by the registered step of the field and each particle's own motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage
from temtrack.linking.motion import Prediction


class OverlapTracker:
    """Takes the labels where motion predicts them, and remembers nothing."""

    state_classes: tuple[type, ...] = ()

    def add_reference(self, frame: NDArray[np.generic], labels: LabelImage) -> None:
        """Take the labels of a frame (Y, X)."""

    def propagate(
        self, frame: NDArray[np.generic], detections: LabelImage, prediction: Prediction
    ) -> LabelImage:
        """Return the labels as they are predicted in ``frame`` (Y, X)."""
        return prediction.labels

    def state(self) -> None:
        """Return all that it remembers: nothing."""

    def restore(self, state: None) -> None:
        """Take what `state` returned."""

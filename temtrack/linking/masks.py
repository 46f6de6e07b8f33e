"""Link masks alone: no movie, no model, only the label images of a segmentation or of another tracker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.registration import FrameRegistration
from temtrack.lineage import Lineage
from temtrack.linking.config import LinkingConfig
from temtrack.linking.lineage_builder import LinkedFrame
from temtrack.linking.linker import Linker
from temtrack.linking.motion import MotionModel


class LinkedMasks:
    """The frames of `link_images`, to be iterated once, and then their lineage."""

    def __init__(self, images: Iterable[LabelImage], config: LinkingConfig | None) -> None:
        self._images = images
        self._linker = Linker(config)
        self._lineage: Lineage | None = None

    def __iter__(self) -> Iterator[LinkedFrame]:
        motion = MotionModel()
        for t, image in enumerate(self._images):
            detections = image.numbered()
            registration = motion.register(detections) if t else FrameRegistration()
            predicted = motion.predict(registration.step_px).labels if t else None
            labels = self._linker.push(predicted, detections)
            if not self._linker.state.is_bridged:
                linker = self._linker
                motion.learn(labels, registration.is_jump, linker.unseen, linker.tentative)
            yield from self._linker.finished()
        self._lineage = self._linker.finish()
        yield from self._linker.finished()

    @property
    def lineage(self) -> Lineage:
        """The lineage; known once all frames have been taken."""
        if self._lineage is None:
            raise ValueError("the lineage is known after the last frame: iterate over all frames first")
        return self._lineage


def link_masks(masks: Iterable[NDArray[np.integer]], config: LinkingConfig | None = None) -> LinkedMasks:
    """Link label images (Y, X), whose ids need not agree from frame to frame, into tracks and merges.

    Frames are read one at a time and given out with a delay of the look-ahead.
    """
    return link_images(map(LabelImage, masks), config)


def link_images(images: Iterable[LabelImage], config: LinkingConfig | None = None) -> LinkedMasks:
    """Link the same; what is measured of the images is there for others, too."""
    return LinkedMasks(images, config)

"""Two models in a row: one finds boxes on a reduced image, the other outlines what is in them at full size.

Duan et al. 2024 propose it for large images: a fast detector leads, and a promptable network sees only
the tiles that hold a particle, once and at no other scale.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError
from temtrack.imaging.labels import bounding_boxes
from temtrack.models.registry import JOINT, ModelSpec, Polarity
from temtrack.segmentation.model import Segmentation, SegmentationModel, middle_frame
from temtrack.segmentation.sight import SightEstimate

if TYPE_CHECKING:
    from temtrack.segmentation.segmenter import Segmenter

REDUCED_SIDE_PX = 1536  # longest side of the image that the first model sees
MARGIN_FRACTION = 0.04  # of a box's side: the reduced image's boxes are a little tight or wide


class CascadeModel(SegmentationModel):
    """Finds particles with one model and outlines them with another, which takes boxes.

    The scale is the one at which the first model sees the reduced image; the second's follows from the boxes,
    and the scores are the second's.

    Raises
    ------
    UsageError
        Where the second takes no boxes.
    """

    takes_prompts = True

    def __init__(self, first: Segmenter, second: Segmenter) -> None:
        if not second.takes_prompts:
            raise UsageError(
                f"'{second.spec.name}' takes no boxes: after the {JOINT} give one that does, as effsam-tiny"
            )
        self.first, self.second = first, second
        name = JOINT.join(each.spec.name for each in (first, second))
        facts = {each.spec.name: each.sha256 for each in (first, second)}
        self.spec = ModelSpec(name, name, None, None, dict(facts))
        self.sha256 = JOINT.join(each.sha256 or each.spec.name for each in (first, second))

    def segment(
        self, image: NDArray[Any], sight: SightEstimate | None, min_area_px: float | None
    ) -> Segmentation:
        """Outline the particles that the first model finds; the second sees the frame alone."""
        frame = middle_frame(image)
        reduced, factor = reduce(frame)
        least = None if min_area_px is None else min_area_px * factor**2
        found = self.first.segment(reduced, sight, least)
        boxes = boxes_of(found.labels, factor, frame.shape)
        if not len(boxes):
            return Segmentation.empty(frame.shape)
        return replace(self.second.predict_prompts(frame, boxes=boxes), sight=found.sight)

    def find_sight(
        self, image: NDArray[Any], polarity: Polarity = "auto", scale: float | None = None
    ) -> SightEstimate | None:
        """Return how the first model sees the reduced image well, if it sees particles."""
        return self.first.find_sight(reduce(middle_frame(image))[0], polarity, scale)

    def predict_prompts(
        self, image: NDArray[Any], points: NDArray[Any] | None, boxes: NDArray[Any] | None
    ) -> Segmentation:
        """Ask the second model alone."""
        return self.second.predict_prompts(image, points, boxes)


def reduce(image: NDArray[Any]) -> tuple[NDArray[np.float32], float]:
    """Return an image (Y, X) with its longest side at most `REDUCED_SIDE_PX`, and the factor to its size."""
    grey = np.asarray(image, np.float32)
    factor = min(1.0, REDUCED_SIDE_PX / max(grey.shape))
    if factor == 1.0:
        return grey, 1.0
    import torch  # a classical model starts without it

    from temtrack.segmentation.tiling import scaled_input

    return scaled_input(grey, factor, 1, torch.device("cpu"))[0, 0].numpy(), factor


def boxes_of(labels: NDArray[np.int32], factor: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the boxes (N, 4) y0, x0, y1, x1, of labels found at ``factor``, in an image of ``shape``."""
    edges = np.array(
        [[ys.start, xs.start, ys.stop, xs.stop] for ys, xs in bounding_boxes(labels).values()], np.float64
    ).reshape(-1, 4)
    margin = MARGIN_FRACTION * np.tile(edges[:, 2:] - edges[:, :2], 2) * [-1, -1, 1, 1]
    height, width = shape
    boxes: NDArray[np.float64] = np.clip(
        (edges + margin) / factor - [0, 0, 1, 1], 0, [height - 1, width - 1] * 2
    )
    return boxes

"""How frames lie on a network's input: at one scale, and moved so that the specimen rests on its token grid.

A padded input is a little larger than the scaled frame. The frame lies on it where the specimen's drift so
far, in whole input pixels, puts every particle at the same place within its token as in the first frame; what
remains of the drift is a whole number of tokens. So drift never blurs a memory, however far it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from temtrack.imaging.labels import nearest_pixels, typical_diameter
from temtrack.imaging.registration import Step
from temtrack.tracking.deaot.decoding import Axis

STRIDE = 16  # input pixels from one token of the network to the next
OUTPUT_STRIDE = 4  # input pixels from one logit of the network to the next
MIN_SCALE, MAX_SCALE = 0.15, 6.0

Pair = tuple[int, int]


@dataclass(frozen=True)
class PaddedInput:
    """A frame's place on the network's input; everything is (y, x).

    Parameters
    ----------
    frame_shape
        Of the frame, in its own pixels.
    scaled_shape
        Of the frame, in input pixels.
    offset
        Where the frame begins on the padded input, in input pixels from 0 to 15.
    origin
        Corner of the padded input on the specimen, in tokens; (0, 0) in the first frame.
    """

    frame_shape: Pair
    scaled_shape: Pair
    offset: Pair
    origin: Pair

    @property
    def shape(self) -> Pair:
        """Height and width in input pixels, 16 k + 1."""
        height, width = (-(-(n + STRIDE - 2) // STRIDE) * STRIDE + 1 for n in self.scaled_shape)
        return height, width

    @property
    def scale(self) -> float:
        """Input pixels to a pixel of the frame."""
        return self.scaled_shape[0] / self.frame_shape[0]

    def place_image(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an image (Y, X) on the padded input (H, W), mirrored beyond its borders."""
        if self.scaled_shape != self.frame_shape:
            tensor = torch.from_numpy(np.ascontiguousarray(grey))[None, None]
            size = list(self.scaled_shape)
            tensor = F.interpolate(
                tensor, size, mode="bilinear", align_corners=False, antialias=self.scale < 1
            )
            grey = tensor[0, 0].numpy()
        return self._mirrored(grey)

    def place_labels(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return labels (Y, X) on the padded input (H, W), mirrored as the image is."""
        return self._mirrored(nearest_pixels(labels, self.scaled_shape))

    def axes(self) -> tuple[Axis, Axis]:
        """Return where the frame's rows and columns lie between the nodes of the network's logits."""
        rows, columns = (
            Axis.at(
                (((np.arange(n) + 0.5) * m / n - 0.5) + first) / OUTPUT_STRIDE,
                (side - 1) // OUTPUT_STRIDE + 1,
            )
            for n, m, first, side in zip(
                self.frame_shape, self.scaled_shape, self.offset, self.shape, strict=True
            )
        )
        return rows, columns

    def _mirrored(self, image: NDArray[Any]) -> NDArray[Any]:
        after = [
            whole - first - n
            for whole, first, n in zip(self.shape, self.offset, self.scaled_shape, strict=True)
        ]
        return np.pad(image, list(zip(self.offset, after, strict=True)), mode="symmetric")


def pad_input(frame_shape: Pair, scale: float, drift_px: Step) -> PaddedInput:
    """Return the padded input of a frame whose specimen has drifted by (y, x) frame pixels in all."""
    height, width = (max(1, round(n * scale)) for n in frame_shape)
    drift = [round(step * scale) for step in drift_px]
    offset = [-step % STRIDE for step in drift]
    origin = [-(first + step) // STRIDE for first, step in zip(offset, drift, strict=True)]
    return PaddedInput(frame_shape, (height, width), (offset[0], offset[1]), (origin[0], origin[1]))


def choose_scale(labels: NDArray[np.integer], target_diameter_px: float, max_input_px: int) -> float | None:
    """Return the scale that makes the typical particle of labels (Y, X) as wide as the network knows it.

    Less where the input would have more than ``max_input_px`` pixels; ``None`` where there is no particle.
    """
    diameter = typical_diameter(labels)
    if diameter is None:
        return None
    most = min(MAX_SCALE, (max_input_px / labels.size) ** 0.5)
    return float(min(max(target_diameter_px / diameter, MIN_SCALE), most))


def shift_onto(image: NDArray[Any], origin: Pair, target: PaddedInput) -> NDArray[Any]:
    """Return what a padded input (H, W) with its corner at ``origin`` shows on another, 0 where nothing."""
    out = np.zeros(target.shape, image.dtype)
    to, source = [], []
    for a, b, n, m in zip(origin, target.origin, target.shape, image.shape, strict=True):
        step = STRIDE * (a - b)
        start = max(0, step)
        stop = max(start, min(n, m + step))
        to.append(slice(start, stop))
        source.append(slice(start - step, stop - step))
    out[tuple(to)] = image[tuple(source)]
    return out

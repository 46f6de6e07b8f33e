"""What every way of segmenting gives and takes: a network, the classical baseline, two models in a row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError
from temtrack.imaging.labels import compact, filter_fragments
from temtrack.models.registry import ModelSpec

FRAGMENT_FRACTION = 0.05  # of the area-weighted median area: what is smaller is a fragment or dirt


@dataclass(frozen=True)
class Segmentation:
    """The particles of an image.

    Parameters
    ----------
    labels
        (Y, X) int32, 0 background.
    scores
        (N,) float32, 0 to 1: at ``i - 1`` that of the particle with the id ``i``. A network that predicts
        maps gives the mean probability of foreground inside the particle, a detector its confidence; NaN
        where nothing is known.
    scale
        Factor by which the image was resized for the model; ``None`` where nothing was to be seen.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]
    scale: float | None = field(default=None, kw_only=True)

    @classmethod
    def empty(cls, shape: tuple[int, ...], n: int = 0) -> Segmentation:
        """Return background of a shape (Y, X), with NaN as the score of ``n`` particles without pixels."""
        return cls(np.zeros(shape, np.int32), np.full(n, np.nan, np.float32))

    def without_small(self, min_area_px: float | None = None) -> Segmentation:
        """Leave out particles below an area (px), by default a twentieth of the typical one; number anew."""
        if min_area_px is None:
            kept = filter_fragments(self.labels, FRAGMENT_FRACTION)
        else:
            kept = filter_fragments(self.labels, 0.0, max(1, math.ceil(min_area_px)))
        labels, ids = compact(kept)
        return Segmentation(labels, self.scores[ids - 1], scale=self.scale)


class SegmentationModel:
    """What works behind a `Segmenter`, on images (Y, X) of any type that may hold NaN.

    ``min_area_px`` is the model's own least area, ``None`` where each image decides.
    """

    spec: ModelSpec
    sha256: str | None = None
    takes_prompts: bool = False
    min_area_px: float | None = None

    def segment(self, image: NDArray[Any], scale: float | None, min_area_px: float | None) -> Segmentation:
        """Find every particle, small ones too; see `Segmenter.segment`."""
        raise NotImplementedError

    def find_scale(self, image: NDArray[Any]) -> float | None:
        """Return the scale that suits an image, for `segment`; ``None`` where nothing is found."""
        raise NotImplementedError

    def predict_prompts(
        self, image: NDArray[Any], points: NDArray[Any] | None, boxes: NDArray[Any] | None
    ) -> Segmentation:
        """Find the particles that points or boxes ask for; see `Segmenter.predict_prompts`."""
        raise UsageError(
            f"'{self.spec.name}' takes no points or boxes; use a model that does, as effsam-tiny"
        )

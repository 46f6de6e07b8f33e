"""What every way of segmenting gives and takes: a network, the classical baseline, two models in a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import UsageError
from temtrack.imaging.labels import compact, filter_fragments
from temtrack.imaging.spans import Box
from temtrack.models.registry import ModelSpec, Polarity

if TYPE_CHECKING:
    from temtrack.segmentation.sight import Sight, SightEstimate

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
    sight
        How the image was shown to the model; ``None`` where nothing was to be seen.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]
    sight: Sight | None = field(default=None, kw_only=True)

    @classmethod
    def empty(cls, shape: tuple[int, ...], n: int = 0) -> Segmentation:
        """Return background of a shape (Y, X), with NaN as the score of ``n`` particles without pixels."""
        return cls(np.zeros(shape, np.int32), np.full(n, np.nan, np.float32))

    def without_small(self, min_area_px: float | None = None) -> Segmentation:
        """Leave out particles below an area (px), by default a twentieth of the typical one; number anew."""
        labels, ids = compact(drop_small(self.labels, min_area_px))
        return Segmentation(labels, self.scores[ids - 1], sight=self.sight)

    def without_unsure(self, min_score: float) -> Segmentation:
        """Leave out particles of a lower score, not those of an unknown one; their ids stay free."""
        is_unsure = np.append(False, self.scores < min_score)
        return replace(self, labels=np.where(is_unsure[self.labels], 0, self.labels))


def drop_small(labels: NDArray[np.integer], min_area_px: float | None) -> NDArray[np.int32]:
    """Return labels (Y, X) without those below an area (px), by default a twentieth of the typical one."""
    if min_area_px is None:
        return filter_fragments(labels, FRAGMENT_FRACTION)
    return filter_fragments(labels, 0.0, max(1, math.ceil(min_area_px)))


def middle_frame(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image (Y, X) itself, or the frame of one that comes with its neighbours (3, Y, X)."""
    return image if image.ndim == 2 else image[1]


class SegmentationModel:
    """What works behind a `Segmenter`, on images of any type that may hold NaN.

    They are (Y, X), or (3, Y, X) with the means of a frame's neighbours before and behind it.

    ``min_area_px`` is the model's own least area, ``None`` where each image decides; ``averages_views`` says
    that the mean of two views of an image counts, unless a sight says otherwise.
    """

    spec: ModelSpec
    sha256: str | None = None
    takes_prompts: bool = False
    averages_views: bool = False
    min_area_px: float | None = None

    def segment(
        self, image: NDArray[Any], sight: SightEstimate | None, min_area_px: float | None
    ) -> Segmentation:
        """Find every particle, small ones too; see `Segmenter.segment`."""
        raise NotImplementedError

    def segment_parts(self, image: NDArray[Any], boxes: Sequence[Box], sight: SightEstimate) -> Segmentation:
        """Find what lies in some boxes of an image, of a model that knows only whole images all the same."""
        return self.segment(image, sight, None)

    def find_sight(
        self, image: NDArray[Any], polarity: Polarity = "auto", scale: float | None = None
    ) -> SightEstimate | None:
        """Return what suits an image, for `segment`; ``None`` where nothing is found."""
        raise NotImplementedError

    def predict_prompts(
        self, image: NDArray[Any], points: NDArray[Any] | None, boxes: NDArray[Any] | None
    ) -> Segmentation:
        """Find the particles that points or boxes ask for; see `Segmenter.predict_prompts`."""
        raise UsageError(
            f"'{self.spec.name}' takes no points or boxes; use a model that does, as effsam-tiny"
        )

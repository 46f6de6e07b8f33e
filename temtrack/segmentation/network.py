"""A network as a segmentation model: it predicts everything, or what prompts point at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from temtrack.imaging.intensity import CENTRING_BLUR_PX, rescale_intensity
from temtrack.imaging.labels import nearest_pixels
from temtrack.imaging.spans import Box
from temtrack.models.registry import ModelSpec, Polarity
from temtrack.nets.device import bf16_where_native
from temtrack.segmentation.adapters import Adapter
from temtrack.segmentation.model import Segmentation, SegmentationModel, middle_frame
from temtrack.segmentation.parts import join_parts
from temtrack.segmentation.prompts import Prompts
from temtrack.segmentation.scale import Prediction, scale_for
from temtrack.segmentation.score import MIN_FLATTENED_SCORE, ScoreModels
from temtrack.segmentation.sight import Sight, SightEstimate, SightFinder
from temtrack.segmentation.tiling import View, scaled_input, scaled_length


class NetworkModel(SegmentationModel):
    """A network with its weights on a device.

    A model that was trained for images of one magnification states its own ``scale``, ``min_area_px`` and
    ``centring_blur_px`` in its description; one that knows flattened backgrounds its ``sure_confidence``.

    Parameters
    ----------
    tta
        Whether two views of an image count where the adapter can average them; see `tiling.View`.
    """

    def __init__(
        self,
        net: nn.Module,
        adapter: Adapter,
        spec: ModelSpec,
        sha256: str,
        device: torch.device,
        tta: bool = False,
    ) -> None:
        self.net = net.to(device).eval()
        self.adapter = adapter
        self.spec = spec
        self.sha256 = sha256
        self.device = device
        self.averages_views = tta and adapter.averages_views
        self.takes_prompts = adapter.predict_prompts is not None
        self.scale = spec.number("scale") or adapter.scale
        self.min_area_px = spec.number("min_area_px")
        self.centring_blur_px = spec.number("centring_blur_px") or CENTRING_BLUR_PX
        self.sure = spec.number("sure_confidence") or 0.0
        self.score_models = ScoreModels.of(spec.facts)

    def segment(
        self, image: NDArray[Any], sight: SightEstimate | None, min_area_px: float | None
    ) -> Segmentation:
        """Find every particle as an image is shown, or as suits it."""
        grey = _contrast_of(image)
        if grey is None:
            return Segmentation.empty(image.shape[-2:])
        seen = sight or self._find_sight(grey) or SightEstimate(Sight())
        return self._see(seen.sight.show(grey, self.centring_blur_px), seen)

    def segment_parts(self, image: NDArray[Any], boxes: Sequence[Box], sight: SightEstimate) -> Segmentation:
        """Find what lies in some boxes of an image, whose grey values are scaled as those of the whole."""
        shape = image.shape[-2:]
        grey = _contrast_of(image)
        if grey is None:
            return Segmentation.empty(shape)
        shown = sight.sight.show(grey, self.centring_blur_px)
        alone = SightEstimate(sight.sight)
        parts = [self._see(np.ascontiguousarray(shown[..., ys, xs]), alone) for ys, xs in boxes]
        return replace(join_parts(shape, boxes, parts), sight=sight.sight)

    def find_sight(
        self, image: NDArray[Any], polarity: Polarity = "auto", scale: float | None = None
    ) -> SightEstimate | None:
        """Return how an image is shown best, its particles as wide as the network likes them."""
        grey = _contrast_of(image)
        return None if grey is None else self._find_sight(grey, polarity, scale)

    def predict_prompts(
        self, image: NDArray[Any], points: NDArray[Any] | None, boxes: NDArray[Any] | None
    ) -> Segmentation:
        """Find the particles that points or boxes ask for, at a scale that suits the boxes or the image."""
        if self.adapter.predict_prompts is None:
            return super().predict_prompts(image, points, boxes)
        prompts = Prompts.of(points, boxes)
        grey = _contrast_of(image)
        if grey is None:
            return Segmentation.empty(image.shape, len(prompts))
        if boxes is not None:
            sides = np.abs(boxes[:, 2:] - boxes[:, :2]) + 1
            sight = Sight(self.scale or scale_for(float(np.median(np.sqrt(sides.prod(axis=1))))))
        else:
            estimate = self._find_sight(grey)
            sight = Sight() if estimate is None else estimate.sight
        grey, scale = sight.show(grey, self.centring_blur_px), sight.scale
        with torch.inference_mode(), bf16_where_native(self.device):
            scaled = scaled_input(grey, scale, self.adapter.tiling.multiple, self.device)
            found = self.adapter.predict_prompts(self.net, scaled, prompts.scaled(scale))
        height, width = (scaled_length(n, scale) for n in grey.shape)
        labels = nearest_pixels(found.labels[:height, :width], grey.shape).astype(np.int32)
        return Segmentation(labels, found.scores, sight=sight)

    def _find_sight(
        self, grey: NDArray[np.float32], polarity: Polarity = "auto", scale: float | None = None
    ) -> SightEstimate | None:
        if self.scale is not None:
            return SightEstimate(Sight(scale or self.scale, is_bright=polarity == "bright"))
        finder = SightFinder(
            self._predict_at_scale, self._scored, self.centring_blur_px, polarity, scale, self.sure
        )
        return finder.find(grey)

    def _scored(self, found: Segmentation, shown: NDArray[np.float32], sight: Sight) -> Segmentation:
        """Tell how likely particles are ones, and leave out unlikely ones on a flattened background."""
        if self.score_models is None:
            return replace(found, sight=sight)
        is_flat = sight.background_px is not None
        model = self.score_models.flattened if is_flat else self.score_models.plain
        scores = model.score(found.labels, middle_frame(shown), found.scores)
        scored = replace(found, scores=scores, sight=sight)
        return scored.without_unsure(MIN_FLATTENED_SCORE) if is_flat else scored

    def _predict_at_scale(self, grey: NDArray[np.float32], scale: float) -> Prediction:
        return self._decode([self._forward(grey, View(scale))], grey, scale)

    def _see(self, shown: NDArray[np.float32], seen: SightEstimate) -> Segmentation:
        """Find the particles of what is shown from all views; what was predicted is not predicted again."""
        scale, known = seen.sight.scale, seen.prediction
        views = [self._forward(shown, View(scale)) if known is None else known.output]
        if self.averages_views and seen.sight.n_views != 1:
            views.append(self._forward(shown, View(scale, shifted=True)))
        return self._scored(self._decode(views, shown, scale), shown, seen.sight)

    def _decode(self, outputs: Sequence[Any], grey: NDArray[np.float32], scale: float) -> Prediction:
        shape = grey.shape[-2:]
        merged: Any = self.adapter.merge(outputs, shape, scale)
        return self.adapter.decode(merged, shape, scale, outputs[0])

    def _forward(self, grey: NDArray[np.float32], view: View) -> Any:
        with torch.inference_mode():
            return self.adapter.forward(self.net, grey, view, self.device)


def _contrast_of(image: NDArray[Any]) -> NDArray[np.float32] | None:
    """Return the grey values of an image in [0, 1]; ``None`` where it has no contrast."""
    grey = rescale_intensity(image)
    return grey if grey.any() else None

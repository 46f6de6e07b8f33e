"""From a model's name to a segmenter that is ready to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temtrack.loading import build_segmenter, find_device, load_weights
from temtrack.registry import find_model

if TYPE_CHECKING:
    from temtrack.segmentation.otsu import OtsuSegmenter
    from temtrack.segmentation.segmenter import Segmenter


def load_segmenter(model: str, device: str = "auto") -> Segmenter | OtsuSegmenter:
    """Load a registered model, or a training run's folder, onto a device.

    Raises
    ------
    ModelError
        Unknown model, missing or damaged weights.
    UsageError
        A device that this machine lacks.
    """
    spec = find_model(model)
    if spec.architecture == "otsu":
        from temtrack.segmentation.otsu import OtsuSegmenter

        return OtsuSegmenter(spec)
    from temtrack.segmentation.adapters import ADAPTERS
    from temtrack.segmentation.segmenter import Segmenter

    net = build_segmenter(spec.architecture)
    sha256 = load_weights(net, spec)
    return Segmenter(net, ADAPTERS[spec.architecture], spec, sha256, find_device(device))

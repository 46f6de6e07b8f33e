"""From a model's name to a segmenter that is ready to use."""

from __future__ import annotations

from pathlib import Path

from temtrack.loading import build_segmenter, find_device, load_weights
from temtrack.registry import RUN_FILE, find_model, read_models
from temtrack.segmentation.cascade import JOINT, AnySegmenter, CascadeSegmenter


def load_segmenter(model: str, device: str = "auto") -> AnySegmenter:
    """Load a registered model, a training run's folder, or two of these joined by ``+``, onto a device.

    Of two, the first finds boxes and the second outlines what is in them.

    Raises
    ------
    ModelError
        Unknown model, missing or damaged weights.
    UsageError
        A device that this machine lacks, or a second model that takes no boxes.
    """
    first, joint, second = model.partition(JOINT)
    if joint and not (Path(model) / RUN_FILE).is_file() and model not in read_models():
        return CascadeSegmenter(load_segmenter(first, device), load_segmenter(second, device))
    spec = find_model(model)
    if spec.architecture == "otsu":
        from temtrack.segmentation.otsu import OtsuSegmenter

        return OtsuSegmenter(spec)
    from temtrack.segmentation.adapters import ADAPTERS
    from temtrack.segmentation.segmenter import Segmenter

    net = build_segmenter(spec.architecture)
    sha256 = load_weights(net, spec)
    return Segmenter(net, ADAPTERS[spec.architecture], spec, sha256, find_device(device))

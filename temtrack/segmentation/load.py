"""From a model's name to a segmenter that is ready to use."""

from __future__ import annotations

import math
from pathlib import Path

from temtrack.errors import ModelError
from temtrack.imaging.intensity import CENTRING_BLUR_PX
from temtrack.models.catalog import build_segmenter, find_device, load_weights
from temtrack.models.registry import RUN_FILE, ModelSpec, find_model, read_models
from temtrack.segmentation.cascade import JOINT, AnySegmenter, CascadeSegmenter


def load_segmenter(model: str, device: str = "auto", *, tta: bool = False) -> AnySegmenter:
    """Load a registered model, a training run's folder, or two of these joined by ``+``, onto a device.

    Of two, the first finds boxes and the second outlines what is in them. With test-time augmentation (tta) a
    network that predicts maps sees two views of an image: that takes longer, and its outlines are finer.

    Raises
    ------
    ModelError
        Unknown model, missing or damaged weights, or a scale, least area or blur that is none.
    UsageError
        A device that this machine lacks, or a second model that takes no boxes.
    """
    first, joint, second = model.partition(JOINT)
    if joint and not (Path(model) / RUN_FILE).is_file() and model not in read_models():
        return CascadeSegmenter(load_segmenter(first, device, tta=tta), load_segmenter(second, device))
    spec = find_model(model)
    if spec.architecture == "otsu":
        from temtrack.segmentation.otsu import OtsuSegmenter

        return OtsuSegmenter(spec)
    from temtrack.segmentation.adapters import ADAPTERS, DenseAdapter
    from temtrack.segmentation.segmenter import Segmenter

    net = build_segmenter(spec.architecture)
    sha256 = load_weights(net, spec)
    adapter = ADAPTERS[spec.architecture]
    scale, min_area_px = (_number_of(spec, fact) for fact in ("scale", "min_area_px"))
    centring_blur_px = _number_of(spec, "centring_blur_px") or CENTRING_BLUR_PX
    twice = isinstance(adapter, DenseAdapter) and tta
    return Segmenter(
        net, adapter, spec, sha256, find_device(device), twice, scale, min_area_px, centring_blur_px
    )


def _number_of(spec: ModelSpec, fact: str) -> float | None:
    """Return a positive number that a model states of itself; ``None`` where it does not."""
    number = spec.facts.get(fact)
    if number is None:
        return None
    if not isinstance(number, (int, float)) or not 0 < number < math.inf:
        raise ModelError(f"'{spec.name}' states {fact} = {number!r}: needs a positive number")
    return float(number)

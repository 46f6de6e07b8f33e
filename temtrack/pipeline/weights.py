"""The weights behind a model's name, as what decides on a result."""

from __future__ import annotations

from pathlib import Path

from temtrack.models.registry import RUN_FILE, find_model, read_models, verify
from temtrack.segmentation.cascade import JOINT


def hash_of_model(model: str) -> str | None:
    """Return the sha256 of a model's weights, of two that are joined both; ``None`` for what has no weights.

    Raises
    ------
    ModelError
        Where a model is unknown, missing or damaged.
    """
    from temtrack.pipeline.track import PLAIN_TRACKERS

    if model in (*PLAIN_TRACKERS, "otsu"):
        return None
    if JOINT in model and not (Path(model) / RUN_FILE).is_file() and model not in read_models():
        return JOINT.join(hash_of_model(each) or each for each in model.split(JOINT, 1))
    return verify(find_model(model))

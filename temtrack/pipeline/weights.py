"""The weights behind a model's name, as what decides on a result."""

from __future__ import annotations

from temtrack.models.catalog import PLAIN_METHODS
from temtrack.models.registry import JOINT, find_model, parts_of, verify


def hash_of_model(model: str) -> str | None:
    """Return the sha256 of a model's weights, of two that are joined both; ``None`` for what has no weights.

    Raises
    ------
    ModelError
        Where a model is unknown, missing or damaged.
    """
    if model in PLAIN_METHODS:
        return None
    parts = parts_of(model)
    if len(parts) > 1:
        return JOINT.join(hash_of_model(part) or part for part in parts)
    return verify(find_model(model))

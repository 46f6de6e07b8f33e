"""The scale at which a network should see an image: particles as wide as those it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

TARGET_DIAMETER_PX = 48.0  # of the typical particle at the network's input
MIN_SCALE, MAX_SCALE = 0.15, 5.0
PROBE_PX = 768  # side of the part by which a large image is judged
MAX_PASSES = 3
CLOSE_ENOUGH = 1.3


def scale_for(diameter_px: float) -> float:
    """Return the scale that makes a particle of that diameter (px) as wide as the network likes it."""
    return float(np.clip(TARGET_DIAMETER_PX / diameter_px, MIN_SCALE, MAX_SCALE))


def typical_diameter(labels: NDArray[np.integer]) -> float | None:
    """Return the area-weighted mean equivalent diameter (px) of labels (Y, X); ``None`` without particles."""
    areas = np.bincount(labels.ravel())[1:]
    if not areas.any():
        return None
    return float(np.sum(areas**1.5) / areas.sum() * 2 / np.sqrt(np.pi))


def common_scale(scales: Iterable[float | None]) -> float:
    """Return the geometric mean of the scales that are known; 1 where none is."""
    known = [scale for scale in scales if scale is not None]
    return float(np.exp(np.mean(np.log(known)))) if known else 1.0


def find_scale(
    grey: NDArray[np.float32], segment: Callable[[NDArray[np.float32], float], NDArray[np.int32]]
) -> float | None:
    """Find the scale for an image (Y, X) in [0, 1] in passes, each at the scale that the last one asks for.

    ``segment`` takes an image and a scale. Large images are judged by their middle. ``None`` where the first
    pass finds no particle.
    """
    middle = _middle(grey, PROBE_PX)
    scale, found = 1.0, None
    for _ in range(MAX_PASSES):
        diameter = typical_diameter(segment(middle, scale))
        if diameter is None:
            return found
        wanted = scale_for(diameter)
        if abs(np.log(wanted / scale)) < np.log(CLOSE_ENOUGH):
            return wanted
        scale = found = wanted
    return found


def _middle(grey: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    y, x = (max(0, (n - side) // 2) for n in grey.shape)
    return grey[y : y + side, x : x + side]

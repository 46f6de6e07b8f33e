"""The scale at which a network should see an image: particles as wide as those it knows best."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.labels import typical_diameter

TARGET_DIAMETER_PX = 56.0  # of the typical particle at the network's input
LARGEST_KEPT_PX = 90.0  # particles up to this wide are not reduced: that would cost detail
MIN_SCALE, MAX_SCALE = 0.15, 6.0

#: Factors on the scale: the network looks once, or thrice, and what one look gets wrong the others outvote.
ONE_LOOK = (1.0,)
THREE_LOOKS = (0.75, 1.0, 1.35)

PROBE_SCALES = (0.2, 0.6, 1.0, 3.0)
PROBE_SIDE_PX = 512  # a probe looks at no more of the image's middle than this at its own scale
LEAST_CERTAINTY = 0.6  # below it sizes are not believed: magnified noise looks like particles
FINER_BONUS = 0.02  # of certainty, for each doubling of the scale
MIN_PROBE_DIAMETER_PX = 8.0  # at the probe's scale; what is smaller is no particle to this network


@dataclass(frozen=True)
class Glance:
    """What a network saw at one scale: labels (Y, X), and how sure it was of their pixels, 0 to 1."""

    labels: NDArray[np.int32]
    certainty: float


Look = Callable[[NDArray[np.float32], float], Glance]


def find_scale(grey: NDArray[np.float32], look: Look) -> float | None:
    """Find the scale for an image (Y, X) in [0, 1]; ``None`` where no probe shows a particle.

    The network glances at the image at a few scales. Where it is surest the particles' size is believed,
    and the scale follows from it: a network that sees particles far too large or too small is unsure. A
    coarse look may take a cluster for one particle and be sure of it, so of near equals the finer counts.
    Where it is sure nowhere, the image is magnified no further.
    """
    seen: list[tuple[float, float, float]] = []
    for scale in PROBE_SCALES:
        glance = look(middle(grey, round(PROBE_SIDE_PX / scale)), scale)
        diameter = typical_diameter(glance.labels)
        if diameter is not None and diameter * scale >= MIN_PROBE_DIAMETER_PX:
            seen.append((glance.certainty + FINER_BONUS * np.log2(scale), diameter, glance.certainty))
    if not seen:
        return None
    _, diameter, certainty = max(seen)
    return scale_for(diameter) if certainty >= LEAST_CERTAINTY else min(1.0, scale_for(diameter))


def scale_for(diameter_px: float) -> float:
    """Return the scale that makes a particle of that diameter (px) as wide as the network likes it.

    That is 1 where it is about so wide already: an image is not reduced without need.
    """
    if TARGET_DIAMETER_PX <= diameter_px <= LARGEST_KEPT_PX:
        return 1.0
    return float(np.clip(TARGET_DIAMETER_PX / diameter_px, MIN_SCALE, MAX_SCALE))


def common_scale(scales: Iterable[float | None]) -> float:
    """Return the geometric mean of the scales that are known; 1 where none is."""
    known = [scale for scale in scales if scale is not None]
    return float(np.exp(np.mean(np.log(known)))) if known else 1.0


def certainty_of(foreground: NDArray[np.float32]) -> float:
    """Return the mean of 2 p - 1 over the pixels whose foreground probability p is above a half."""
    inside = foreground[foreground > 0.5]
    return float(np.mean(2 * inside - 1)) if inside.size else 0.0


def middle(grey: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the middle of an image (Y, X), at most ``side`` px high and wide."""
    y, x = (max(0, (n - side) // 2) for n in grey.shape)
    return grey[y : y + side, x : x + side]

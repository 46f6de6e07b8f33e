"""The scale at which a network should see an image: particles as wide as those it knows best."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import typical_diameter

REDUCED_DIAMETER_PX = 56.0  # of the typical particle at the network's input, where an image is reduced
LARGEST_KEPT_PX = 90.0  # particles up to this wide are not reduced: that would cost detail
SMALLEST_KEPT_PX = 40.0  # narrower ones are magnified to this: further, noise is taken for texture
MIN_SCALE, MAX_SCALE = 0.15, 6.0

PROBE_SCALES = (0.3, 1.0)
FINE_PROBE_SCALE = 3.0  # it is taken only where the finest of the others is not sure, and the surest
PROBE_SIDE_PX = 512  # a probe looks at no more of the image's middle than this at its own scale
LEAST_CERTAINTY = 0.6  # below it sizes are not believed: magnified noise looks like particles
FINER_BONUS = 0.02  # of certainty, for each doubling of the scale
MIN_PROBE_DIAMETER_PX = 8.0  # at the probe's scale; what is smaller is no particle to this network


@dataclass(frozen=True)
class Glance:
    """What a network saw at one scale: labels (Y, X), and how sure it was of their pixels, 0 to 1.

    ``evidence`` is what the adapter told them from.
    """

    labels: NDArray[np.int32]
    certainty: float
    evidence: Any = None


@dataclass(frozen=True)
class Zoom:
    """A scale, and what was seen of the whole image at it, if it was looked at already."""

    scale: float
    glance: Glance | None = None


GlanceAt = Callable[[NDArray[np.float32], float], Glance]


def find_scale(grey: NDArray[np.float32], glance_at: GlanceAt) -> Zoom | None:
    """Find the scale for an image (Y, X) in [0, 1]; ``None`` where no probe shows a particle.

    The network glances at the image at a few scales. Where it is surest the particles' size is believed,
    and the scale follows from it: a network that sees particles far too large or too small is unsure. A
    coarse look may take a cluster for one particle and be sure of it, so then a finer one is taken too, and
    of near equals the finer counts. Where it is sure nowhere, the image is magnified no further.
    """
    probes = [_probe(grey, scale, glance_at) for scale in PROBE_SCALES]
    surest = max(probes, key=_rank)
    if surest.scale < max(PROBE_SCALES) or surest.certainty < LEAST_CERTAINTY:
        probes.append(_probe(grey, FINE_PROBE_SCALE, glance_at))
        surest = max(probes, key=_rank)
    if surest.diameter_px is None:
        return None
    scale = scale_for(surest.diameter_px)
    if surest.certainty < LEAST_CERTAINTY:
        scale = min(1.0, scale)
    return Zoom(scale, next((p.glance for p in probes if p.is_whole and p.scale == scale), None))


@dataclass(frozen=True)
class _Probe:
    """A glance at an image's middle, or the whole of it, and the typical diameter (px) of what it shows."""

    scale: float
    is_whole: bool
    glance: Glance
    diameter_px: float | None

    @property
    def certainty(self) -> float:
        return 0.0 if self.diameter_px is None else self.glance.certainty


def _rank(probe: _Probe) -> tuple[bool, float]:
    """Rank what was seen by how sure it is."""
    return probe.diameter_px is not None, probe.certainty + FINER_BONUS * float(np.log2(probe.scale))


def _probe(grey: NDArray[np.float32], scale: float, glance_at: GlanceAt) -> _Probe:
    part = middle(grey, round(PROBE_SIDE_PX / scale))
    glance = glance_at(part, scale)
    diameter = typical_diameter(glance.labels)
    is_seen = diameter is not None and diameter * scale >= MIN_PROBE_DIAMETER_PX
    return _Probe(scale, part.shape == grey.shape, glance, diameter if is_seen else None)


def scale_for(diameter_px: float) -> float:
    """Return the scale that makes a particle of that diameter (px) as wide as the network likes it.

    That is 1 where it is about so wide already: an image is not resampled without need.
    """
    if SMALLEST_KEPT_PX <= diameter_px <= LARGEST_KEPT_PX:
        return 1.0
    wanted = SMALLEST_KEPT_PX if diameter_px < SMALLEST_KEPT_PX else REDUCED_DIAMETER_PX
    return float(np.clip(wanted / diameter_px, MIN_SCALE, MAX_SCALE))


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

"""The scale at which a network should see an image: particles as wide as those it knows best."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import typical_diameter
from temtrack.imaging.spans import middle_box
from temtrack.segmentation.model import Segmentation

_LOG = logging.getLogger(__name__)

REDUCED_DIAMETER_PX = 56.0  # of the typical particle at the network's input, where an image is reduced
LARGEST_KEPT_PX = 90.0  # particles up to this wide are not reduced: that would cost detail
SMALLEST_KEPT_PX = 40.0  # narrower ones are magnified to this: further, noise is taken for texture
MIN_SCALE, MAX_SCALE = 0.15, 6.0

PROBE_SCALES = (0.3, 1.0)
FINE_PROBE_SCALE = 3.0  # it is taken only where the finest of the others is not the most confident, or hardly
PROBE_SIDE_PX = 512  # a probe sees no more of the image's middle than this at its own scale
MIN_CONFIDENCE = 0.6  # below it sizes are not believed: magnified noise looks like particles
FINER_BONUS = 0.02  # of confidence, for each doubling of the scale
MIN_PROBE_DIAMETER_PX = 8.0  # at the probe's scale; what is smaller is no particle to this network


@dataclass(frozen=True)
class Prediction(Segmentation):
    """What a network predicts at one scale.

    ``confidence`` is that in all particles together, 0 to 1; ``output`` is what the adapter decoded.
    """

    confidence: float
    output: Any = None


@dataclass(frozen=True)
class ScaleEstimate:
    """A scale, the prediction for the whole image at it, if there is one already, and what it is taken from.

    ``confidence`` is that of the probe that was believed; a typical particle was ``diameter_px`` wide in it.
    """

    scale: float
    prediction: Prediction | None = None
    confidence: float = 0.0
    diameter_px: float | None = None


PredictAtScale = Callable[[NDArray[np.float32], float], Prediction]


def find_scale(grey: NDArray[np.float32], predict_at_scale: PredictAtScale) -> ScaleEstimate | None:
    """Find the scale for an image (..., Y, X) in [0, 1]; ``None`` where no probe shows a particle.

    The network predicts at a few scales. Where it is most confident the particles' size is believed, and the
    scale follows from it: a network that sees particles far too large or too small is unsure. At a coarse
    scale it may take a cluster for one particle and be sure of it, so then a finer one is tried too, and of
    near equals the finer counts. Where it is confident nowhere, the image is magnified no further.
    """
    probes = [_probe(grey, scale, predict_at_scale) for scale in PROBE_SCALES]
    best = max(probes, key=_rank)
    if best.scale < max(PROBE_SCALES) or best.confidence < MIN_CONFIDENCE:
        probes.append(_probe(grey, FINE_PROBE_SCALE, predict_at_scale))
        best = max(probes, key=_rank)
    if best.diameter_px is None:
        return None
    scale = scale_for(best.diameter_px)
    if best.confidence < MIN_CONFIDENCE:
        scale = min(1.0, scale)
    told = "scale: %.3g, for particles about %.3g px wide, seen with a confidence of %.2f"
    _LOG.info(told, scale, best.diameter_px, best.confidence)
    known = next((p.prediction for p in probes if p.is_whole and p.scale == scale), None)
    return ScaleEstimate(scale, known, best.confidence, best.diameter_px)


@dataclass(frozen=True)
class _Probe:
    """A prediction for an image's middle, or the whole of it, and the typical diameter (px) in it."""

    scale: float
    is_whole: bool
    prediction: Prediction
    diameter_px: float | None

    @property
    def confidence(self) -> float:
        return 0.0 if self.diameter_px is None else self.prediction.confidence


def _rank(probe: _Probe) -> tuple[bool, float]:
    """Rank a probe by its confidence."""
    return probe.diameter_px is not None, probe.confidence + FINER_BONUS * float(np.log2(probe.scale))


def _probe(grey: NDArray[np.float32], scale: float, predict_at_scale: PredictAtScale) -> _Probe:
    part = middle(grey, round(PROBE_SIDE_PX / scale))
    prediction = predict_at_scale(part, scale)
    diameter = typical_diameter(prediction.without_small().labels)
    is_seen = diameter is not None and diameter * scale >= MIN_PROBE_DIAMETER_PX
    return _Probe(scale, part.shape == grey.shape, prediction, diameter if is_seen else None)


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


def foreground_confidence(foreground: NDArray[np.float32]) -> float:
    """Return the mean of 2 p - 1 over the pixels whose foreground probability p is above a half."""
    inside = foreground[foreground > 0.5]
    return float(np.mean(2 * inside - 1)) if inside.size else 0.0


def middle(grey: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the middle of an image (..., Y, X), at most ``side`` px high and wide."""
    rows, columns = middle_box(grey.shape, side)
    return grey[..., rows, columns]

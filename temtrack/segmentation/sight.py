"""How a network is shown an image: at what scale, of which polarity, and with what taken for background.

A network knows particles that are dark on a bright, even background. Most images show them so, once their
intensity is centred. Where it is not sure of what it sees, particles may be bright, or stand on a thick,
lumpy support: then the image is tried with its background flattened, for particles of a few diameters and of
either polarity, and what the network is surest of is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.background import flatten_background
from temtrack.imaging.intensity import centre_intensity, rescale_intensity
from temtrack.imaging.labels import measure_regions
from temtrack.models.registry import Polarity
from temtrack.segmentation.scale import (
    FINER_BONUS,
    MIN_PROBE_DIAMETER_PX,
    PROBE_SIDE_PX,
    SMALLEST_KEPT_PX,
    PredictAtScale,
    Prediction,
    common_scale,
    find_scale,
    scale_for,
)

_LOG = logging.getLogger(__name__)

#: A network that was trained for it need not see a background flattened where it is so sure without.
SURE = 0.75

#: An image as it is has this lead over one with its background flattened: that makes noise of what is even.
PLAIN_BONUS = 0.1

#: Diameters (px) for which a background is flattened on trial, and how wide such particles then are shown.
TRIAL_DIAMETERS_PX = (6.0, 12.0, 24.0, 48.0)
TRIAL_WIDTH_PX = 28.0

#: An image is magnified no further on trial.
MAX_TRIAL_SCALE = 4.7

#: By so much must the network be surer of the other polarity to contradict the one that was given.
CONTRADICTION = 0.1


@dataclass(frozen=True)
class Sight:
    """How an image is shown to a network.

    Parameters
    ----------
    scale
        Factor by which it is resized.
    is_bright
        Whether particles are bright, so that grey values are inverted.
    background_px
        Diameter (px) of the particles for which its background is flattened; ``None`` where it stays.
    """

    scale: float = 1.0
    is_bright: bool = False
    background_px: float | None = None

    def show(self, grey: NDArray[np.float32], centring_blur_px: float) -> NDArray[np.float32]:
        """Return an image (..., Y, X) in [0, 1] as the network is shown it, at its own size."""
        if self.background_px is not None:
            frames = grey.reshape(-1, *grey.shape[-2:])
            flat = [flatten_background(frame, self.background_px) for frame in frames]
            detail = np.stack(flat).reshape(grey.shape)
            grey = rescale_intensity(-detail if self.is_bright else detail)
        elif self.is_bright:
            grey = 1 - grey
        return centre_intensity(grey, centring_blur_px)


@dataclass(frozen=True)
class SightEstimate:
    """A sight that suits an image, how sure the network is, and what it predicts for the whole image already.

    ``is_contradicted`` says that the network would be surer of the other polarity than the one given.
    """

    sight: Sight
    confidence: float = 0.0
    prediction: Prediction | None = None
    is_contradicted: bool = False


@dataclass(frozen=True)
class SightFinder:
    """Finds how an image is shown best.

    Parameters
    ----------
    predict
        Predicts from a part (..., Y, X) of a shown image at a scale.
    centring_blur_px
        The blur after which the network's images are centred.
    polarity
        Of the particles, where it is known.
    scale
        At which an image is seen, where it is known.
    sure
        Confidence from which on an image is seen well enough as it is; 0 for a network that was not trained
        for flattened backgrounds, which is shown one only where it sees nothing otherwise.
    """

    predict: PredictAtScale
    centring_blur_px: float
    polarity: Polarity = "auto"
    scale: float | None = None
    sure: float = SURE

    def find(self, grey: NDArray[np.float32]) -> SightEstimate | None:
        """Return what suits an image (..., Y, X) in [0, 1] best; ``None`` where nothing shows a particle."""
        own = {"auto": (False, True), "dark": (False,), "bright": (True,)}[self.polarity]
        plain, is_sure = self._plain(grey, own[0])
        if is_sure:
            return plain
        found = self._best(grey, plain, own)
        if len(own) == 1 and (found is None or found.confidence < self.sure):
            other = self._best(grey, None, (not own[0],))
            if other and other.confidence > (found.confidence if found else 0.0) + CONTRADICTION:
                found = replace(found or SightEstimate(replace(other.sight, is_bright=own[0])))
                found = replace(found, is_contradicted=True)
        if found is not None:
            _LOG.info("shown: %s, seen with a confidence of %.2f", found.sight, found.confidence)
        return found

    def _plain(self, grey: NDArray[np.float32], is_bright: bool) -> tuple[SightEstimate | None, bool]:
        """Return how an image is seen as it is, and whether that is sure."""
        shown = Sight(is_bright=is_bright).show(grey, self.centring_blur_px)
        if self.scale is not None:
            part = busiest(shown, round(PROBE_SIDE_PX / self.scale))
            probed = self._probe(part, Sight(self.scale, is_bright))
            return (None, False) if probed is None else (probed[0], probed[0].confidence >= self.sure)
        estimate = find_scale(shown, self.predict)
        if estimate is None:
            return None, False
        found = SightEstimate(Sight(estimate.scale, is_bright), estimate.confidence, estimate.prediction)
        return found, estimate.confidence >= self.sure

    def _best(
        self, grey: NDArray[np.float32], plain: SightEstimate | None, polarities: Sequence[bool]
    ) -> SightEstimate | None:
        """Return the best of an image as it is and of it with its background flattened."""
        diameters = TRIAL_DIAMETERS_PX if self.scale is None else (SMALLEST_KEPT_PX / self.scale,)
        ranked: list[tuple[float, SightEstimate]] = []
        if plain is not None:
            ranked.append((plain.confidence + PLAIN_BONUS, plain))
        for is_bright, diameter in ((bright, px) for px in diameters for bright in polarities):
            scale = self.scale or min(TRIAL_WIDTH_PX / diameter, MAX_TRIAL_SCALE)
            sight = Sight(scale, is_bright, diameter)
            shown = sight.show(grey, self.centring_blur_px)
            part = busiest(shown, round(PROBE_SIDE_PX / scale))
            probed = self._probe(part, sight)
            if probed is not None:
                estimate, found_px = probed
                if self.scale is None:
                    seen = replace(sight, scale=scale_for(found_px), background_px=found_px)
                    estimate = replace(estimate, sight=seen)
                ranked.append((estimate.confidence + FINER_BONUS * float(np.log2(scale)), estimate))
        return max(ranked, key=lambda each: each[0])[1] if ranked else None

    def _probe(self, part: NDArray[np.float32], sight: Sight) -> tuple[SightEstimate, float] | None:
        """Return how sure a sight of a part is, and the typical diameter (px) in it; ``None`` without any."""
        prediction = self.predict(part, sight.scale)
        areas = measure_regions(prediction.without_small().labels).area_px
        # the median: many small particles on a support count for more than a few large ones
        diameter = float(np.sqrt(4 * np.median(areas) / np.pi)) if areas.size else 0.0
        if diameter * sight.scale < MIN_PROBE_DIAMETER_PX:
            return None
        return SightEstimate(sight, prediction.confidence), diameter


def busiest(shown: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the part of an image (..., Y, X), at most ``side`` px wide, where grey values differ most."""
    height, width = (min(side, n) for n in shown.shape[-2:])
    if (height, width) == shown.shape[-2:]:
        return shown
    grey = shown.reshape(-1, *shown.shape[-2:]).mean(axis=0)
    power = ndimage.uniform_filter((grey - np.median(grey)) ** 2, (height, width))
    inner = power[
        height // 2 : power.shape[0] - (height - 1) // 2, width // 2 : power.shape[1] - (width - 1) // 2
    ]
    y, x = np.unravel_index(int(inner.argmax()), inner.shape)
    return shown[..., y : y + height, x : x + width]


def common_sight(estimates: Iterable[SightEstimate | None]) -> Sight | None:
    """Return one sight for the frames of a movie: that of which the network is surest, at a mean scale.

    The scale is the geometric mean over the frames that are shown alike; ``None`` where nothing is known.
    """
    kinds: dict[tuple[bool, bool], list[SightEstimate]] = {}
    for estimate in estimates:
        if estimate is not None:
            sight = estimate.sight
            kinds.setdefault((sight.is_bright, sight.background_px is not None), []).append(estimate)
    if not kinds:
        return None
    alike = max(kinds.values(), key=lambda some: (len(some), sum(one.confidence for one in some)))
    sights = [one.sight for one in alike]
    background = [s.background_px for s in sights if s.background_px is not None]
    return Sight(
        common_scale(s.scale for s in sights),
        sights[0].is_bright,
        common_scale(background) if background else None,
    )


def facts_of(sights: Sequence[Sight | None]) -> dict[str, Any]:
    """Return what a record tells of how frames were shown: one value, or one for each where they differ."""
    told: dict[str, list[Any]] = {
        "rescale": [sight and sight.scale for sight in sights],
        "polarity": [sight and ("bright" if sight.is_bright else "dark") for sight in sights],
        "background_px": [sight and sight.background_px for sight in sights],
    }
    return {name: values[0] if len(set(values)) == 1 else values for name, values in told.items()}

"""How a network is shown an image: at what scale, of which polarity, and with what taken for background.

A network knows particles that are dark on a bright, even background. Most images show them so, once their
intensity is centred. Where it is not sure of what it sees, particles may be bright, or stand on a thick,
lumpy support: then the image's own blobs tell how wide and of which polarity they are, and the image is tried
with its background flattened for these. Where they tell nothing clear, it is tried inverted as it is.
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
from temtrack.imaging.blobs import Blobs, find_blobs
from temtrack.imaging.intensity import centre_intensity, rescale_intensity
from temtrack.imaging.labels import measure_regions
from temtrack.models.registry import Polarity
from temtrack.segmentation.scale import (
    MIN_PROBE_DIAMETER_PX,
    PROBE_SIDE_PX,
    SMALLEST_KEPT_PX,
    PredictAtScale,
    Prediction,
    common_scale,
    find_scale,
    middle,
    scale_for,
)

_LOG = logging.getLogger(__name__)

#: A network that was trained for it need not see a background flattened where it is so sure without.
SURE = 0.75

#: Where it is as sure as this, it is believed whatever the image's blobs tell.
NO_DOUBT = 0.9

#: Below this it is in doubt whether what it sees are particles, and the user is told.
DOUBT = 0.6

#: Blobs of one polarity tell it clearly where they are so many, and by this factor more than the others.
MIN_BLOBS, CLEAR_FACTOR = 10, 4.0

#: A lead in confidence: of what clear blobs tell, or where there are none of the image as it is.
LEAD = 0.1

#: Blobs that are so much smaller than what the network sees make that doubtful.
MAX_SIZE_FACTOR = 4.0

#: Sizes that blobs and network find are averaged where they differ by no more.
ALIKE_FACTOR = 2.0

#: Blobs are looked for in the middle of an image, in no more than this.
BLOBS_SIDE_PX = 1024

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

    ``is_contradicted`` says that the network would be surer of the other polarity than the one given,
    ``is_doubtful`` that it is hardly sure of this sight, or that the image itself tells another.
    """

    sight: Sight
    confidence: float = 0.0
    prediction: Prediction | None = None
    is_contradicted: bool = False
    is_doubtful: bool = False


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
        plain, seen_px = self._plain(grey, own[0])
        if plain is not None and plain.confidence >= (NO_DOUBT if self.sure else 0.0):
            return plain
        blobs = BlobEvidence.of(grey)
        is_sure = plain is not None and plain.confidence >= self.sure
        is_denied = blobs.contradict(seen_px, own[0])
        if is_sure and not is_denied:
            return plain
        found = self._best(grey, plain if is_sure or not is_denied else None, blobs, own)
        if len(own) > 1 and blobs.clear_polarity is None and (found is None or found.confidence < DOUBT):
            bright, _ = self._plain(grey, True)
            found = max(filter(None, (found, bright)), key=lambda one: one.confidence, default=None)
        if len(own) == 1 and (found is None or found.confidence < self.sure):
            other = self._best(grey, None, blobs, (not own[0],))
            if other and other.confidence > (found.confidence if found else 0.0) + CONTRADICTION:
                found = replace(found or SightEstimate(replace(other.sight, is_bright=own[0])))
                found = replace(found, is_contradicted=True)
        if found is not None:
            is_denied &= found.sight.background_px is None
            found = replace(found, is_doubtful=is_denied or found.confidence < DOUBT)
            _LOG.info("shown: %s, seen with a confidence of %.2f", found.sight, found.confidence)
        return found

    def _plain(self, grey: NDArray[np.float32], is_bright: bool) -> tuple[SightEstimate | None, float | None]:
        """Return how an image is seen as it is, and the typical diameter (px) then."""
        shown = Sight(is_bright=is_bright).show(grey, self.centring_blur_px)
        if self.scale is not None:
            part = busiest(shown, round(PROBE_SIDE_PX / self.scale))
            return self._probe(part, Sight(self.scale, is_bright))
        estimate = find_scale(shown, self.predict)
        if estimate is None:
            return None, None
        sight = Sight(estimate.scale, is_bright)
        return SightEstimate(sight, estimate.confidence, estimate.prediction), estimate.diameter_px

    def _best(
        self,
        grey: NDArray[np.float32],
        plain: SightEstimate | None,
        blobs: BlobEvidence,
        polarities: Sequence[bool],
    ) -> SightEstimate | None:
        """Return the best of an image as it is and of it with its background flattened."""
        clear = blobs.clear_polarity
        ranked: list[tuple[float, SightEstimate]] = []
        if plain is not None:
            ranked.append((plain.confidence + LEAD * (clear is None), plain))
        for is_bright in [each for each in polarities if clear not in polarities or each is clear]:
            diameter = SMALLEST_KEPT_PX / self.scale if self.scale else blobs.diameter_px(is_bright)
            if diameter is None:
                continue
            sight = Sight(self.scale or scale_for(diameter), is_bright, diameter)
            part = busiest(sight.show(grey, self.centring_blur_px), round(PROBE_SIDE_PX / sight.scale))
            estimate, found_px = self._probe(part, sight)
            if estimate is None:
                if is_bright is not clear:
                    continue
                estimate = SightEstimate(sight)
            if self.scale is None and 1 / ALIKE_FACTOR <= found_px / diameter <= ALIKE_FACTOR:
                mean_px = float(np.sqrt(found_px * diameter))
                estimate = replace(estimate, sight=Sight(scale_for(mean_px), is_bright, mean_px))
            ranked.append((estimate.confidence + LEAD * (is_bright is clear), estimate))
        return max(ranked, key=lambda each: each[0])[1] if ranked else None

    def _probe(self, part: NDArray[np.float32], sight: Sight) -> tuple[SightEstimate | None, float]:
        """Return how sure a sight of a part is, and the typical diameter (px) in it."""
        prediction = self.predict(part, sight.scale)
        areas = measure_regions(prediction.without_small().labels).area_px
        # the median: many small particles on a support count for more than a few large ones
        diameter = float(np.sqrt(4 * np.median(areas) / np.pi)) if areas.size else 0.0
        if diameter * sight.scale < MIN_PROBE_DIAMETER_PX:
            return None, diameter
        return SightEstimate(sight, prediction.confidence), diameter


@dataclass(frozen=True)
class BlobEvidence:
    """What the bright and the dark blobs of an image tell."""

    bright: Blobs
    dark: Blobs

    @classmethod
    def of(cls, grey: NDArray[np.float32]) -> BlobEvidence:
        """Find the blobs of an image (..., Y, X)."""
        part = middle(grey, BLOBS_SIDE_PX)
        return cls(*find_blobs(part.reshape(-1, *part.shape[-2:]).mean(axis=0)))

    @property
    def clear_polarity(self) -> bool | None:
        """Whether particles are bright; ``None`` where that is not clear."""
        for is_bright, own, other in ((True, self.bright, self.dark), (False, self.dark, self.bright)):
            if len(own) >= MIN_BLOBS and own.evidence >= CLEAR_FACTOR * other.evidence:
                return is_bright
        return None

    def diameter_px(self, is_bright: bool) -> float | None:
        """Return the typical diameter of one polarity's blobs; ``None`` without any."""
        return (self.bright if is_bright else self.dark).typical_diameter_px

    def contradict(self, seen_px: float | None, is_bright: bool) -> bool:
        """Return whether blobs tell another polarity clearly, or a much smaller size than what is seen."""
        clear = self.clear_polarity
        if clear is None or clear is not is_bright:
            return clear is not None
        told_px = self.diameter_px(is_bright)
        return told_px is not None and seen_px is not None and seen_px > MAX_SIZE_FACTOR * told_px


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

"""How a network is shown an image: at what scale, of which polarity, and with what taken for background.

A network knows particles that are dark on a bright, even background. Most images show them so, once their
intensity is centred. Where it is not sure of what it sees, particles may be bright, or stand on a thick,
lumpy support: then the image is tried inverted too, and where its own blobs are clear, with its background
flattened for these. The way counts in which the network sees the most particles that likely are ones.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.background import flatten_background
from temtrack.imaging.blobs import ALIKE_FACTOR, Blobs, find_blobs
from temtrack.imaging.intensity import centre_intensity, rescale_intensity
from temtrack.imaging.labels import measure_regions
from temtrack.imaging.spans import Box, length, middle_box
from temtrack.models.registry import Polarity
from temtrack.segmentation.model import Segmentation
from temtrack.segmentation.scale import (
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

#: A network that was trained for flattened backgrounds is shown none where it is so sure without.
SURE = 0.9

#: Below this it is in doubt whether what it sees are particles, and the user is told.
DOUBT = 0.6

#: Blobs deny a polarity where those of the other are so many, and this factor more.
MIN_BLOBS, CLEAR_FACTOR = 4, 4.0

#: A particle that a blob confirms, being about as wide, counts for so many more.
CONFIRMED = 3.0

#: Where the network is hardly sure, the share of its particles that blobs confirm vouches for them, so much.
VOUCHED = 0.5

#: An image as it is has this lead, where blobs do not deny it: so many times its worth, and a particle.
LEAD = 0.25

#: Ways of showing an image are compared in a part that is, in the finest, no wider than so many probes.
MAX_TILES_A_SIDE = 4

#: Blobs are looked for in the middle of an image, in no more than this.
BLOBS_SIDE_PX = 1024

#: By this factor must more be seen of the other polarity to contradict the one that was given.
CONTRADICTION = 2.0


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
    n_views
        Views that count, at most, see `tiling.View`; where ``None`` as many as the model takes.
    """

    scale: float = 1.0
    is_bright: bool = False
    background_px: float | None = None
    n_views: int | None = None

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

    ``is_contradicted`` says that the network sees far more in the other polarity than in the one given,
    ``is_doubtful`` that it is hardly sure of this sight, or that the image's blobs tell the other polarity.
    """

    sight: Sight
    confidence: float = 0.0
    prediction: Prediction | None = None
    is_contradicted: bool = False
    is_doubtful: bool = False


#: Tells how likely the particles are that a network predicts from a part (..., Y, X) of an image as shown.
Scored = Callable[[Prediction, NDArray[np.float32], Sight], Segmentation]


@dataclass(frozen=True)
class SightFinder:
    """Finds how an image is shown best.

    Parameters
    ----------
    predict
        Predicts from a part (..., Y, X) of a shown image at a scale.
    scored
        Tells how likely the particles of such a prediction are ones.
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
    scored: Scored
    centring_blur_px: float
    polarity: Polarity = "auto"
    scale: float | None = None
    sure: float = SURE

    def find(self, grey: NDArray[np.float32]) -> SightEstimate | None:
        """Return what suits an image (..., Y, X) in [0, 1] best; ``None`` where nothing shows a particle."""
        told = None if self.polarity == "auto" else self.polarity == "bright"
        plain = self._plain(grey, bool(told))
        if plain is not None and plain.confidence >= self.sure:
            return plain
        blobs = BlobEvidence.of(grey)
        tried = [] if plain is None else [plain]
        for is_bright in (False, True):
            if told is None and blobs.deny(is_bright):
                continue
            others = []
            if told is not None or plain is None or blobs.deny(not is_bright):
                others.append(self._flattened(grey, is_bright, blobs.diameter_px(is_bright)))
            if is_bright is not bool(told):
                others.append(self._plain(grey, is_bright))
            tried += [each for each in others if each is not None]
        if not tried:
            return None
        found = _best_of(self._rated(grey, tried, blobs), told)
        is_denied = told is None and found.sight.background_px is None and blobs.deny(found.sight.is_bright)
        _LOG.info("shown: %s, seen with a confidence of %.2f", found.sight, found.confidence)
        return replace(found, is_doubtful=is_denied or found.confidence < DOUBT)

    def _plain(self, grey: NDArray[np.float32], is_bright: bool) -> SightEstimate | None:
        """Return how an image is seen as it is, or inverted."""
        shown = Sight(is_bright=is_bright).show(grey, self.centring_blur_px)
        if self.scale is not None:
            return self._probe(shown, Sight(self.scale, is_bright))[0]
        estimate = find_scale(shown, self.predict)
        if estimate is None:
            return None
        return SightEstimate(Sight(estimate.scale, is_bright), estimate.confidence, estimate.prediction)

    def _flattened(
        self, grey: NDArray[np.float32], is_bright: bool, blobs_px: float | None
    ) -> SightEstimate | None:
        """Return how an image is seen with its background flattened for particles as wide as its blobs."""
        diameter = SMALLEST_KEPT_PX / self.scale if self.scale else blobs_px
        if diameter is None:
            return None
        sight = Sight(self.scale or scale_for(diameter), is_bright, diameter)
        estimate, found_px = self._probe(sight.show(grey, self.centring_blur_px), sight)
        if estimate and self.scale is None and 1 / ALIKE_FACTOR <= found_px / diameter <= ALIKE_FACTOR:
            mean_px = float(np.sqrt(found_px * diameter))
            return replace(estimate, sight=Sight(scale_for(mean_px), is_bright, mean_px))
        return estimate

    def _probe(self, shown: NDArray[np.float32], sight: Sight) -> tuple[SightEstimate | None, float]:
        """Return how sure a sight is, judged by an image's busiest part, and the typical diameter (px)."""
        rows, columns = busiest(shown, round(PROBE_SIDE_PX / sight.scale))
        prediction = self.predict(shown[..., rows, columns], sight.scale)
        areas = measure_regions(prediction.without_small().labels).area_px
        # the median: many small particles on a support count for more than a few large ones
        diameter = float(np.sqrt(4 * np.median(areas) / np.pi)) if areas.size else 0.0
        if diameter * sight.scale < MIN_PROBE_DIAMETER_PX:
            return None, diameter
        return SightEstimate(sight, prediction.confidence), diameter

    def _rated(
        self, grey: NDArray[np.float32], tried: Sequence[SightEstimate], blobs: BlobEvidence
    ) -> list[tuple[float, SightEstimate]]:
        """Return what each sight is worth, judged by one part of the image that is its busiest.

        The first is that of the image as it is, if it is one.
        """
        if len(tried) == 1:
            return [(0.0, tried[0])]
        scales = [each.sight.scale for each in tried]
        side_px = PROBE_SIDE_PX * min(1 / min(scales), MAX_TILES_A_SIDE / max(scales))
        rows, columns = busiest(grey, round(side_px))
        is_whole = (length(rows), length(columns)) == grey.shape[-2:]
        rated = []
        for each in tried:
            shown = each.sight.show(grey, self.centring_blur_px)[..., rows, columns]
            known = each.prediction if is_whole else None
            found = self.predict(shown, each.sight.scale) if known is None else known
            kept = self.scored(found, shown, each.sight).without_small(0)
            n_confirmed = blobs.confirm(kept.labels, (rows, columns), each.sight.is_bright)
            worth = float(np.sum(2 * kept.scores - 1)) + CONFIRMED * n_confirmed
            share = n_confirmed / max(len(kept.scores), 1)
            worth *= max(2 * found.confidence - 1, VOUCHED * share)
            if each is tried[0] and each.sight.background_px is None and not blobs.deny(each.sight.is_bright):
                worth += 1 + LEAD * abs(worth)
            estimate = replace(each, confidence=found.confidence, prediction=found if is_whole else None)
            rated.append((worth, estimate))
        return rated


def _best_of(rated: Sequence[tuple[float, SightEstimate]], told: bool | None) -> SightEstimate:
    """Return what is worth most, of one polarity where it was told."""
    ours = [each for each in rated if told in (None, each[1].sight.is_bright)]
    worth, best = max(rated, key=itemgetter(0))
    if not ours:
        return SightEstimate(replace(best.sight, is_bright=bool(told)), is_contradicted=True)
    own_worth, own = max(ours, key=itemgetter(0))
    return replace(own, is_contradicted=worth > max(1.0, CONTRADICTION * own_worth) and own is not best)


@dataclass(frozen=True)
class BlobEvidence:
    """What the bright and the dark blobs of an image tell."""

    bright: Blobs
    dark: Blobs

    @classmethod
    def of(cls, grey: NDArray[np.float32]) -> BlobEvidence:
        """Find the blobs of an image (..., Y, X)."""
        rows, columns = middle_box(grey.shape, BLOBS_SIDE_PX)
        part = grey[..., rows, columns]
        bright, dark = find_blobs(part.reshape(-1, *part.shape[-2:]).mean(axis=0))
        return cls(bright.shifted(rows.start, columns.start), dark.shifted(rows.start, columns.start))

    def deny(self, is_bright: bool) -> bool:
        """Return whether blobs clearly tell the other polarity."""
        own, other = (self.bright, self.dark) if is_bright else (self.dark, self.bright)
        return len(other) >= MIN_BLOBS and other.evidence >= CLEAR_FACTOR * own.evidence

    def confirm(self, labels: NDArray[np.int32], place: Box, is_bright: bool) -> int:
        """Return how many particles of a part of the image hold a blob that is about as wide."""
        rows, columns = place
        blobs = self.bright if is_bright else self.dark
        return blobs.shifted(-rows.start, -columns.start).confirm(labels)

    def diameter_px(self, is_bright: bool) -> float | None:
        """Return the typical diameter of one polarity's blobs; ``None`` without any."""
        return (self.bright if is_bright else self.dark).typical_diameter_px


def busiest(shown: NDArray[np.float32], side: int) -> Box:
    """Return where an image (..., Y, X) has its most different grey values, at most ``side`` px wide."""
    height, width = (min(side, n) for n in shown.shape[-2:])
    if (height, width) == shown.shape[-2:]:
        return slice(0, height), slice(0, width)
    grey = shown.reshape(-1, *shown.shape[-2:]).mean(axis=0)
    power = ndimage.uniform_filter((grey - np.median(grey)) ** 2, (height, width))
    inner = power[
        height // 2 : power.shape[0] - (height - 1) // 2, width // 2 : power.shape[1] - (width - 1) // 2
    ]
    y, x = map(int, np.unravel_index(int(inner.argmax()), inner.shape))
    return slice(y, y + height), slice(x, x + width)


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
    if any(sight and sight.n_views for sight in sights):
        told["n_views"] = [sight and sight.n_views for sight in sights]
    return {name: values[0] if len(set(values)) == 1 else values for name, values in told.items()}

"""The classical baseline: smooth the image, threshold it, split what touches.

A Gaussian blur, Otsu's threshold of its grey values and a watershed of the distance to the outline, after a
slope of the light that would hide the outlines is taken off. It knows nothing of particles: what is dark is
one, letters and shadows too. The published masks of Duan et al. 2024
follow a blur of 5 px and the threshold, which a scale of 1 repeats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from temtrack.imaging.illumination import even_light
from temtrack.imaging.intensity import rescale_intensity
from temtrack.models.registry import ModelSpec, Polarity
from temtrack.segmentation.model import Segmentation, SegmentationModel, middle_frame
from temtrack.segmentation.scale import middle
from temtrack.segmentation.sight import Sight, SightEstimate

SIGMA_PX = 5.0  # of the blur at a scale of 1; half of it at a scale of 2, which is for finer things
SCALES = (10.0, 5.0, 2.5, 5 / 3, 1.25, 1.0, 5 / 6, 0.625)  # blurs of 0.5 to 8 px, finest first
SEPARATION_OF_NOISE = 2 / np.pi  # what Otsu's threshold makes of normal noise alone, however it is blurred
MIN_FRACTION_OF_BEST = 0.95  # of the best separation beyond that of noise, which the finest blur must reach
PROBE_SIDE_PX = 1024  # of the image's middle, which decides on the blur

MAX_DARK_BORDER = 0.6  # fraction of the image's border: where more of it is dark, dark is the background
MAX_NECK_FRACTION = 0.8  # of the smaller particle's width: a wider neck does not part two

Mask = NDArray[np.bool_]


class OtsuModel(SegmentationModel):
    """Turns images into labels without a network; it has no weights, takes no prompts and gives no scores."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def segment(
        self, image: NDArray[Any], sight: SightEstimate | None, min_area_px: float | None
    ) -> Segmentation:
        """Find every particle of an image (Y, X), shown as ``sight`` says or as suits it.

        The blur is 5 px divided by the scale at which it is seen.
        """
        image = middle_frame(image)
        estimate = sight or self.find_sight(image)
        grey = even_light(rescale_intensity(image))
        if estimate is None or not grey.any():
            return Segmentation.empty(grey.shape)
        seen = estimate.sight
        mask = (dark_class(_blur(grey, seen.scale)) != seen.is_bright) & np.isfinite(image)
        labels = part(mask)
        return Segmentation(labels, np.full(labels.max(), np.nan, np.float32), sight=seen)

    def find_sight(
        self, image: NDArray[Any], polarity: Polarity = "auto", scale: float | None = None
    ) -> SightEstimate | None:
        """Return the blur that suits an image, and which class is the particles'; ``None`` without contrast.

        They are dark on a bright background, or bright where the image's border is dark.
        """
        grey = even_light(rescale_intensity(middle_frame(image)))
        if not grey.any():
            return None
        scale = scale or find_blur_scale(grey)
        looks_bright = has_dark_border(_blur(grey, scale))
        is_bright = looks_bright if polarity == "auto" else polarity == "bright"
        return SightEstimate(Sight(scale, is_bright), is_contradicted=is_bright != looks_bright)


def find_blur_scale(grey: NDArray[np.float32]) -> float:
    """Find the scale at which Otsu's threshold parts the grey values of an image (Y, X) in [0, 1] best.

    Too little blur leaves noise in both classes, too much mixes them at the outlines; of near equals the
    finest blur counts. A large image is judged by its middle.
    """
    seen = middle(grey, PROBE_SIDE_PX)
    gains = np.array([separation(_blur(seen, scale)) for scale in SCALES]) - SEPARATION_OF_NOISE
    least = MIN_FRACTION_OF_BEST * gains.max() if gains.max() > 0 else gains.max()
    return SCALES[int(np.argmax(gains >= least))]


def separation(grey: NDArray[np.float32]) -> float:
    """Return the fraction of an image's variance that lies between the classes of Otsu's threshold, 0 to 1.

    Otsu 1979, doi:10.1109/TSMC.1979.4310076, equation 16 (eta).
    """
    bright = grey > threshold_otsu(grey)
    fraction, variance = float(bright.mean()), float(grey.var())
    if variance == 0 or not 0 < fraction < 1:
        return 0.0
    return fraction * (1 - fraction) * float(grey[bright].mean() - grey[~bright].mean()) ** 2 / variance


def dark_class(grey: NDArray[np.float32]) -> Mask:
    """Return the mask (Y, X) of the dark class of an image."""
    dark: Mask = grey <= threshold_otsu(grey)
    return dark


def has_dark_border(grey: NDArray[np.float32]) -> bool:
    """Whether so much of an image's border is dark that dark is the background."""
    dark = dark_class(grey)
    border = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    return bool(border.mean() > MAX_DARK_BORDER)


def part(mask: Mask) -> NDArray[np.int32]:
    """Split a mask (Y, X) into particles at its necks: watershed of the distance to the outline.

    A neck parts two particles where it is narrower than a fraction of the smaller one's width: on a
    logarithmic scale that is one depth for particles of every size.
    """
    distance = ndimage.distance_transform_edt(mask)
    parts, _ = ndimage.label(mask)
    tops = np.zeros(mask.shape, bool)
    for i, box in enumerate(ndimage.find_objects(parts), start=1):  # small arrays: much faster than one
        inside = parts[box] == i
        tops[box] |= _tops(np.pad(np.where(inside, distance[box], 0), 1))[1:-1, 1:-1] & inside
    seeds, _ = ndimage.label(tops, np.ones((3, 3)))
    labels: NDArray[np.int32] = watershed(-distance, seeds, mask=mask).astype(np.int32)
    return labels


def _tops(distance: NDArray[np.float64]) -> Mask:
    """Return where distances (Y, X) are highest once the shallow necks between the tops are filled."""
    height = np.log1p(distance)
    tops: Mask = local_maxima(reconstruction(height + np.log(MAX_NECK_FRACTION), height)).astype(bool)
    return tops


def _blur(grey: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(grey, SIGMA_PX / scale)
    return blurred

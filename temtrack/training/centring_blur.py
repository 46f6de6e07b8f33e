"""Which blur suits the masks of labelled images, where intensities are centred at their outlines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from temtrack.datasets.labelled import LabelledImage
from temtrack.imaging.intensity import CENTRING_BLUR_PX

BLURS_PX = (1.0, CENTRING_BLUR_PX, 3.0, 4.0, 5.0, 6.0, 8.0)


def fitting_blur(images: Sequence[LabelledImage]) -> float:
    """Return the standard deviation (px) of the Gaussian blur after which Otsu's threshold suits masks best.

    Where outlines lie is a convention of who drew them. Of the blurs in `BLURS_PX` the one is taken whose
    threshold divides the blurred images most nearly as the masks do, by the mean IoU over those with
    particles; without any, the blur that other networks know.
    """
    shown = [image for image in images if image.labels.any() and image.image.any()]
    if not shown:
        return CENTRING_BLUR_PX
    return max(BLURS_PX, key=lambda blur_px: np.mean([_agreement(image, blur_px) for image in shown]))


def _agreement(image: LabelledImage, blur_px: float) -> float:
    """Return the IoU of an image's mask and of what is dark in the blurred image, or of what is bright."""
    blurred = ndimage.gaussian_filter(image.image, blur_px)
    dark = blurred <= threshold_otsu(blurred)
    return max(_iou(dark, image.labels > 0), _iou(~dark, image.labels > 0))


def _iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    return float((found & true).sum() / (found | true).sum())

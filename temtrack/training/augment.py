"""Turn a labelled image into endless different crops of it, as a microscope might have seen them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_parts


def crop(
    image: NDArray[np.float32], labels: NDArray[np.int32], scale: float, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Cut a turned, mirrored and scaled square out of an image; torn particles get labels of their own."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = np.diag([1, rng.choice([-1, 1])])
    matrix = turn @ mirror / (scale * rng.uniform(0.9, 1.1, size=2))  # output px -> input px
    offset = _centre(labels, side / scale, rng) - matrix @ np.full(2, (side - 1) / 2)
    blurred = ndimage.gaussian_filter(image, 0.45 / scale) if scale < 0.8 else image
    shape = (side, side)
    grey = ndimage.affine_transform(blurred, matrix, offset, shape, order=1, mode="mirror")
    ids = ndimage.affine_transform(labels, matrix, offset, shape, order=0, mode="mirror")
    return grey, connected_parts(ids, background=0, connectivity=2).astype(np.int32)


def _centre(labels: NDArray[Any], reach: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Pick a crop's centre (y, x): mostly near a particle, and as far inside as the image allows."""
    size = np.array(labels.shape, float)
    margin = np.minimum(reach / 2, size / 2)
    ids = np.unique(labels[labels > 0])
    if len(ids) and rng.random() < 0.8:
        pixels = np.argwhere(labels == rng.choice(ids))
        wanted = pixels[rng.integers(len(pixels))] + rng.uniform(-reach / 4, reach / 4, 2)
    else:
        wanted = rng.uniform(0, size)
    centre: NDArray[np.float64] = np.clip(wanted, margin, size - margin)
    return centre


def degrade(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Vary illumination, contrast, polarity, focus, dose and readout noise of an image in [0, 1]."""
    grey = np.clip(image, 0, 1) ** rng.uniform(0.6, 1.6)
    if rng.random() < 0.12:
        grey = 1 - grey
    if rng.random() < 0.5:
        grey = grey * _illumination(grey.shape, rng)
    if rng.random() < 0.4:
        grey = ndimage.gaussian_filter(grey, rng.uniform(0.3, 1.8))
    contrast = rng.uniform(0.35, 1.0) if rng.random() < 0.5 else 1.0
    grey = 0.5 + contrast * (grey - 0.5)
    if rng.random() < 0.5:
        dose = np.exp(rng.uniform(np.log(8), np.log(400)))
        grey = rng.poisson(np.clip(grey, 0, None) * dose) / dose
    if rng.random() < 0.3:
        grey = grey + rng.normal(0, rng.uniform(0.01, 0.1), grey.shape)
    return grey.astype(np.float32)


def _illumination(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    a, b, c = rng.uniform(-0.25, 0.25, 3)
    light: NDArray[np.float64] = 1 + a * y + b * x + c * (y * y + x * x)
    return light

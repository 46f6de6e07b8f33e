"""Turn a labelled image into endless different crops of it, as a microscope might have seen them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_parts

from temtrack.segmentation.tiling import scaled_input
from temtrack.simulation.chance import log_uniform

T = TypeVar("T", bound=np.generic)


def crop(
    image: NDArray[np.float32], labels: NDArray[np.int32], scale: float, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Cut a turned, mirrored and scaled square out of an image; torn particles get labels of their own."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = np.diag([1, rng.choice([-1, 1])])
    matrix = turn @ mirror / (scale * rng.uniform(0.9, 1.1, size=2))  # output px -> input px
    centre = _centre(labels, side / scale, rng)
    if scale < 0.8:
        image = ndimage.gaussian_filter(image, 0.45 / scale)  # or its noise would alias
    ids = view(labels, matrix, centre, side, order=0)
    grey = view(image, matrix, centre, side, order=1)
    return grey, connected_parts(ids, background=0, connectivity=2).astype(np.int32)


def view(
    picture: NDArray[T], matrix: NDArray[np.float64], centre: NDArray[np.float64], side: int, order: int
) -> NDArray[T]:
    """Return a square of a picture around a centre (y, x), mirrored beyond it, interpolated to an order.

    ``matrix`` times a pixel's (y, x) from the middle of the square gives the picture's from the centre.
    """
    offset = centre - matrix @ np.full(2, (side - 1) / 2)
    seen = ndimage.affine_transform(picture, matrix, offset, (side, side), order=order, mode="mirror")
    return np.asarray(seen, dtype=picture.dtype)


def window(
    image: NDArray[np.float32], labels: NDArray[np.int32], side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Cut a square out of an image (..., Y, X), turned by right angles and mirrored, pixels as they are."""
    missing = [(0, max(0, side - n)) for n in labels.shape]
    corner = np.rint(_centre(labels, side, rng) - side / 2).astype(int)
    y, x = np.clip(corner, 0, np.maximum(np.array(labels.shape) - side, 0))
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))

    def cut(whole: NDArray[Any]) -> NDArray[Any]:
        margins = [(0, 0)] * (whole.ndim - 2) + missing
        square = np.pad(whole, margins, mode="symmetric")[..., y : y + side, x : x + side]
        turned = np.rot90(square, turns, axes=(-2, -1))
        return np.ascontiguousarray(np.swapaxes(turned, -2, -1) if mirrored else turned)

    return cut(image), connected_parts(cut(labels), background=0, connectivity=2).astype(np.int32)


def resample(
    image: NDArray[np.float32], labels: NDArray[np.int32], scale: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return an image (..., Y, X) and its labels (Y, X) at a scale, the image as a network is shown it."""
    if scale == 1:
        return image, labels
    shown = scaled_input(image, scale, 1, torch.device("cpu"))[0].numpy()
    grey = shown if image.ndim > 2 else shown[0]
    return grey, ndimage.zoom(labels, scale, order=0, mode="nearest", grid_mode=True)


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


def draw_degradation(
    rng: np.random.Generator,
) -> Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]:
    """Draw what instrument and operator do to a picture, and return what does it to one (Y, X) in [0, 1].

    Illumination, contrast, polarity, focus and dose are the same to all frames of a movie, noise is fresh.
    """
    gamma, is_inverted = rng.uniform(0.6, 1.6), rng.random() < 0.12
    light = rng.uniform(-0.25, 0.25, 3) if rng.random() < 0.5 else np.zeros(3)  # slopes y, x; curvature
    blur_px = rng.uniform(0.3, 1.8) if rng.random() < 0.4 else 0.0
    contrast = rng.uniform(0.35, 1.0) if rng.random() < 0.5 else 1.0
    dose_e_px = log_uniform(rng, 8, 400) if rng.random() < 0.5 else 0.0  # 0: no shot noise
    readout = rng.uniform(0.01, 0.1) if rng.random() < 0.3 else 0.0

    def degrade(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        grey = np.clip(image, 0, 1) ** gamma
        if is_inverted:
            grey = 1 - grey
        if light.any():
            grey = grey * _illumination(grey.shape, light)
        if blur_px:
            grey = ndimage.gaussian_filter(grey, blur_px)
        grey = 0.5 + contrast * (grey - 0.5)
        if dose_e_px:
            grey = rng.poisson(np.clip(grey, 0, None) * dose_e_px) / dose_e_px
        if readout:
            grey = grey + rng.normal(0, readout, grey.shape)
        return grey.astype(np.float32)

    return degrade


def _illumination(shape: tuple[int, ...], light: NDArray[np.float64]) -> NDArray[np.float64]:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    a, b, c = light
    field: NDArray[np.float64] = 1 + a * y + b * x + c * (y * y + x * x)
    return field

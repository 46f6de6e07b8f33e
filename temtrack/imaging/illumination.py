"""Uneven light: a smooth surface through the background, taken off where it hides what is in an image."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from temtrack.imaging.blocks import block_means
from temtrack.imaging.intensity import robust_sigma

DEGREE = 3  # of the surface, a polynomial in y and x
BLOCKS_A_SIDE = 96  # means of so many blocks tell the surface, and what is steep

N_ROUNDS = 30
REJECTED_AT = 3.0  # robust standard deviations: blocks further from the surface do not count

#: Across an outline, over so many blocks, the grey value changes by most of the difference of both classes;
#: where noise or coarse blocks take from it, a quarter of the outline by less, but by no less than this.
OUTLINE_BLOCKS, STEEP = 3, 0.45

#: Borders between the classes must be so much steeper without the surface than with it.
MIN_GAIN = 1.35

Image = NDArray[np.float32]


def even_light(grey: Image) -> Image:
    """Return an image (Y, X) without its light's slope, where that rather than particles parts its classes.

    Otsu's threshold of an unevenly lit image draws its border where the light fades, which is no outline: the
    grey value hardly changes there. Without the surface the borders are outlines, which are steep. Where they
    are not, as in one of few large particles, or are steep anyway, the image is returned as it is.
    """
    blocks = _block_means(grey)
    y, x = _grid(blocks.shape)
    weights = _fit(blocks, y, x)
    even = (blocks - _surface(weights, y, x)).astype(np.float32)
    before, after = steepness(blocks), steepness(even)
    if after < max(STEEP, MIN_GAIN * before):
        return grey
    return grey - _surface(weights, *_grid(grey.shape)).astype(np.float32)


def steepness(grey: Image) -> float:
    """Return the change of grey values across borders of Otsu's classes, over the classes' difference.

    The lower quartile of all places along the borders: near 0 where a part of them follows a slope, which is
    no outline; 0 without two classes.
    """
    bright = grey > threshold_otsu(grey)
    if bright.all() or not bright.any():
        return 0.0
    steps = [np.zeros(0, np.float32)]
    for image, is_bright in ((grey, bright), (grey.T, bright.T)):
        near, far = image[:-OUTLINE_BLOCKS], image[OUTLINE_BLOCKS:]
        crosses = is_bright[:-OUTLINE_BLOCKS] != is_bright[OUTLINE_BLOCKS:]
        steps.append(np.abs(near - far)[crosses])
    crossed = np.concatenate(steps)
    difference = float(grey[bright].mean() - grey[~bright].mean())
    return float(np.percentile(crossed, 25)) / difference if len(crossed) else 0.0


def _block_means(grey: Image) -> Image:
    """Return the means of square blocks; rows and columns that fill none are left out."""
    side = math.ceil(max(grey.shape) / BLOCKS_A_SIDE)
    if min(grey.shape) < side:
        return grey[tuple(slice(max(length // side, 1) * side) for length in grey.shape)]
    return block_means(grey, side)


def _grid(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the pixels or blocks of an image lie, from -1 to 1, as a column and a row."""
    y, x = ((2 * np.arange(length) + 1) / length - 1 for length in shape)
    return y[:, None], x[None, :]


def _powers() -> list[tuple[int, int]]:
    return [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]


def _surface(
    weights: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the polynomial (Y, X) of these weights, one for each of its powers."""
    surface: NDArray[np.float64] = sum(
        (weight * y**i * x**j for weight, (i, j) in zip(weights, _powers(), strict=True)),
        start=np.zeros((len(y), x.shape[1])),
    )
    return surface


def _fit(blocks: Image, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fit the polynomial to the background: least squares with Tukey's biweight (Beaton and Tukey 1974)."""
    terms = np.stack([(y**i * x**j).ravel() for i, j in _powers()], axis=1)
    values, counts = blocks.ravel().astype(np.float64), np.ones(blocks.size)
    weights: NDArray[np.float64] = np.zeros(terms.shape[1])
    for _ in range(N_ROUNDS):
        root = np.sqrt(counts)
        weights = np.asarray(np.linalg.lstsq(terms * root[:, None], values * root, rcond=None)[0])
        off = values - terms @ weights
        scatter = robust_sigma(off) + np.finfo(np.float32).eps
        counts = np.clip(1 - (off / (REJECTED_AT * scatter)) ** 2, 0, None) ** 2
    return weights

"""What the grey values of a frame tell of its particles, beside the support nearby."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.analysis.shape import Reals
from temtrack.imaging.labels import LabelImage

#: The support's brightness is averaged over a square of so many typical particle diameters.
_SURROUNDINGS_DIAMETERS = 3.0

#: Pixels so near a particle may lie in its fringe or blur and are no support.
_RIM_PX = 2

#: Darker than this fraction of the support's brightness a pixel is as good as black.
_DARKEST = 0.01

#: A particle ends at this part of its own contrast. At a half a disc does, but a sphere, thin at its rim, is
#: 5 to 10 % too narrow; at 0.4 the one is 3 % too wide and the other 4 % too narrow (simulated movies of
#: both, seeds 900 to 905).
EDGE_LEVEL = 0.4

#: The edge is looked for so many pixels around the mask, and this part of the typical radius more.
REACH_PX, REACH_RADII = 2, 0.125

#: How often the contrast is measured, first within the mask, then within the edge that it gave.
N_PASSES = 2

#: Single pixels are noisy: contrast is blurred by a Gaussian of this standard deviation.
BLUR_PX = 1.0

#: Where the edge is farther from that of the mask than by this factor of the diameter, it is another's.
MAX_FACTOR = 1.5


def estimate_support(labels: LabelImage, grey: Reals) -> Reals | None:
    """Return the brightness (Y, X) that the support nearby has; ``None`` where the frame shows none."""
    is_covered = ndimage.maximum_filter(labels.labels != 0, size=2 * _RIM_PX + 1)
    is_support = ~is_covered & np.isfinite(grey)
    if not is_support.any() or not labels.ids.size:
        return None
    diameter = 2 * float(np.median(labels.regions.radius_px))
    size = int(np.ceil(_SURROUNDINGS_DIAMETERS * diameter)) + 2 * _RIM_PX
    total = ndimage.uniform_filter(np.where(is_support, grey, 0.0), size)
    fraction = ndimage.uniform_filter(is_support.astype(np.float64), size)
    everywhere = float(np.median(grey[is_support]))
    support: Reals = np.where(fraction > 1 / size**2, total / np.maximum(fraction, 1 / size**2), everywhere)
    return support


def measure_optical_mass(labels: LabelImage, grey: Reals, support: Reals) -> Reals:
    """Integrate the optical density ``-ln(I / I0)`` over each region, (N,) in px2; I0 is the support nearby.

    This integrated optical density is called optical mass: in bright field it is proportional to the
    projected mass (Beer-Lambert), so the child of a merge has as much as its parents together, whatever its
    shape. It takes grey value 0 for no electrons; diffraction makes it waver.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        transmitted = grey.ravel()[labels.pixels] / support.ravel()[labels.pixels]
        density = -np.log(np.maximum(transmitted, _DARKEST))
    return labels.total_of_pixels(np.where(np.isfinite(density), density, 0.0))


def measure_edge_diameters(labels: LabelImage, grey: Reals, support: Reals) -> Reals:
    """Return the diameter (N,) px of the disc as large as what has 0.4 of a particle's own contrast or more.

    A mask ends where one threshold, or a network, sees an edge, so that it widens as the diffraction contrast
    of its particle grows. A part of the particle's own contrast does not. Its own contrast is the mean over
    its mask of what it differs from the support nearby, weighted by that difference, so that it hardly
    depends on where that ends; pixels on the edge count in part. NaN where that is far from the mask.
    """
    signal = np.where(np.isfinite(grey), support - grey, 0.0).astype(np.float32)
    signal = ndimage.gaussian_filter(signal, BLUR_PX, output=signal)
    radius = labels.regions.radius_px
    reach_px = REACH_PX + round(REACH_RADII * float(np.median(radius)))
    pixels, place = _grown(labels, reach_px)
    slope, value = np.maximum(_slopes(signal, pixels), 1e-9), signal.ravel()[pixels].astype(np.float64)
    inside = (labels.labels.ravel()[pixels] != 0).astype(np.float64)
    for _ in range(N_PASSES):
        with np.errstate(divide="ignore", invalid="ignore"):
            contrast = np.bincount(place, inside * value**2) / np.bincount(place, inside * value)
        beyond = (value - EDGE_LEVEL * contrast[place]) * np.sign(contrast[place])
        inside = np.clip(0.5 + beyond / slope, 0, 1)
    diameter = 2 * np.sqrt(np.bincount(place, inside) / np.pi)
    is_near = np.abs(np.log(np.maximum(diameter, 1e-9) / (2 * radius))) <= np.log(MAX_FACTOR)
    return np.where(np.isfinite(diameter) & is_near, diameter, np.nan)


def _grown(labels: LabelImage, n_px: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the pixels (P,) of the regions and around them, and the place of each pixel's id."""
    height, width = labels.shape
    place = np.repeat(labels.region, labels.runs.n_px)
    owner = np.full((height + 2) * (width + 2), -1, np.int32)
    y, x = np.divmod(labels.pixels, width)
    edge = (y + 1) * (width + 2) + x + 1
    owner[edge] = place
    frame = owner.reshape(height + 2, width + 2)
    frame[[0, -1]], frame[:, [0, -1]] = -2, -2
    for _ in range(n_px):
        around = [edge + step for step in (1, -1, width + 2, -width - 2)]
        owners = [owner[edge]] * 4
        near, of = np.concatenate(around), np.concatenate(owners)
        is_free = owner[near] == -1
        owner[near[is_free]] = of[is_free]
        edge = np.unique(near[is_free])
    held = np.flatnonzero(owner >= 0)
    y, x = np.divmod(held, width + 2)
    return (y - 1) * width + x - 1, owner[held].astype(np.intp)


def _slopes(signal: NDArray[np.float32], pixels: NDArray[np.int64]) -> Reals:
    """Return the length of the gradient (P,) of a signal (Y, X) at some of its pixels."""
    height, width = signal.shape
    y, x = np.divmod(pixels, width)
    up, down = np.maximum(y - 1, 0), np.minimum(y + 1, height - 1)
    left, right = np.maximum(x - 1, 0), np.minimum(x + 1, width - 1)
    along = (signal[down, x] - signal[up, x]) / np.maximum(down - up, 1)
    across = (signal[y, right] - signal[y, left]) / np.maximum(right - left, 1)
    slopes: Reals = np.hypot(along, across)
    return slopes

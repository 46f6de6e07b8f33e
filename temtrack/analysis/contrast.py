"""What the grey values of a frame tell of its particles, beside the support nearby."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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

#: A particle ends somewhere between these parts of its own contrast: a pixel counts from nothing at the first
#: to all at the second. A disc then is 2 % too wide, and a sphere, thin at its rim, 4 to 5 % too narrow
#: (simulated movies of both, seeds 900 to 905).
EDGE_LEVELS = 0.1, 0.8

#: The edge is looked for so many pixels around the mask, and this part of the typical radius more.
REACH_PX, REACH_RADII = 2, 0.125

#: How often the contrast is measured, first within the mask, then within the edge that it gave.
N_PASSES = 2

#: Single pixels are noisy: contrast is blurred by a Gaussian of this standard deviation.
BLUR_PX = 1.0

#: Where the edge is farther from that of the mask than by this factor of the diameter, it is another's.
MAX_FACTOR = 2.5

#: Where so much of what lies farthest out still counts, the edge is still farther.
MAX_OUTERMOST = 0.5


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
    """Return the diameter (N,) px of the disc as large as each particle above a part of its own contrast.

    A mask ends where one threshold, or a network, sees an edge, so that it widens as the diffraction contrast
    of its particle grows. A part of the particle's own contrast does not: it is the area above levels from
    0.1 to 0.8 of it, their mean. Its own contrast is the mean of what it differs from the support nearby,
    weighted by that difference, so that it hardly depends on where the mask ends. NaN where the edge is far
    from that of the mask.
    """
    signal = np.where(np.isfinite(grey), support - grey, 0.0).astype(np.float32)
    signal = ndimage.gaussian_filter(signal, BLUR_PX, output=signal)
    radius = labels.regions.radius_px
    around = _grown(labels, REACH_PX + round(REACH_RADII * float(np.median(radius))))
    value = signal.ravel()[around.pixels].astype(np.float64)
    low, high = EDGE_LEVELS
    inside = (around.step == 0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(N_PASSES):
            contrast = around.total(inside * value**2) / around.total(inside * value)
            inside = np.clip((value / contrast[around.place] - low) / (high - low), 0, 1)
        is_last = around.step == around.step.max(initial=0)
        is_beyond = around.total(inside * is_last) / around.total(is_last) > MAX_OUTERMOST
        diameter = 2 * np.sqrt(around.total(inside) / np.pi)
        factor = diameter / (2 * radius)
    is_near = (factor >= 1 / MAX_FACTOR) & (factor <= MAX_FACTOR) & ~is_beyond
    return np.where(is_near, diameter, np.nan)


@dataclass(frozen=True)
class _Around:
    """Pixels of regions and around them, (P,): flat places, the place of the region's id, steps from it."""

    pixels: NDArray[np.int64]
    place: NDArray[np.intp]
    step: NDArray[np.int8]
    n: int

    def total(self, values: NDArray[Any]) -> Reals:
        """Sum values (P,) over each region, (N,)."""
        return np.bincount(self.place, values, self.n).astype(np.float64)


def _grown(labels: LabelImage, n_px: int) -> _Around:
    """Grow the regions by steps of one pixel to four sides, as far as they meet no other."""
    height, width = labels.shape
    row = width + 2
    owner, step = np.full((2, (height + 2) * row), -1, np.int32)
    frame = owner.reshape(height + 2, row)
    frame[[0, -1]], frame[:, [0, -1]] = -2, -2
    y, x = np.divmod(labels.pixels, width)
    edge = (y + 1) * row + x + 1
    owner[edge], step[edge] = np.repeat(labels.region, labels.runs.n_px), 0
    for n in range(1, n_px + 1):
        near = np.concatenate([edge + to for to in (1, -1, row, -row)])
        of = np.tile(owner[edge], 4)
        is_free = owner[near] == -1
        owner[near[is_free]] = of[is_free]
        edge = np.unique(near[is_free])
        step[edge] = n
    held = np.flatnonzero(owner >= 0)
    y, x = np.divmod(held, row)
    places = owner[held].astype(np.intp)
    return _Around((y - 1) * width + x - 1, places, step[held].astype(np.int8), labels.ids.size)

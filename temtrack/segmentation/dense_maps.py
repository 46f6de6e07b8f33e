"""Foreground, particle marker and touching boundary: three maps that hold instances, and the way back.

Two particles that touch share foreground; what separates them is the line where they meet. So labels are
encoded as three maps, which a network learns; a watershed from the markers turns a prediction into labels.
Distances are in pixels of the network's input, where a particle is some 20 to 100 px wide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from temtrack.imaging.labels import compact, mean_values

BOUNDARY_REACH_PX = 2  # the touching boundary: this near to another particle
MARKER_MARGIN_PX = 4  # a marker keeps this far from every other particle

MIN_PROBABILITY = 0.7  # of foreground, the mean over a particle: what is less probable is mostly noise

FOREGROUND, MARKER, BOUNDARY = range(3)


def encode(labels: NDArray[Any]) -> NDArray[np.float32]:
    """Encode labels (Y, X) as maps (3, Y, X) in {0, 1}: foreground, marker, boundary.

    The marker is the particle less its outline and less a margin towards other particles; the boundary
    is where two particles are within a few pixels, the gap between them included.
    """
    foreground = labels > 0
    boundary = _near_two(labels, BOUNDARY_REACH_PX)
    marker = foreground & ~_near_two(labels, MARKER_MARGIN_PX) & ndimage.minimum_filter(foreground, 3)
    marker |= foreground & ~boundary & np.isin(labels, _without(marker, labels))
    return np.stack([foreground, marker, boundary]).astype(np.float32)


def decode(maps: NDArray[np.float32]) -> NDArray[np.int32]:
    """Decode maps (3, Y, X) of probabilities as labels (Y, X): watershed from the markers.

    Foreground without a marker is a particle of its own. Particles that are hardly probable are left out.
    """
    foreground = maps[FOREGROUND] > 0.5
    markers = foreground & (maps[MARKER] > 0.5) & (maps[BOUNDARY] < 0.5)
    seeds, n_seeds = ndimage.label(markers, np.ones((3, 3)))
    parts, n_parts = ndimage.label(foreground)
    seed_of, is_shared = _seeds_of_parts(parts[markers], seeds[markers], n_parts, n_seeds)
    labels = seed_of[parts]
    if is_shared.any():
        labels += _flooded(maps, seeds, is_shared[parts])
    is_probable = mean_values(labels, maps[FOREGROUND]) >= MIN_PROBABILITY
    return compact(np.where(is_probable[labels], labels, 0))[0]


def _seeds_of_parts(
    parts: NDArray[np.int32], seeds: NDArray[np.int32], n_parts: int, n_seeds: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the label of each part of the foreground, 0 where its seeds share it, and whether they do.

    The part with the number 0 is the background; one without a seed has a label of its own.
    """
    first, last = np.full(n_parts + 1, n_seeds + 1, np.int32), np.zeros(n_parts + 1, np.int32)
    np.minimum.at(first, parts, seeds)
    np.maximum.at(last, parts, seeds)
    own = np.where(last == 0, n_seeds + np.arange(n_parts + 1, dtype=np.int32), first)
    own[0] = 0
    is_shared = first < last
    return np.where(is_shared, 0, own).astype(np.int32), is_shared


def _flooded(
    maps: NDArray[np.float32], seeds: NDArray[np.int32], shared: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return what of the parts that seeds share (Y, X) each is flooded from, 0 elsewhere."""
    return np.asarray(
        watershed(maps[BOUNDARY] - maps[MARKER], np.where(shared, seeds, 0), mask=shared), np.int32
    )


def _near_two(labels: NDArray[Any], reach_px: int) -> NDArray[np.bool_]:
    """Return where two different labels stand within a square of ``reach_px`` around a pixel."""
    size = 2 * reach_px + 1
    top = ndimage.maximum_filter(labels, size)
    low = ndimage.minimum_filter(np.where(labels > 0, labels, np.iinfo(labels.dtype).max), size)
    two: NDArray[np.bool_] = (low < top) & (top > 0)
    return two


def _without(marker: NDArray[np.bool_], labels: NDArray[Any]) -> NDArray[Any]:
    """List the labels that have no marker pixel."""
    return np.setdiff1d(np.unique(labels[labels > 0]), np.unique(labels[marker]))

"""Inside an under-segmented detection: whose pixels are whose, and how thick the necks are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import spread

#: Width of the slices, in pixels, over which the neck's width is averaged: one alone is too ragged.
SLICE_PX = 2

#: Centres nearer than this many pixels have no neck between them.
MIN_CENTRE_DISTANCE_PX = 4.0

#: A mask holds the pixels that its outline cuts, so its necks look thicker by this much on either side.
OUTLINE_PX = 0.5


def divide_detection(detection: NDArray[np.bool_], propagated: NDArray[np.integer]) -> NDArray[np.int32]:
    """Give each pixel of an under-segmented detection to the member whose propagated mask is nearest.

    Parameters
    ----------
    detection
        (Y, X) mask of the under-segmented detection.
    propagated
        (Y, X) ids of its members where they were predicted, 0 elsewhere.
    """
    seeds = np.where(detection, propagated, 0)
    if not seeds.any():
        return np.zeros(detection.shape, np.int32)
    return np.where(detection, spread(seeds, seeds != 0), 0).astype(np.int32)


def neck_clusters(
    detection: NDArray[np.bool_], shared: NDArray[np.int32], min_neck_ratio: float
) -> list[frozenset[int]]:
    """Return the groups of members that a thick enough neck joins, groups of two or more only.

    Members are joined along the shortest tree between their centres; a tree's edge counts where the
    neck's half width reaches ``min_neck_ratio`` of the smaller one's radius.
    """
    ids = np.unique(shared[shared != 0])
    members = [np.argwhere(shared == i) for i in ids]
    centres = np.array([m.mean(axis=0) for m in members]).reshape(-1, 2)
    pixels = np.argwhere(detection)
    group = list(range(len(ids)))
    for i, j in _shortest_tree(centres):
        if neck_ratio(pixels, members[i], members[j]) >= min_neck_ratio:
            group = [group[i] if g == group[j] else g for g in group]
    clusters = [frozenset(int(ids[k]) for k in range(len(ids)) if group[k] == g) for g in set(group)]
    return [c for c in clusters if len(c) > 1]


def neck_ratio(
    pixels: NDArray[np.integer], part_a: NDArray[np.integer], part_b: NDArray[np.integer]
) -> float:
    """Return the half width of the neck between two parts over the smaller one's radius.

    The width is the least extent of the whole across the line between the parts' centres; infinite where
    the centres are so near each other that nothing like a neck lies between them.

    Parameters
    ----------
    pixels
        (N, 2) row and column of the pixels of the joined particle.
    part_a, part_b
        The same of the two parts.
    """
    centre_a, centre_b = part_a.mean(axis=0), part_b.mean(axis=0)
    line = centre_b - centre_a
    length = float(np.hypot(*line))
    if length < MIN_CENTRE_DISTANCE_PX:
        return np.inf
    n_slices = int(length // SLICE_PX)
    slices = np.floor((pixels - centre_a) @ (line / length**2) * n_slices).astype(int)
    inside = (slices >= 0) & (slices < n_slices)
    n_px = np.bincount(slices[inside], minlength=n_slices)
    half_width = float(n_px.min()) / (length / n_slices) / 2
    radius = np.sqrt(min(len(part_a), len(part_b)) / np.pi)
    return float((half_width - OUTLINE_PX) / radius)


def _shortest_tree(centres: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the edges of the shortest tree that joins a few points (Prim)."""
    joined, edges = [0], []
    apart = list(range(1, len(centres)))
    while apart:
        distance = np.linalg.norm(centres[joined][:, None] - centres[apart][None], axis=2)
        i, j = np.unravel_index(np.argmin(distance), distance.shape)
        edges.append((joined[i], apart[j]))
        joined.append(apart.pop(j))
    return edges

"""Gating: where the network's mask of a particle cannot be right, motion gives a fallback prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, compact


@dataclass(frozen=True)
class Gates:
    """Bounds of a particle's area from one frame to the next, as shares of the expected area.

    Parameters
    ----------
    min_area_fraction, max_area_fraction
        Outside these the network's mask is rejected. What leaves the field has left the expected area too.
    min_room_fraction
        A fallback prediction takes only background where so much of it is background. Where less is, others
        have swallowed it, and it is cut out of them.
    """

    min_area_fraction: float = 0.3
    max_area_fraction: float = 3.0
    min_room_fraction: float = 0.5


def apply_fallback(found: NDArray[np.int32], predicted: LabelImage, gates: Gates) -> NDArray[np.int32]:
    """Return the labels (Y, X) found with a fallback prediction for those that fail the gates.

    Every id of ``predicted`` has at least one pixel in the result.
    """
    regions = predicted.regions
    small, ids = compact(predicted.labels)
    in_found = _renumber(found, ids)
    n = ids.size + 1
    share = np.bincount(in_found.ravel(), minlength=n)[1:] / np.maximum(regions.area_px, 1)
    wrong = np.concatenate([[False], (share > gates.max_area_fraction) | (share < gates.min_area_fraction)])
    if wrong.any():
        in_found[wrong[in_found]] = 0
        candidate = wrong[small]
        room = np.bincount(small[candidate & (in_found == 0)], minlength=n)[1:] / regions.area_px
        swallowed = np.concatenate([[False], room < gates.min_room_fraction])
        taken = candidate & ((in_found == 0) | swallowed[small])
        in_found[taken] = small[taken]
        _keep_a_pixel(in_found, small, n)
    return np.concatenate([[0], ids]).astype(np.int32)[in_found]


def _renumber(labels: NDArray[np.int32], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels, all of them among ``ids``, as 1-based places in it."""
    small, present = compact(labels)
    return np.concatenate([[0], np.searchsorted(ids, present) + 1])[small]


def _keep_a_pixel(labels: NDArray[np.int64], expected: NDArray[np.int32], n: int) -> None:
    """Draw one expected pixel of each id that has none."""
    gone = np.bincount(labels.ravel(), minlength=n) == 0
    gone[0] = False
    if gone.any():
        at = np.flatnonzero(gone[expected])
        _, first = np.unique(expected.ravel()[at], return_index=True)
        labels.ravel()[at[first]] = expected.ravel()[at[first]]

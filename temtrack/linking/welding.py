"""Pairs that are still drawn apart when the neck between them makes them one particle.

A segmentation draws two particles until their neck is nearly as wide as they are; a merge is complete long
before. So a pair that is one detection soon, and for good, has merged in the first of the frames right before
in which the contact of its two detections is as wide as a neck.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from temtrack.imaging.labels import bounding_boxes
from temtrack.imaging.spans import grown
from temtrack.lineage import NECK_RATIO
from temtrack.linking.records import FrameRecord

#: Pixels between two outlines up to which their pixels border on each other, by drawing discs at any angle.
BORDERING_PX = 0.8

#: A pair is welded for no longer than so many frames before it is one detection.
MAX_WELDED_FRAMES = 3


def find_welded(window: list[FrameRecord]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that the window's first frame shows welded, and a frame soon after as one detection."""
    first = window[0]
    if not first.is_informative or not first.contacts:
        return
    shown = [record for record in window[: 1 + MAX_WELDED_FRAMES] if record.is_informative]
    for n, record in enumerate(shown[1:], start=1):
        pairs = (pair for ids in record.under_segmented for pair in combinations(sorted(ids), 2))
        yield from (pair for pair in pairs if all(is_welded(before, *pair) for before in shown[:n]))


def is_welded(record: FrameRecord, a: int, b: int) -> bool:
    """Tell whether a frame shows two apart, in a contact that is as wide as a neck."""
    if not record.in_contact(a, b) or not record.shows_apart(a, b):
        return False
    masks = record.mask_of(a), record.mask_of(b)
    radii = [float(np.sqrt(mask.sum() / np.pi)) for mask in masks]
    return neck_px(contact_px(*masks), *radii) >= NECK_RATIO * min(radii)


def neck_px(contact: float, radius_a: float, radius_b: float) -> float:
    """Return the half width of the neck of two discs whose pixels border on each other over a length.

    At y from the middle, beside a neck x wide, the gap is (y^2 - x^2) (1/a + 1/b) / 2; where it is below
    `BORDERING_PX`, pixels border on each other too.
    """
    beside = 2 * BORDERING_PX / (1 / radius_a + 1 / radius_b)
    return float(np.sqrt(max((contact / 2) ** 2 - beside, 0.0)))


def contact_px(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return how long the contact of two masks (Y, X) is: the span of what of ``a`` borders on ``b``."""
    if not a.any():
        return 0.0
    around = grown(bounding_boxes(a.view(np.uint8))[1], 1, a.shape)
    touching = np.argwhere(a[around] & ndimage.binary_dilation(b[around], np.ones((3, 3), bool)))
    if not len(touching):
        return 0.0
    return float(np.hypot(*np.ptp(touching, axis=0))) + 1.0

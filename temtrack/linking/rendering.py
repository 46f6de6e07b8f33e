"""Draw the labels of a frame from its detections, its propagated tracks and the links between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, bounding_boxes
from temtrack.linking.association import Link
from temtrack.linking.under_segmentation import divide_detection, neck_clusters


@dataclass(frozen=True)
class Drawing:
    """Labels of a frame, sets of ids that a thick enough neck joins, pixels of ids painted over."""

    image: LabelImage
    under_segmented: list[frozenset[int]]
    covered_px: dict[int, int]


def render_frame(
    propagated: NDArray[np.integer],
    detections: NDArray[np.integer],
    id_of_detection: Mapping[int, int],
    under_segmented: list[Link],
    unmatched_tracks: list[int],
    min_neck_ratio: float,
) -> Drawing:
    """Draw a frame: detections with their ids, shared ones divided, unmatched tracks as propagated.

    Parameters
    ----------
    propagated
        (Y, X) ids predicted into the frame.
    detections
        (Y, X) detections, compact ids.
    id_of_detection
        The track of each detection that is not under-segmented.
    under_segmented
        Links of several tracks in one detection.
    unmatched_tracks
        Tracks to be drawn from ``propagated``.
    min_neck_ratio
        See `LinkingConfig`.
    """
    table = np.zeros(int(detections.max(initial=0)) + 1, np.int32)
    table[list(id_of_detection)] = list(id_of_detection.values())
    labels = table[detections]
    clusters: list[frozenset[int]] = []
    boxes = bounding_boxes(detections) if under_segmented else {}
    for link in under_segmented:
        (detection,) = link.detections
        box = boxes[detection]
        mask = detections[box] == detection
        members = np.where(mask & np.isin(propagated[box], link.tracks), propagated[box], 0)
        for outside in np.setdiff1d(link.tracks, members):
            members[_nearest_pixel(mask, propagated == outside, box)] = outside
        shared = divide_detection(mask, members)
        labels[box][mask] = shared[mask]
        clusters += neck_clusters(mask, shared, min_neck_ratio)
    covered_px = _paint_unmatched(labels, propagated, unmatched_tracks)
    return Drawing(LabelImage(labels), clusters, covered_px)


def _nearest_pixel(
    mask: NDArray[np.bool_], member: NDArray[np.bool_], box: tuple[slice, slice]
) -> tuple[int, int]:
    """Return the pixel of ``mask``, which is a box of the image, nearest to the centre of a mask (Y, X)."""
    centre = np.argwhere(member).mean(axis=0) - (box[0].start, box[1].start)
    pixels = np.argwhere(mask)
    y, x = pixels[np.argmin(((pixels - centre) ** 2).sum(axis=1))]
    return int(y), int(x)


def _paint_unmatched(
    labels: NDArray[np.int32], propagated: NDArray[np.integer], unmatched_tracks: list[int]
) -> dict[int, int]:
    """Paint the unmatched tracks into the background, and one that found none of it over what is there.

    Returns
    -------
    The pixels that were there, by id.
    """
    covered_px: dict[int, int] = {}
    if not unmatched_tracks:
        return covered_px
    is_unmatched = np.isin(propagated, unmatched_tracks)
    free = is_unmatched & (labels == 0)
    labels[free] = propagated[free]
    for hidden in np.setdiff1d(unmatched_tracks, propagated[free]):
        own = propagated == hidden
        for i, n_px in zip(*np.unique(labels[own], return_counts=True), strict=True):
            covered_px[int(i)] = covered_px.get(int(i), 0) + int(n_px)
        labels[own] = hidden
    return covered_px

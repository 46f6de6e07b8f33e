"""Draw the labels of a frame from its segments, its carried tracks and the links between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import bounding_boxes
from temtrack.linking.association import Link
from temtrack.linking.fused import neck_clusters, share_out


@dataclass(frozen=True)
class Drawing:
    """Labels (Y, X) of a frame, sets of ids that a thick enough neck joins, pixels of ids painted over."""

    labels: NDArray[np.int32]
    fused: list[frozenset[int]]
    covered_px: dict[int, int]


def draw_frame(
    carried: NDArray[np.integer],
    segments: NDArray[np.int32],
    id_of_segment: Mapping[int, int],
    fused: list[Link],
    missing: list[int],
    min_neck_ratio: float,
) -> Drawing:
    """Draw a frame: segments with their ids, fused ones shared out, missing tracks where they were carried.

    Parameters
    ----------
    carried
        (Y, X) ids predicted into the frame.
    segments
        (Y, X) segments, compact ids.
    id_of_segment
        The track of each segment that is not fused.
    fused
        Links of several tracks in one segment.
    missing
        Tracks to be drawn from ``carried``.
    min_neck_ratio
        See `LinkingConfig`.
    """
    table = np.zeros(int(segments.max(initial=0)) + 1, np.int32)
    table[list(id_of_segment)] = list(id_of_segment.values())
    labels = table[segments]
    clusters: list[frozenset[int]] = []
    boxes = bounding_boxes(segments) if fused else {}
    for link in fused:
        (segment,) = link.segments
        box = boxes[segment]
        mask = segments[box] == segment
        members = np.where(mask & np.isin(carried[box], link.tracks), carried[box], 0)
        for outside in np.setdiff1d(link.tracks, members):
            members[_nearest_pixel(mask, carried == outside, box)] = outside
        shared = share_out(mask, members)
        labels[box][mask] = shared[mask]
        clusters += neck_clusters(mask, shared, min_neck_ratio)
    return Drawing(labels, clusters, _paint_missing(labels, carried, missing))


def _nearest_pixel(
    mask: NDArray[np.bool_], member: NDArray[np.bool_], box: tuple[slice, slice]
) -> tuple[int, int]:
    """Return the pixel of ``mask``, which is a box of the image, nearest to the centre of a mask (Y, X)."""
    centre = np.argwhere(member).mean(axis=0) - (box[0].start, box[1].start)
    pixels = np.argwhere(mask)
    y, x = pixels[np.argmin(((pixels - centre) ** 2).sum(axis=1))]
    return int(y), int(x)


def _paint_missing(
    labels: NDArray[np.int32], carried: NDArray[np.integer], missing: list[int]
) -> dict[int, int]:
    """Paint the missing tracks into the background, and one that found none of it over what is there.

    Returns
    -------
    The pixels that were there, by id.
    """
    covered_px: dict[int, int] = {}
    if not missing:
        return covered_px
    is_missing = np.isin(carried, missing)
    free = is_missing & (labels == 0)
    labels[free] = carried[free]
    for hidden in np.setdiff1d(missing, carried[free]):
        own = carried == hidden
        for i, n_px in zip(*np.unique(labels[own], return_counts=True), strict=True):
            covered_px[int(i)] = covered_px.get(int(i), 0) + int(n_px)
        labels[own] = hidden
    return covered_px

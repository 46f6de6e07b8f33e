"""Draw the labels of a frame from its detections, its propagated tracks and the links between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage
from temtrack.linking.association import Link
from temtrack.linking.under_segmentation import divide_detection, neck_clusters


@dataclass(frozen=True)
class Drawing:
    """Labels of a frame.

    Parameters
    ----------
    image
        What is there, unmatched tracks in free space only.
    memory
        The same for propagation: tracks that are hidden lie on top, where they are expected.
    under_segmented
        Sets of ids that a thick enough neck joins.
    """

    image: LabelImage
    memory: LabelImage
    under_segmented: list[frozenset[int]]


def render_frame(
    propagated: LabelImage,
    detections: LabelImage,
    id_of_detection: Mapping[int, int],
    under_segmented: list[Link],
    unmatched_tracks: list[int],
    min_neck_ratio: float,
) -> Drawing:
    """Draw a frame: detections with their ids, shared ones divided, unmatched tracks as guests.

    Parameters
    ----------
    propagated
        Ids predicted into the frame.
    detections
        What was found.
    id_of_detection
        The track of each detection that is not under-segmented.
    under_segmented
        Links of several tracks in one detection.
    unmatched_tracks
        Tracks to be drawn from ``propagated``, where nothing else is.
    min_neck_ratio
        See `LinkingConfig`.
    """
    ids = [id_of_detection.get(detection, 0) for detection in detections.ids.tolist()]
    image = detections.with_ids(np.array(ids, np.int64))
    if not (under_segmented or unmatched_tracks):
        return Drawing(image, image, [])
    labels, expected = image.labels, propagated.labels
    clusters: list[frozenset[int]] = []
    boxes = detections.boxes() if under_segmented else {}
    for link in under_segmented:
        (detection,) = link.detections
        box = boxes[detection]
        mask = detections.labels[box] == detection
        shared = divide_detection(mask, _seeds(mask, expected, link.tracks, box))
        labels[box][mask] = shared[mask]
        clusters += neck_clusters(mask, shared, min_neck_ratio)
    hidden = _paint_guests(labels, expected, unmatched_tracks)
    image = LabelImage(labels)
    memory = LabelImage(_paint_hidden(labels, expected, hidden)) if hidden else image
    return Drawing(image, memory, clusters)


def _seeds(
    mask: NDArray[np.bool_],
    propagated: NDArray[np.integer],
    tracks: tuple[int, ...],
    box: tuple[slice, slice],
) -> NDArray[np.integer]:
    """Return tracks (Y, X) within a detection's mask, which is a box of the image.

    Where one was predicted outside they have moved otherwise than was thought, all of them: they are brought
    onto the detection together, and who is still outside gets the nearest pixel.
    """
    seeds = np.where(mask & np.isin(propagated[box], tracks), propagated[box], 0)
    if np.isin(tracks, seeds).all():
        return seeds
    at, pixels = np.argwhere(np.isin(propagated, tracks)), np.argwhere(mask)
    ids = propagated[tuple(at.T)]
    at = at + np.rint(pixels.mean(axis=0) - at.mean(axis=0)).astype(np.int64)
    inside = ((at >= 0) & (at < mask.shape)).all(axis=1)
    seeds = np.zeros(mask.shape, propagated.dtype)
    seeds[tuple(at[inside].T)] = ids[inside]
    seeds[~mask] = 0
    for outside in np.setdiff1d(tracks, seeds):
        free = pixels[seeds[mask] == 0]
        free = free if len(free) else pixels
        off = free - at[ids == outside].mean(axis=0)
        seeds[tuple(free[np.argmin((off**2).sum(axis=1))])] = outside
    return seeds


def _paint_guests(
    labels: NDArray[np.integer], propagated: NDArray[np.integer], unmatched_tracks: list[int]
) -> list[int]:
    """Paint unmatched tracks into the background; one that finds none there gets the nearest free pixel.

    Returns
    -------
    Those that found none: hidden behind what is there.
    """
    if not unmatched_tracks:
        return []
    free = np.isin(propagated, unmatched_tracks) & (labels == 0)
    labels[free] = propagated[free]
    hidden: list[int] = np.setdiff1d(unmatched_tracks, propagated[free]).tolist()
    for guest in hidden:
        pixels = np.argwhere(labels == 0)
        if len(pixels):
            centre = np.argwhere(propagated == guest).mean(axis=0)
            y, x = pixels[np.argmin(((pixels - centre) ** 2).sum(axis=1))]
            labels[y, x] = guest
    return hidden


def _paint_hidden(
    labels: NDArray[np.integer], propagated: NDArray[np.integer], hidden: list[int]
) -> NDArray[np.integer]:
    """Return the labels with hidden tracks where they were propagated, but not over most of another one."""
    out = labels.copy()
    for guest in hidden:
        place = propagated == guest
        covered = np.bincount(out[place], minlength=int(out.max()) + 1)
        keeps_most = 2 * covered < np.bincount(out.ravel(), minlength=covered.size)
        place &= keeps_most[out]
        if place.any():
            out[out == guest] = 0
            out[place] = guest
    return out

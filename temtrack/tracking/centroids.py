"""The `trackpy` tracker: centroids linked from frame to frame, the plain baseline."""

from __future__ import annotations

import numpy as np
import trackpy
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from temtrack.imaging.labels import LabelImage, Regions
from temtrack.imaging.registration import Step
from temtrack.imaging.runs import RunLengths
from temtrack.linking.motion import Prediction, move_labels

#: A particle is looked for within so many median radii of where it was,
REACH_RADII = 2.0

#: but not farther than this share of the median distance of nearest neighbours: beyond, linking is a guess.
REACH_SPACINGS = 0.75

#: In crowds that trackpy cannot solve it shortens its reach in steps, down to this share of it.
SHORTEST_REACH_FRACTION = 0.1


class CentroidTracker:
    """Propagates each mask with its centroid, which trackpy links to the detections of the frame.

    Of motion it knows the step of the whole field alone, and it has no memory: a particle that is not found
    among the detections moves on with the others' median step.

    References
    ----------
    Crocker and Grier 1996, DOI 10.1006/jcis.1996.0217.
    """

    state_classes: tuple[type, ...] = (LabelImage, RunLengths)

    def __init__(self) -> None:
        trackpy.quiet()
        self._reference: LabelImage | None = None

    def add_reference(self, frame: NDArray[np.generic], labels: LabelImage) -> None:
        """Take the labels of a frame; those of the newest frame are propagated."""
        self._reference = labels

    def propagate(
        self, frame: NDArray[np.generic], detections: LabelImage, prediction: Prediction
    ) -> LabelImage:
        """Return the newest reference's labels, each moved with its centroid."""
        if self._reference is None:
            raise ValueError("propagate needs a reference: call add_reference first")
        steps = find_steps(self._reference.regions, detections.regions, prediction.step_px)
        return move_labels(self._reference, steps)

    def state(self) -> LabelImage | None:
        """Return all that it remembers: the last labels."""
        return self._reference

    def restore(self, state: LabelImage | None) -> None:
        """Take what `state` returned in place of all that it remembers."""
        self._reference = state


def find_steps(before: Regions, after: Regions, common_px: Step = (0.0, 0.0)) -> NDArray[np.float64]:
    """Return the step (y, x) in pixels, (N, 2), of each region to the one that trackpy links it with.

    Parameters
    ----------
    before, after
        Regions of two frames.
    common_px
        Step (y, x) of the whole field, from which on the partners are looked for. A region without a partner
        has the median step of the others, and this one where nothing was linked.
    """
    old, new = _centres(before) + common_px, _centres(after)
    steps = np.zeros_like(old)
    if len(old) == 0 or len(new) == 0:
        return steps + common_px
    reach = search_range_px(before)
    levels = trackpy.link_iter(
        [old, new], search_range=reach, memory=0, adaptive_stop=SHORTEST_REACH_FRACTION * reach
    )
    (_, old_ids), (_, new_ids) = levels
    _, i, j = np.intersect1d(old_ids, new_ids, assume_unique=True, return_indices=True)
    steps[i] = new[j] - old[i]
    if i.size:
        steps[np.setdiff1d(np.arange(len(old)), i)] = np.median(steps[i], axis=0)
    return steps + common_px


def search_range_px(regions: Regions) -> float:
    """Return how far a centroid may move between frames, from the particles' size and spacing."""
    reach = REACH_RADII * float(np.median(regions.radius_px))
    if regions.ids.size < 2:
        return reach
    centres = _centres(regions)
    spacing = cKDTree(centres).query(centres, k=2)[0][:, 1]
    return min(reach, max(1.0, REACH_SPACINGS * float(np.median(spacing))))


def _centres(regions: Regions) -> NDArray[np.float64]:
    return np.stack([regions.y_px, regions.x_px], axis=1)

"""Predict where particles are in the next frame: drift of all, and each one's own mean velocity."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.correlation import correlate, grid_spacing
from temtrack.imaging.labels import Regions, encode_run_lengths, measure_regions

#: Weight of the newest step in a particle's mean velocity.
NEWEST_WEIGHT = 0.3

#: Share of its mean velocity, less drift, that a particle is expected to keep: much of it is chance.
KEPT_FRACTION = 0.6

#: Below this overlap of the predicted foreground with the next one, the field may have jumped.
EXPECTED_OVERLAP = 0.75

#: A jump is believed where it makes the overlap this much greater.
MIN_JUMP_ADVANTAGE = 1.15

Step = tuple[float, float]


@dataclass
class MotionModel:
    """Learns steps (y, x) in pixels per frame from labels in order and moves the last ones on."""

    drift: Step = (0.0, 0.0)
    _velocity: dict[int, Step] = field(default_factory=dict)
    _last: Regions | None = None
    _labels: NDArray[np.integer] | None = None

    def learn(self, labels: NDArray[np.integer]) -> None:
        """Take the labels (Y, X) of the next frame; an id stands for the same particle as before."""
        regions = measure_regions(labels)
        steps = {} if self._last is None else _steps(self._last, regions)
        if steps:
            drift = np.median(list(steps.values()), axis=0)
            self.drift = (float(drift[0]), float(drift[1]))
        self._velocity = {
            i: _blend(self._velocity.get(i, self.drift), steps.get(i)) for i in regions.ids.tolist()
        }
        self._last, self._labels = regions, labels

    def predict(self, drift: Step | None = None) -> NDArray[np.int32]:
        """Return the last labels moved on by one frame, with the drift into it where that is known."""
        if self._labels is None or self._last is None:
            raise ValueError("predict needs a frame: call learn first")
        drift_now = np.array(self.drift if drift is None else drift)
        velocity = np.array([self._velocity[i] for i in self._last.ids.tolist()]).reshape(-1, 2)
        own = KEPT_FRACTION * (velocity - velocity.mean(axis=0)) if len(velocity) > 1 else 0 * velocity
        return move_labels(self._labels, self._last, drift_now + own)

    def predict_into(self, detections: NDArray[np.integer]) -> NDArray[np.int32]:
        """Return the last labels moved on into a frame of which the detections (Y, X) are known."""
        moved = self.predict()
        jump = find_jump(moved != 0, detections != 0)
        return shift_labels(moved, jump) if any(jump) else moved


def move_labels(
    labels: NDArray[np.integer], regions: Regions, steps: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Move each id by a step of its own, rounded to pixels; where two meet, the smaller one lies on top.

    An id that leaves the field waits as one pixel at the border.

    Parameters
    ----------
    labels
        (Y, X) ids.
    regions
        Their regions.
    steps
        (N, 2) step (y, x) in pixels of each region.
    """
    height, width = labels.shape
    runs = encode_run_lengths(labels)
    row = np.searchsorted(regions.ids, runs.ids)
    whole = np.rint(steps).astype(np.int64)
    y, start = runs.y_px + whole[row, 0], runs.x_px + whole[row, 1]
    stop = np.minimum(start + runs.n_px, width)
    start = np.maximum(start, 0)
    inside = np.flatnonzero((y >= 0) & (y < height) & (start < stop))
    inside = inside[np.argsort(-regions.area_px[row[inside]], kind="stable")]
    y, start, n_px = y[inside], start[inside], (stop - start)[inside]
    # Where two values go to one pixel the later stands: that of the smaller particle.
    first_of_run = np.cumsum(n_px) - n_px
    at = np.arange(n_px.sum()) + np.repeat(y * width + start - first_of_run, n_px)
    out = np.zeros(labels.shape, np.int32)
    out.ravel()[at] = np.repeat(runs.ids[inside], n_px)
    return _keep_leavers(out, regions, whole)


def shift_labels(labels: NDArray[np.integer], step: tuple[int, int]) -> NDArray[np.int32]:
    """Move all ids by one step (y, x) in whole pixels; those that leave wait as one pixel at the border."""
    regions = measure_regions(labels)
    return move_labels(labels, regions, np.tile(np.array(step, float), (regions.ids.size, 1)))


def _keep_leavers(out: NDArray[np.int32], regions: Regions, steps: NDArray[np.int64]) -> NDArray[np.int32]:
    """Draw a pixel, the nearest within the field, for each id that moving has left without any."""
    present = np.zeros(int(regions.ids.max(initial=0)) + 1, bool)
    present[encode_run_lengths(out).ids] = True
    gone = ~present[regions.ids]
    y = np.clip(np.rint(regions.y_px[gone] + steps[gone, 0]), 0, out.shape[0] - 1).astype(np.int64)
    x = np.clip(np.rint(regions.x_px[gone] + steps[gone, 1]), 0, out.shape[1] - 1).astype(np.int64)
    out[y, x] = regions.ids[gone]
    return out


def find_jump(moved: NDArray[np.bool_], found: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the step (y, x) in pixels by which the whole field jumped beyond what was predicted.

    (0, 0) where the prediction fits, where the frame has too little to compare, or where no step makes
    the overlap clearly greater.
    """
    n_moved, n_found = int(moved.sum()), int(found.sum())
    overlap = int((moved & found).sum())
    if 2 * n_found < n_moved or overlap >= EXPECTED_OVERLAP * min(n_moved, n_found):
        return (0, 0)
    step = _register(moved, found)
    shifted = int((_shifted(moved, step) & found).sum())
    return step if shifted > MIN_JUMP_ADVANTAGE * overlap else (0, 0)


def _shifted(mask: NDArray[np.bool_], step: tuple[int, int]) -> NDArray[np.bool_]:
    """Shift a mask by (y, x) pixels; what comes in from outside is background."""
    out = np.zeros_like(mask)
    (to_y, from_y), (to_x, from_x) = (_slices(s, n) for s, n in zip(step, mask.shape, strict=True))
    out[to_y, to_x] = mask[from_y, from_x]
    return out


def _register(moved: NDArray[np.bool_], found: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the step of greatest cross-correlation, on a coarse grid where the image is large."""
    grid = grid_spacing(moved.shape)
    y, x = correlate(*(mask[::grid, ::grid].astype(np.float32) for mask in (moved, found))).peak
    return (y * grid, x * grid)


def _steps(before: Regions, after: Regions) -> dict[int, Step]:
    """Return the step (y, x) of each id in both frames, but for those cut by the border."""
    ids, i, j = np.intersect1d(before.ids, after.ids, assume_unique=True, return_indices=True)
    whole = ~(before.touches_border[i] | after.touches_border[j])
    ids, i, j = ids[whole], i[whole], j[whole]
    y, x = after.y_px[j] - before.y_px[i], after.x_px[j] - before.x_px[i]
    return dict(zip(ids.tolist(), zip(y.tolist(), x.tolist(), strict=True), strict=True))


def _blend(velocity: Step, step: Step | None) -> Step:
    if step is None:
        return velocity
    (vy, vx), (sy, sx) = velocity, step
    return (vy + NEWEST_WEIGHT * (sy - vy), vx + NEWEST_WEIGHT * (sx - vx))


def _slices(step: int, n: int) -> tuple[slice, slice]:
    """Return where to and where from to copy along an axis of ``n`` for a shift by ``step``."""
    if step >= 0:
        return slice(min(step, n), n), slice(0, max(n - step, 0))
    return slice(0, max(n + step, 0)), slice(min(-step, n), n)

"""Predict where particles are in the next frame: the step of the whole field, and each one's own motion."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.constellation import register_regions
from temtrack.imaging.labels import LabelImage, Regions
from temtrack.imaging.registration import FrameRegistration, Step, find_mask_shift, shift_pixels
from temtrack.imaging.runs import RunLengths, paint_runs, stable_order

#: A median step so many times its standard error tells half of the newest drift: of a few particles it may be
#: their own motion.
DRIFT_SIGMAS = 2.0

#: The error of a median of so few steps is known to a factor of two only.
FEW_STEPS = 4.0

#: Where particles alone fit no step, so many of them may tell a jump by where they overlap.
MIN_OVERLAPPING = 10

#: Weight of the newest step in a particle's mean velocity.
NEWEST_WEIGHT = 0.3

#: Share of its mean velocity that a particle is expected to keep: much of it is chance.
KEPT_FRACTION = 0.6

#: Below this overlap of the predicted foreground with the next one, the field may have jumped.
EXPECTED_OVERLAP = 0.75

#: A jump is believed where it makes the overlap this much greater.
MIN_JUMP_ADVANTAGE = 1.15

#: Where particles agree with the step by less than this share, whole masks are tried too: large particles cut
#: by the border have no known centroids.
MIN_SHARE = 0.6

#: What images tell stands where the particles agree to this many of their median radii.
AGREEMENT_RADII = 0.3

#: A step jumps where it differs from the drift by more of them than this.
JUMP_RADII = 1.0


@dataclass(frozen=True)
class Prediction:
    """Labels where they are expected in a frame, and the step (y, x) in pixels of the whole field into it."""

    labels: LabelImage
    step_px: Step


@dataclass
class MotionModel:
    """Learns how particles move from labels in order, and predicts the next ones.

    Parameters
    ----------
    drift
        Median step (y, x) of the particles in pixels per frame, the last that was no jump.
    """

    drift: Step = (0.0, 0.0)
    _velocity: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    _last: LabelImage | None = None
    _unseen: frozenset[int] = frozenset()
    _spurious: frozenset[int] = frozenset()

    @property
    def n_particles(self) -> int:
        """Number of particles in the last frame."""
        return 0 if self._last is None else self._last.regions.ids.size

    def learn(
        self,
        labels: LabelImage,
        is_jump: bool = False,
        unseen: frozenset[int] = frozenset(),
        tentative: frozenset[int] = frozenset(),
    ) -> None:
        """Take the labels of the next frame; an id stands for the same particle as before.

        A jump of the whole field is no motion: what it moved further than usual is left out. What a sole
        particle moves is its own motion, and no drift. Nor is the way of ``unseen`` ids, which are drawn
        where they were predicted, and of ``tentative`` ones, which may be no particles at all.
        """
        doubted = list(self._unseen | unseen | tentative)
        self._unseen, self._spurious = unseen, unseen & tentative
        after = labels.regions
        before = after.take(np.zeros(after.ids.size, bool)) if self._last is None else self._last.regions
        ids, i, j = np.intersect1d(before.ids, after.ids, assume_unique=True, return_indices=True)
        steps = np.stack([after.y_px[j] - before.y_px[i], after.x_px[j] - before.x_px[i]], axis=1)
        tells = ~(before.touches_border[i] | after.touches_border[j] | np.isin(ids, doubted))
        steps = steps[tells]
        if len(steps) == 1 and not is_jump:
            self.drift = (KEPT_FRACTION * self.drift[0], KEPT_FRACTION * self.drift[1])
        elif len(steps):
            common = np.median(steps, axis=0)
            if is_jump:
                steps = steps - (common - self.drift)
            else:
                newest = _significance(steps, common)
                dy, dx = self.drift
                self.drift = (dy + newest * (common[0] - dy), dx + newest * (common[1] - dx))
        velocity = np.tile(np.array(self.drift), (after.ids.size, 1))
        velocity[j] = self._velocity[i]
        velocity[j[tells]] += NEWEST_WEIGHT * (steps - velocity[j[tells]])
        self._velocity, self._last = velocity, labels

    def register(
        self, detections: LabelImage, by_image: FrameRegistration | None = None
    ) -> FrameRegistration:
        """Register a frame by its masks: the field has moved as its image tells, or drifted on, or jumped.

        Parameters
        ----------
        detections
            The frame's segmentation.
        by_image
            What its image tells. It stands where the masks agree; without an image they alone decide.
        """
        if self._last is None:
            raise ValueError("register needs a frame: call learn first")
        told = by_image or FrameRegistration()
        before, after = _without(self._last.regions, self._spurious), detections.regions
        step, share = register_regions(before, after, self.drift, told.step_px)
        if share < MIN_SHARE and min(before.ids.size, after.ids.size) >= MIN_OVERLAPPING:
            found = find_jump(shift_pixels(self._last.labels != 0, step), detections.labels != 0)
            step = (step[0] + found[0], step[1] + found[1])
        radius_px = float(np.median(before.radius_px)) if before.ids.size else 0.0
        if told.step_px is not None and math.dist(step, told.step_px) <= AGREEMENT_RADII * radius_px:
            return told
        is_jump = math.dist(step, self.drift) > JUMP_RADII * radius_px
        return FrameRegistration(
            step_px=step,
            position_px=None if told.step_px else told.position_px,
            correlation=told.correlation,
            is_jump=is_jump or (told.step_px is None and told.is_jump),
        )

    def predict(self, step_px: Step | None = None) -> Prediction:
        """Return where the last labels are in a frame, given the step (y, x) into it where that is known."""
        if self._last is None:
            raise ValueError("predict needs a frame: call learn first")
        step = self.drift if step_px is None else step_px
        own = self._velocity
        if len(own):
            own = KEPT_FRACTION * (own - (own.mean(axis=0) if len(own) > 1 else self.drift))
        return Prediction(move_labels(self._last, np.array(step) + own), step)


def move_labels(image: LabelImage, steps: NDArray[np.float64]) -> LabelImage:
    """Move each id by a step of its own, rounded to pixels; where two meet, the smaller one lies on top.

    An id that leaves the field waits as one pixel at the border.

    Parameters
    ----------
    image
        The labels.
    steps
        (N, 2) step (y, x) in pixels of each of their regions.
    """
    regions, runs, row = image.regions, image.runs, image.region
    height, width = image.shape
    whole = np.rint(steps).astype(np.int64)
    y, start = runs.y_px + whole[row, 0], runs.x_px + whole[row, 1]
    stop = np.minimum(start + runs.n_px, width)
    start = np.maximum(start, 0)
    inside = np.flatnonzero((y >= 0) & (y < height) & (start < stop))
    rank = np.unique(-regions.area_px, return_inverse=True)[1]
    inside = inside[stable_order(rank[row[inside]])]
    moved = RunLengths(runs.ids, y, start, stop - start).take(inside)
    return _keep_leavers(LabelImage(paint_runs(moved, width), (height, width)), regions, whole)


def _keep_leavers(moved: LabelImage, regions: Regions, steps: NDArray[np.int64]) -> LabelImage:
    """Draw a pixel, the nearest within the field, for each id that moving has left without any."""
    gone = ~np.isin(regions.ids, moved.ids)
    if not gone.any():
        return moved
    out = moved.labels.copy()
    y = np.clip(np.rint(regions.y_px[gone] + steps[gone, 0]), 0, out.shape[0] - 1).astype(np.int64)
    x = np.clip(np.rint(regions.x_px[gone] + steps[gone, 1]), 0, out.shape[1] - 1).astype(np.int64)
    out[y, x] = regions.ids[gone]
    return LabelImage(out)


def find_jump(moved: NDArray[np.bool_], found: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the step (y, x) in pixels by which the whole field jumped beyond what was predicted.

    (0, 0) where the prediction fits, where the frame has too little to compare, or where no step makes
    the overlap clearly greater.
    """
    n_moved, n_found = int(moved.sum()), int(found.sum())
    overlap = int((moved & found).sum())
    if 2 * n_found < n_moved or overlap >= EXPECTED_OVERLAP * min(n_moved, n_found):
        return (0, 0)
    step = find_mask_shift(moved, found)
    shifted = int((shift_pixels(moved, step) & found).sum())
    return step if shifted > MIN_JUMP_ADVANTAGE * overlap else (0, 0)


def _without(regions: Regions, ids: frozenset[int]) -> Regions:
    """Return the regions without some ids, but all where none would be left."""
    kept = ~np.isin(regions.ids, list(ids))
    return regions.take(kept) if kept.any() else regions


def _significance(steps: NDArray[np.float64], common: NDArray[np.float64]) -> float:
    """Return, 0 to 1, how surely the median of some steps is one of the whole field."""
    n_free = len(steps) - 1
    error_px = float(np.hypot(*np.median(np.abs(steps - common), axis=0))) / np.sqrt(n_free)
    doubt_px = DRIFT_SIGMAS * (1 + FEW_STEPS / n_free) * error_px
    length_px = float(np.hypot(*common))
    return 1.0 if doubt_px == 0 else length_px**2 / (length_px**2 + doubt_px**2)

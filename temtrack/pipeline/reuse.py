"""Segment of a movie what has changed: where it stands still, the last masks are used again.

What is done for a frame depends on the movie and on the frame's number alone: the whole of every so many-th
frame is segmented, and each one between is compared with what was seen since then. So a run that goes on in
the middle begins at the last whole one, with the same masks as an unbroken run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.changes import (
    Reference,
    blurred,
    boxes_around,
    find_changes,
    replace_particles,
    whole_part,
)
from temtrack.imaging.registration import Step
from temtrack.imaging.spans import size
from temtrack.masks import Sightings
from temtrack.pipeline.neighbours import FramesWithNeighbours
from temtrack.segmentation.model import Segmentation, drop_small

if TYPE_CHECKING:
    from temtrack.segmentation.segmenter import Segmenter
    from temtrack.segmentation.sight import Sight

#: The whole of every so many-th frame is segmented, whatever was seen before.
WHOLE_EVERY = 10

#: So is that of a frame which has moved by more pixels since,
MAX_STEP_PX = 4

#: and of one of which more than this share would have to be seen anyway.
MAX_PARTS_FRACTION = 0.5

#: Around what has changed the network is shown so many pixels of its input.
MARGIN_PX = 64


@dataclass(frozen=True)
class SeenFrame:
    """The particles of a frame.

    Parameters
    ----------
    labels
        Ids (Y, X).
    sightings
        Where the model saw them, and how likely each is one.
    seen_fraction
        The share of the frame that the model was shown for them.
    """

    labels: NDArray[np.int32]
    sightings: Sightings
    seen_fraction: float = 1.0

    @classmethod
    def of(cls, found: Segmentation) -> SeenFrame:
        """Return a frame of which the model was shown all."""
        return cls(found.labels, Sightings.of(found.labels, found.scores))


@dataclass(frozen=True)
class _Known:
    """What is known of the frames so far: a reference, and by how much the picture has moved since."""

    reference: Reference
    sightings: Sightings
    step_px: Step = (0.0, 0.0)


@dataclass(frozen=True)
class SparingSegmentation:
    """Segments the frames of a movie in order.

    Parameters
    ----------
    segmenter, sight, min_area_px
        The model, and how it is asked.
    shown
        The frames with their neighbours.
    finish
        What is done to each segmentation of the model at last, as leaving out what it is unsure of.
    every_frame
        Whether the whole of every frame is segmented.
    """

    segmenter: Segmenter
    sight: Sight
    min_area_px: float | None
    shown: FramesWithNeighbours
    finish: Callable[[Segmentation], Segmentation]
    every_frame: bool = False

    def frames(self, first: int) -> Iterator[SeenFrame]:
        """Yield the frames from one on, also those that the movie has only when they are asked for."""
        if self.every_frame:
            yield from map(self._whole, count(first))
            return
        known: _Known | None = None
        for t in count(first - first % WHOLE_EVERY):
            known = None if t % WHOLE_EVERY == 0 or known is None else self._moved(known, t)
            frame, known = self._frame(t, known)
            if t >= first:
                yield frame

    def _moved(self, known: _Known, t: int) -> _Known | None:
        """Return what is known with the step to a frame; ``None`` where that is not sure or too far."""
        step = self.shown.step(t - 1)
        if step is None:
            return None
        y, x = known.step_px[0] + step[0], known.step_px[1] + step[1]
        return replace(known, step_px=(y, x)) if max(abs(y), abs(x)) <= MAX_STEP_PX else None

    def _frame(self, t: int, known: _Known | None) -> tuple[SeenFrame, _Known]:
        self.shown.forget(t)
        picture = blurred(self.shown.frame(t))
        if known is not None and known.reference.picture.shape == picture.shape:
            way = whole_part(known.step_px)
            here = known.reference.moved(way)
            changed = find_changes(here, picture)
            last = SeenFrame(here.labels, known.sightings.moved(way, here.labels), 0.0)
            if changed is not None and not changed.any():
                return last, known
            if changed is not None and (parts := self._parts(t, changed, last)) is not None:
                rest = (known.step_px[0] - way[0], known.step_px[1] - way[1])
                return parts, _Known(here.renewed(changed, picture, parts.labels), parts.sightings, rest)
        whole = self._whole(t)
        return whole, _Known(Reference(picture, whole.labels), whole.sightings)

    def _whole(self, t: int) -> SeenFrame:
        return SeenFrame.of(
            self.finish(self.segmenter.segment(self.shown.show(t), self.sight, self.min_area_px))
        )

    def _parts(self, t: int, changed: NDArray[np.bool_], last: SeenFrame) -> SeenFrame | None:
        """Segment what has changed since the last frame; ``None`` where that is too much of the frame."""
        labels = last.labels
        boxes = boxes_around(changed, labels, round(MARGIN_PX / self.sight.scale))
        n_px = sum(map(size, boxes))
        if n_px > MAX_PARTS_FRACTION * labels.size:
            return None
        found = self.finish(self.segmenter.segment_parts(self.shown.show(t, boxes), boxes, self.sight))
        least_px = self.segmenter.min_area_px if self.min_area_px is None else self.min_area_px
        whole = drop_small(replace_particles(labels, found.labels, changed), least_px)
        seen = Sightings.of(found.labels, found.scores)
        return SeenFrame(whole, last.sightings.updated(seen, whole), n_px / labels.size)

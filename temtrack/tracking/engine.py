"""Algorithm 1: segment each frame, propagate the ids into it, link the two, and go on from the result.

The engine is made of callables, so any segmenter and any tracker serve, small fakes among them. What it
knows stands in one dataclass, so that a run can stop after any frame and go on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage
from temtrack.imaging.registration import FrameRegistration
from temtrack.lineage import Lineage
from temtrack.linking.config import LinkingConfig
from temtrack.linking.lineage_builder import LinkedFrame
from temtrack.linking.linker import Linker
from temtrack.linking.motion import MotionModel, Prediction
from temtrack.linking.state import LinkerState
from temtrack.linking.told import ToldOf
from temtrack.tracking.drift import DriftEstimator
from temtrack.tracking.frame_quality import FrameQuality, QualityEstimator

Segment = Callable[[NDArray[np.generic]], NDArray[np.integer]]


class Tracker(Protocol):
    """Propagates the ids of particles from frame to frame."""

    def add_reference(self, frame: NDArray[np.generic], labels: LabelImage) -> None:
        """Take the labels of the first frame (Y, X), or of the one that was propagated to last."""

    def propagate(
        self, frame: NDArray[np.generic], detections: LabelImage, prediction: Prediction
    ) -> LabelImage:
        """Return the newest reference's labels propagated into a later frame.

        Parameters
        ----------
        frame
            The image (Y, X), mostly the next one.
        detections
            Its segmentation.
        prediction
            Where the registration of the frame and the particles' own motion put the reference's labels.
        """


class ResumableTracker(Tracker, Protocol):
    """A tracker that can stop between two frames and go on in another process."""

    @property
    def state_classes(self) -> tuple[type, ...]:
        """Return the dataclasses that may occur in its state."""

    def state(self) -> object:
        """Return all that it remembers, as `temtrack.formats.store.state` can write it."""

    def restore(self, state: Any) -> None:
        """Take what `state` returned in place of all that it remembers."""


@dataclass(frozen=True)
class TrackedFrame(LinkedFrame):
    """A frame whose ids are final, and what its image was like.

    Parameters
    ----------
    quality
        Contrast, sharpness, and whether the frame is good.
    registration
        Where the field of view lies in it.
    """

    quality: FrameQuality
    registration: FrameRegistration


@dataclass
class TrackingState:
    """All that the engine itself knows between two frames; the tracker keeps its own.

    Parameters
    ----------
    linker
        State of the linker.
    quality
        Measures how good the frames are.
    drift
        Registers the frames.
    motion
        What was learned of the particles' motion.
    waiting
        Quality and registration of the frames that are not final yet.
    """

    linker: LinkerState = field(default_factory=LinkerState)
    quality: QualityEstimator = field(default_factory=QualityEstimator)
    drift: DriftEstimator = field(default_factory=DriftEstimator)
    motion: MotionModel = field(default_factory=MotionModel)
    waiting: deque[tuple[FrameQuality, FrameRegistration]] = field(default_factory=deque)

    @property
    def next_frame(self) -> int:
        """Number of the frame to be taken next."""
        return self.linker.n_frames


class TrackingEngine:
    """Tracks the frames of a movie one by one, in order.

    Parameters
    ----------
    segment
        Returns the labels (Y, X) of an image; its ids need not agree between frames.
    tracker
        Propagates ids from frame to frame; in the state that it had after the frame before the next one.
    config
        Thresholds of linking.
    state
        What an earlier engine knew after its last frame; nothing where ``None``.
    told
        What a person said of some frames.
    """

    def __init__(
        self,
        segment: Segment,
        tracker: Tracker,
        config: LinkingConfig | None = None,
        state: TrackingState | None = None,
        told: ToldOf = lambda t: None,
    ) -> None:
        self.state = state or TrackingState()
        self._segment = segment
        self._tracker = tracker
        self._told = told
        self._linker = Linker(config, self.state.linker)

    def push(self, frame: NDArray[np.generic]) -> list[TrackedFrame]:
        """Take the next frame (Y, X) and return those whose ids have become final, in order."""
        is_first, motion = self.state.next_frame == 0, self.state.motion
        quality = self.state.quality.measure(frame)
        detections = LabelImage(self._segment(frame)).numbered()
        told = self._told(self.state.next_frame)
        is_good = quality.is_good(detections.regions.ids.size, motion.n_particles)
        registration = self.state.drift.measure(frame, is_good)
        propagated = None
        if not is_first:
            if is_good:  # the masks of a bad frame tell nothing
                registration = motion.register(detections, registration)
            prediction = motion.predict(registration.step_px)
            propagated = self._tracker.propagate(frame, detections, prediction)
        self.state.waiting.append((quality, registration))
        is_blank = not is_good and told is None
        labels = self._linker.push(propagated, detections, is_blank=is_blank, told=told)
        if is_first or (is_good and not self.state.linker.is_bridged):
            self._tracker.add_reference(frame, labels)
            motion.learn(labels, registration.is_jump, self._linker.unseen, self._linker.tentative)
        return self._finished()

    def lineage(self) -> Lineage:
        """Return the lineage of the frames whose ids are final."""
        return self.state.linker.lineage_builder.lineage()

    def finish(self) -> tuple[list[TrackedFrame], Lineage]:
        """Return the frames that were still undecided, in order, and the lineage."""
        lineage = self._linker.finish()
        return self._finished(), lineage

    def _finished(self) -> list[TrackedFrame]:
        return [
            TrackedFrame(**vars(linked), quality=quality, registration=registration)
            for linked in self._linker.finished()
            for quality, registration in [self.state.waiting.popleft()]
        ]


class TrackedMovie:
    """The frames of `track_movie`, to be iterated once, and then their lineage."""

    def __init__(self, frames: Iterable[NDArray[np.generic]], engine: TrackingEngine) -> None:
        self._frames = frames
        self._engine = engine
        self._lineage: Lineage | None = None

    def __iter__(self) -> Iterator[TrackedFrame]:
        for frame in self._frames:
            yield from self._engine.push(frame)
        last, self._lineage = self._engine.finish()
        yield from last

    @property
    def lineage(self) -> Lineage:
        """The lineage; known once all frames have been taken."""
        if self._lineage is None:
            raise ValueError("the lineage is known after the last frame: iterate over all frames first")
        return self._lineage


def track_movie(
    frames: Iterable[NDArray[np.generic]],
    segment: Segment,
    tracker: Tracker,
    config: LinkingConfig | None = None,
) -> TrackedMovie:
    """Track the particles of a movie.

    Parameters
    ----------
    frames
        Images (Y, X) in order, read one at a time.
    segment
        Returns the labels (Y, X) of an image; its ids need not agree between frames.
    tracker
        Propagates ids from frame to frame.
    config
        Thresholds of linking.

    Returns
    -------
    The frames with final ids, given out with a delay of the look-ahead, and the lineage after the last.
    """
    return TrackedMovie(frames, TrackingEngine(segment, tracker, config))

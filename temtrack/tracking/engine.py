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

from temtrack.lineage import Lineage
from temtrack.linking.config import LinkingConfig
from temtrack.linking.linker import Linker
from temtrack.linking.state import LinkerState
from temtrack.tracking.drift import DriftEstimator, FrameDrift
from temtrack.tracking.frame_quality import FrameQuality, QualityEstimator

Segment = Callable[[NDArray[np.generic]], NDArray[np.integer]]


class LastSegments:
    """A segmentation that remembers its last answer for a tracker that asks for the same frame again."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._last: tuple[NDArray[np.generic], NDArray[np.integer]] | None = None

    def __call__(self, frame: NDArray[np.generic]) -> NDArray[np.integer]:
        """Return the segments (Y, X) of a frame (Y, X)."""
        self._last = frame, self._segment(frame)
        return self._last[1]

    def again(self, frame: NDArray[np.generic]) -> NDArray[np.integer]:
        """Return the segments of the frame asked for last; ``ValueError`` for any other."""
        if self._last is None or self._last[0] is not frame:
            raise ValueError("again is for the frame that was segmented last")
        return self._last[1]


class Tracker(Protocol):
    """Propagates the ids of particles from frame to frame."""

    def add_reference(self, frame: NDArray[np.generic], labels: NDArray[np.integer]) -> None:
        """Take the labels (Y, X) of a good frame (Y, X), the newest so far."""

    def propagate(self, frame: NDArray[np.generic]) -> NDArray[np.integer]:
        """Return the reference's labels (Y, X) propagated into a later frame (Y, X), mostly the next."""


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
class TrackedFrame:
    """A frame whose ids are final.

    Parameters
    ----------
    frame
        0-based number.
    labels
        (Y, X) int32.
    gap_filled_ids
        Ids drawn where they were propagated to, since the segmentation lacks them here.
    quality
        What the image itself was like.
    drift
        Where the field of view lies in it.
    """

    frame: int
    labels: NDArray[np.int32]
    gap_filled_ids: tuple[int, ...]
    quality: FrameQuality
    drift: FrameDrift


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
        Measures how the field moves.
    waiting
        Quality and drift of the frames that are not final yet.
    """

    linker: LinkerState = field(default_factory=LinkerState)
    quality: QualityEstimator = field(default_factory=QualityEstimator)
    drift: DriftEstimator = field(default_factory=DriftEstimator)
    waiting: deque[tuple[FrameQuality, FrameDrift]] = field(default_factory=deque)

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
    """

    def __init__(
        self,
        segment: Segment,
        tracker: Tracker,
        config: LinkingConfig | None = None,
        state: TrackingState | None = None,
    ) -> None:
        self.state = state or TrackingState()
        self._segment = segment
        self._tracker = tracker
        self._linker = Linker(config, self.state.linker)

    def push(self, frame: NDArray[np.generic]) -> list[TrackedFrame]:
        """Take the next frame (Y, X) and return those whose ids have become final, in order."""
        is_first = self.state.next_frame == 0
        quality = self.state.quality.measure(frame)
        is_good = quality.flag == "good"
        self.state.waiting.append((quality, self.state.drift.measure(frame, is_good)))
        segments = self._segment(frame)
        propagated = np.zeros(segments.shape, np.int32) if is_first else self._tracker.propagate(frame)
        labels = self._linker.push(propagated, segments, is_blank=not is_good)
        if is_first or is_good:
            self._tracker.add_reference(frame, labels)
        return self._finished()

    def finish(self) -> tuple[list[TrackedFrame], Lineage]:
        """Return the frames that were still undecided, in order, and the lineage."""
        lineage = self._linker.finish()
        return self._finished(), lineage

    def _finished(self) -> list[TrackedFrame]:
        return [
            TrackedFrame(linked.frame, linked.labels, linked.gap_filled_ids, *self.state.waiting.popleft())
            for linked in self._linker.finished()
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

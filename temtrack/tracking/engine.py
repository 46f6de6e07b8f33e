"""Algorithm 1: segment each frame, carry the ids into it, link the two, and carry on from the result.

The engine is made of callables, so any segmenter and any propagator serve, small fakes among them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from temtrack.lineage import Lineage
from temtrack.linking import Linker, LinkingConfig
from temtrack.tracking.quality import FrameQuality, QualityGauge

Segment = Callable[[NDArray[np.generic]], NDArray[np.integer]]


class Propagator(Protocol):
    """Carries the ids of particles from frame to frame."""

    def add_reference(self, frame: NDArray[np.generic], labels: NDArray[np.integer]) -> None:
        """Take the labels (Y, X) of a good frame (Y, X), the newest so far."""

    def propagate(self, frame: NDArray[np.generic]) -> NDArray[np.integer]:
        """Return the reference's labels (Y, X) carried into a later frame (Y, X), mostly the next."""


@dataclass(frozen=True)
class TrackedFrame:
    """A frame whose ids are final.

    Parameters
    ----------
    frame
        0-based number.
    labels
        (Y, X) int32.
    carried_ids
        Ids drawn where they were predicted, since the segmentation lacks them here.
    quality
        What the image itself was like.
    """

    frame: int
    labels: NDArray[np.int32]
    carried_ids: tuple[int, ...]
    quality: FrameQuality


class TrackedMovie:
    """The frames of `track_movie`, to be iterated once, and then their lineage."""

    def __init__(
        self,
        frames: Iterable[NDArray[np.generic]],
        segment: Segment,
        propagator: Propagator,
        config: LinkingConfig | None,
    ) -> None:
        self._frames = frames
        self._segment = segment
        self._propagator = propagator
        self._linker = Linker(config)
        self._waiting: deque[FrameQuality] = deque()
        self._lineage: Lineage | None = None

    def __iter__(self) -> Iterator[TrackedFrame]:
        gauge = QualityGauge()
        for t, frame in enumerate(self._frames):
            quality = gauge.judge(frame)
            self._waiting.append(quality)
            segments = self._segment(frame)
            carried = self._propagator.propagate(frame) if t else np.zeros(segments.shape, np.int32)
            labels = self._linker.push(carried, segments, is_blank=quality.verdict != "good")
            if t == 0 or quality.verdict == "good":
                self._propagator.add_reference(frame, labels)
            yield from self._finished()
        self._lineage = self._linker.finish()
        yield from self._finished()

    @property
    def lineage(self) -> Lineage:
        """The lineage; known once all frames have been taken."""
        if self._lineage is None:
            raise ValueError("the lineage is known after the last frame: iterate over all frames first")
        return self._lineage

    def _finished(self) -> Iterator[TrackedFrame]:
        for linked in self._linker.finished():
            quality = self._waiting.popleft()
            yield TrackedFrame(linked.frame, linked.labels, linked.carried_ids, quality)


def track_movie(
    frames: Iterable[NDArray[np.generic]],
    segment: Segment,
    propagator: Propagator,
    config: LinkingConfig | None = None,
) -> TrackedMovie:
    """Track the particles of a movie.

    Parameters
    ----------
    frames
        Images (Y, X) in order, read one at a time.
    segment
        Returns the labels (Y, X) of an image; its ids need not agree between frames.
    propagator
        Carries ids from frame to frame.
    config
        Thresholds of linking.

    Returns
    -------
    The frames with final ids, given out with a delay of the look-ahead, and the lineage after the last.
    """
    return TrackedMovie(frames, segment, propagator, config)

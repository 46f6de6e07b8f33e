"""Frames that a person corrected in an earlier run, whose outlines a tracker gets in place of a model's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.linking.told import Told
from temtrack.masks import Labels
from temtrack.movie import Movie
from temtrack.pipeline.labels import looked_at
from temtrack.provenance import Source


@dataclass(frozen=True)
class CorrectedFrames:
    """The outlines of some frames as a person left them.

    Parameters
    ----------
    source
        The log of the corrections.
    read
        By number of a frame, from the first that is tracked, what reads its ids (Y, X).
    """

    source: Source
    read: Mapping[int, Callable[[], Labels]]

    @classmethod
    def of(cls, run: Path, movie: Movie) -> Self:
        """Return those of a run of the same movie, or of the whole of which it is a piece.

        Raises
        ------
        InputError
            Where no frame of the movie was looked at, or the run is of another field.
        """
        found = looked_at(run)
        sizes = [(one.height, one.width) for one in (found.edited.masks, movie)]
        if sizes[0] != sizes[1]:
            own, others = ("{}x{} px".format(*size) for size in sizes)
            raise InputError(f"{run}: is of frames of {own}, the movie of {others}; give a run of this movie")
        tracked = range(movie.n_frames) if movie.frame_range is None else movie.frame_range.frames
        of_movie = {found.edited.frames[t]: t for t in found.frames}
        frames = {tracked.index(number): t for number, t in of_movie.items() if number in tracked}
        if not frames:
            raise InputError(f"{run}: none of the frames that were looked at is tracked; leave it out")
        return cls(found.source, {new: partial(found.edited.labels, t) for new, t in frames.items()})

    def told(self, t: int) -> Told | None:
        """Return what is known of a frame: its particles are those that a person left."""
        read = self.read.get(t)
        return None if read is None else Told(read() > 0, is_all=True)

    def in_place_of(
        self, segment: Callable[[NDArray[Any]], Labels], first: int
    ) -> Callable[[NDArray[Any]], Labels]:
        """Return ``segment`` of frames from the first on, with what is known of some in its place."""
        frames = count(first)

        def segment_or_read(image: NDArray[Any]) -> Labels:
            labels, read = segment(image), self.read.get(next(frames))
            return labels if read is None else read().astype(np.int32)

        return segment_or_read

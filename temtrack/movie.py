"""A movie: lazily read frames with what is known of their scale and time, and from where it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PixelSize:
    """Side of a square pixel in nanometres and where the number comes from."""

    nm: float
    source: str


@dataclass(frozen=True)
class FrameTimes:
    """Time of each frame in seconds, shape (T,) float64, and where the numbers come from."""

    seconds: NDArray[np.float64]
    source: str


@dataclass(frozen=True)
class Annotation:
    """A piece that a camera's program drew into the picture: what it is, and its box."""

    kind: str
    rows: slice
    columns: slice

    def __str__(self) -> str:
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        return f"{self.kind} of {height}x{width} px at x={self.columns.start}, y={self.rows.start}"


@dataclass(frozen=True)
class Piece:
    """Which frames of a file a movie shows, in rising order, and of how many."""

    frames: range
    n_whole: int


@dataclass(frozen=True)
class Movie:
    """Grey frames (T, Y, X), read one at a time.

    Parameters
    ----------
    path
        File, folder or glob pattern that the frames come from.
    n_frames, height, width
        Size of the movie; a single image is a movie of one frame.
    dtype
        Type of each frame as stored: integers of 8 to 32 bits or floats, which may hold NaN.
    read_frame
        Reads frame ``t`` (0-based) as (Y, X); fastest when frames are asked for in order.
    pixel_size, frame_times
        What the file or the user said of scale and time. ``None`` where nobody said: never a default.
    files
        The files that frames and numbers come from, where that is not `path` alone.
    started
        The microscope's clock at the time 0 s, in its own time zone; ``None`` where the file states none.
    piece
        Which frames of the file these are, where they are not all.
    burned_in
        What was drawn into the picture and is hidden in these frames.
    """

    path: Path
    n_frames: int
    height: int
    width: int
    dtype: np.dtype
    read_frame: Callable[[int], NDArray[Any]]
    pixel_size: PixelSize | None = None
    frame_times: FrameTimes | None = None
    files: tuple[Path, ...] = ()
    started: datetime | None = None
    piece: Piece | None = None
    burned_in: tuple[Annotation, ...] = ()

    @property
    def origins(self) -> tuple[Path, ...]:
        """The files whose content decides on frames and numbers."""
        return self.files or (self.path,)

    def __len__(self) -> int:
        return self.n_frames

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self.read_frame(t) for t in range(self.n_frames))

    def take(self, frames: range) -> Movie:
        """Return only the frames of these numbers, counted anew from 0; each keeps its time."""
        times = self.frame_times
        if times is not None:
            times = FrameTimes(times.seconds[frames.start : frames.stop : frames.step], times.source)
        whole = self.read_frame
        return replace(
            self,
            n_frames=len(frames),
            read_frame=lambda t: whole(frames[t]),
            frame_times=times,
            piece=Piece(frames, self.n_frames),
        )

    def calibrated(self, pixel_size_nm: float | None, frame_time_s: float | None) -> Movie:
        """Return the movie with the scale (nm) and the time between frames (s) that the user gave."""
        movie = self
        if pixel_size_nm is not None:
            movie = replace(movie, pixel_size=PixelSize(pixel_size_nm, "given by --pixel-size"))
        if frame_time_s is not None:
            seconds = np.arange(self.n_frames, dtype=np.float64) * frame_time_s
            movie = replace(movie, frame_times=FrameTimes(seconds, "given by --frame-time"))
        return movie

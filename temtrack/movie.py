"""A movie: lazily read frames with what is known of their scale and time, and from where it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import UNCALIBRATED, Calibration, FrameTimes, PixelSize, given_calibration
from temtrack.errors import InputError


@dataclass(frozen=True)
class Annotation:
    """A piece that a camera's program drew into the picture: what it is, and its box.

    ``ink`` is the grey of letters on the picture itself, 0 the darkest and 1 the lightest; ``None`` for what
    covers its whole box.
    """

    kind: str
    rows: slice
    columns: slice
    ink: float | None = None

    @property
    def box(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return self.rows, self.columns

    def __str__(self) -> str:
        height, width = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        return f"{self.kind} of {height}x{width} px at x={self.columns.start}, y={self.rows.start}"


@dataclass(frozen=True)
class FrameRange:
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
    calibration
        What the file or the user said of scale and time.
    files
        The files that frames and numbers come from, where that is not `path` alone.
    frame_range
        Which frames of the file these are, where they are not all.
    burned_in
        What was drawn into the picture and is hidden in these frames.
    digest
        Returns a hash of frames and numbers where they come from no files of this machine.
    """

    path: Path
    n_frames: int
    height: int
    width: int
    dtype: np.dtype
    read_frame: Callable[[int], NDArray[Any]]
    calibration: Calibration = UNCALIBRATED
    files: tuple[Path, ...] = ()
    frame_range: FrameRange | None = None
    burned_in: tuple[Annotation, ...] = ()
    digest: Callable[[], str] | None = None

    @property
    def pixel_size(self) -> PixelSize | None:
        """Side of a pixel; ``None`` where nobody said."""
        return self.calibration.pixel_size

    @property
    def frame_times(self) -> FrameTimes | None:
        """Times of the frames; ``None`` where nobody said."""
        return self.calibration.frame_times

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
        whole = self.read_frame
        return replace(
            self,
            n_frames=len(frames),
            read_frame=lambda t: whole(frames[t]),
            calibration=self.calibration.take(frames),
            frame_range=FrameRange(frames, self.n_frames),
        )

    def cut(self, frames: slice) -> Movie:
        """Return a piece of the movie, which goes forward.

        Raises
        ------
        InputError
            Where it holds no frame.
        """
        numbers = range(self.n_frames)[frames]
        if not numbers:
            wanted = ":".join("" if n is None else str(n) for n in (frames.start, frames.stop))
            raise InputError(
                f"{self.path}: --frames {wanted} holds none of its {self.n_frames} frames, which are 0 to "
                f"{self.n_frames - 1}"
            )
        return self.take(numbers)

    def calibrated(self, pixel_size_nm: float | None, frame_time_s: float | None) -> Movie:
        """Return the movie with the scale (nm) and the time between frames (s) that the user gave."""
        given = given_calibration(pixel_size_nm, frame_time_s, range(self.n_frames))
        return replace(self, calibration=given.or_else(self.calibration))


def movie_of_array(frames: NDArray[Any], path: Path = Path("array")) -> Movie:
    """Return frames (T, Y, X) in memory as a movie, without scale and time.

    Raises
    ------
    InputError
        Where they are not (T, Y, X).
    """
    frames = np.asarray(frames)
    if frames.ndim != 3 or not frames.size:
        raise InputError(
            f"a movie is (T, Y, X), this is of shape {frames.shape}; np.stack makes one of frames"
        )
    n_frames, height, width = frames.shape
    return Movie(path, n_frames, height, width, frames.dtype, frames.__getitem__)

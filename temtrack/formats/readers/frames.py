"""Frames read one at a time: what all formats share, one file for each frame, raw frames in one file."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration, FrameTimes, PixelSize
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, refused_as, to_grey
from temtrack.movie import Movie


class FrameReader(ABC):
    """Reads frame ``t`` as grey (Y, X); a number that is none and damaged pixels end in one line.

    ``sample_axis`` is the axis of the colour samples in what `decode` returns, ``None`` where there is none.
    """

    path: Path
    n_frames: int
    sample_axis: int | None = None

    @abstractmethod
    def decode(self, t: int) -> NDArray[Any]:
        """Return the pixels of frame ``t`` as the file holds them; errors of any type mean damage."""

    def __call__(self, t: int) -> NDArray[Any]:
        """Return frame ``t`` as grey (Y, X)."""
        what = f"{self.path}: frame {t} of {self.n_frames}"
        if not 0 <= t < self.n_frames:
            raise InputError(f"{what}: there is no such frame")
        with refused_as(f"{what} is damaged"):
            pixels = self.decode(t)
        return to_grey(pixels, sample_axis=self.sample_axis, what=what)


def open_movie(
    frames: FrameReader,
    pixel_size: PixelSize | None = None,
    times: FrameTimes | None = None,
    *,
    path: Path | None = None,
    files: tuple[Path, ...] = (),
    started: datetime | None = None,
) -> Movie:
    """Return the movie of these frames, of the size and type of the first one, which is read now.

    One frame alone has no time.
    """
    first = frames(0)
    height, width = first.shape
    times = times if frames.n_frames > 1 else None
    source = path or frames.path
    known = Calibration(pixel_size, times, started=started)
    return Movie(source, frames.n_frames, height, width, first.dtype, frames, known, files)


@dataclass
class FrameFiles(FrameReader):
    """Reads file ``t`` of a folder by a function, and holds it against the first one's size and type."""

    path: Path
    files: tuple[Path, ...]
    read: Callable[[Path], NDArray[Any]]

    def __post_init__(self) -> None:
        self.n_frames = len(self.files)
        self._first: str | None = None

    def decode(self, t: int) -> NDArray[Any]:
        """Return the frame in file ``t``."""
        frame = self.read(self.files[t])
        kind = f"{frame.shape[0]}x{frame.shape[1]} {frame.dtype}"
        self._first = self._first or kind
        if kind != self._first:
            raise InputError(
                f"{self.files[t]}: is {kind}, but the first frame ({self.files[0].name}) is {self._first}; "
                "a movie needs frames of one size and type"
            )
        return frame


@dataclass
class RawFrames(FrameReader):
    """Reads frame ``t`` at its offset. No memory map: its pages would count as the process's memory.

    Parameters
    ----------
    path
        File of the frames.
    dtype
        Type of each sample, byte order included.
    shape
        (Y, X), or with one more axis of samples.
    offsets
        Where each frame begins in the file, in bytes, shape (T,).
    sample_axis
        Axis of the samples, in the order red, green, blue, ``None`` where there is none.
    arrange
        Puts rows and samples in order where a format stores them otherwise.

    Raises
    ------
    InputError
        If there is no frame, or the file ends before the last one does.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offsets: NDArray[np.int64]
    sample_axis: int | None = None
    arrange: Callable[[NDArray[Any]], NDArray[Any]] | None = None

    def __post_init__(self) -> None:
        self.n_frames = len(self.offsets)
        if self.n_frames == 0 or 0 in self.shape:
            raise InputError(f"{self.path}: holds no frame (shape {(self.n_frames, *self.shape)})")
        check_frame_size([n for axis, n in enumerate(self.shape) if axis != self.sample_axis], self.path)
        if self.offsets.min() < 0:
            raise InputError(f"{self.path}: is damaged: a frame would begin before the file does")
        frame_bytes = self.dtype.itemsize * math.prod(self.shape)
        _refuse_truncated(self.path, self.n_frames, int(self.offsets.max()) + frame_bytes)

    def decode(self, t: int) -> NDArray[Any]:
        """Return the samples of frame ``t``."""
        flat = np.fromfile(self.path, self.dtype, math.prod(self.shape), offset=int(self.offsets[t]))
        pixels = flat.reshape(self.shape)
        return pixels if self.arrange is None else self.arrange(pixels)


def evenly_spaced(path: Path, start: int, n_frames: int, frame_bytes: int) -> NDArray[np.int64]:
    """Return the offsets of frames that lie one behind the other in a file.

    Raises
    ------
    InputError
        If the file ends before the last frame does.
    """
    _refuse_truncated(path, n_frames, start + frame_bytes * n_frames)
    return start + frame_bytes * np.arange(n_frames, dtype=np.int64)


def _refuse_truncated(path: Path, n_frames: int, needed: int) -> None:
    size = path.stat().st_size
    if needed > size:
        raise InputError(
            f"{path}: file is truncated: {n_frames} frames need {needed} bytes, the file has {size}; "
            "copy it again from its source"
        )

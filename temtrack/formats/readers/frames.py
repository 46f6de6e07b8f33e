"""What all formats share: frames read one at a time, raw or one a file, and the scale and time they state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import UNCALIBRATED, Calibration, FrameTimes, PixelSize
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, refused_as, to_grey
from temtrack.formats.units import duration_s, length_nm
from temtrack.movie import Movie

#: Returns the pixels of frame ``t`` as the file holds them; errors of any type mean damage.
Decode = Callable[[int], NDArray[Any]]

#: Sides of a pixel that differ by no more than this count as equal.
_SQUARE_WITHIN = 0.01


def open_movie(
    path: Path,
    n_frames: int,
    decode: Decode,
    known: Calibration = UNCALIBRATED,
    *,
    sample_axis: int | None = None,
    files: tuple[Path, ...] = (),
) -> Movie:
    """Return the movie of these frames as grey (Y, X), of the size and type of the first one, read now.

    ``sample_axis`` is the axis of the colour samples in what ``decode`` returns, ``None`` where there is
    none. One frame alone has no time. Later, a number that is no frame's, or damage, is an `InputError`.
    """

    def read_frame(t: int) -> NDArray[Any]:
        what = f"{path}: frame {t} of {n_frames}"
        if not 0 <= t < n_frames:
            raise InputError(f"{what}: there is no such frame")
        with refused_as(f"{what} is damaged"):
            pixels = decode(t)
        return to_grey(pixels, sample_axis=sample_axis, what=what)

    first = read_frame(0)
    height, width = first.shape
    known = known if n_frames > 1 else replace(known, frame_times=None)
    return Movie(path, n_frames, height, width, first.dtype, read_frame, known, files)


def open_files(
    path: Path, files: tuple[Path, ...], read: Callable[[Path], NDArray[Any]], known: Calibration
) -> Movie:
    """Return the movie of files that hold a frame each; one unlike the first is an `InputError` when read."""
    first = ""

    def decode(t: int) -> NDArray[Any]:
        nonlocal first
        frame = read(files[t])
        kind = f"{frame.shape[0]}x{frame.shape[1]} {frame.dtype}"
        first = first or kind
        if kind != first:
            raise InputError(
                f"{files[t]}: is {kind}, but the first frame ({files[0].name}) is {first}; "
                "a movie needs frames of one size and type"
            )
        return frame

    return open_movie(path, len(files), decode, known, files=files)


def raw_frames(
    path: Path,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    n_frames: int,
    start: int | NDArray[np.int64],
    *,
    sample_axis: int | None = None,
) -> Decode:
    """Return what reads frames (Y, X) without compression, or with one more axis of samples.

    ``start`` is where in the file, in bytes, each frame begins, (T,), or the first one, with no gap after
    any. No memory map: its pages would count as the process's memory.

    Raises
    ------
    InputError
        If there is no frame, or the file ends before the last one does.
    """
    frame_bytes, size = dtype.itemsize * math.prod(shape), path.stat().st_size
    needed = start + frame_bytes * n_frames if isinstance(start, int) else int(start.max()) + frame_bytes
    if needed > size:
        raise InputError(
            f"{path}: file is truncated: {n_frames} frames need {needed} bytes, the file has {size}; "
            "copy it again from its source"
        )
    if n_frames == 0 or 0 in shape:
        raise InputError(f"{path}: holds no frame (shape {(n_frames, *shape)})")
    check_frame_size([n for axis, n in enumerate(shape) if axis != sample_axis], path)
    if np.min(start) < 0:
        raise InputError(f"{path}: is damaged: a frame would begin before the file does")

    def decode(t: int) -> NDArray[Any]:
        offset = start + frame_bytes * t if isinstance(start, int) else int(start[t])
        return np.fromfile(path, dtype, math.prod(shape), offset=offset).reshape(shape)

    return decode


def pixel_size_along_x(steps: Iterable[tuple[float, str]], source: str) -> PixelSize | None:
    """Return the scale of steps, with their units, along x and y; its source says so where they differ.

    ``None`` where the file states no length along x.
    """
    x_nm, y_nm = (length_nm(*step) for step in steps)
    if x_nm is None:
        return None
    if y_nm is not None and abs(y_nm / x_nm - 1) > _SQUARE_WITHIN:
        source += f", along x; the file states {y_nm / x_nm:.3g} times as much along y"
    return PixelSize(x_nm, source)


def even_times(n_frames: int, value: float, unit: str, source: str) -> FrameTimes | None:
    """Return times at one interval from 0 s on; ``None`` for a unit not of time or a value not positive."""
    seconds = duration_s(float(value), unit)
    return None if seconds is None else FrameTimes(np.arange(n_frames, dtype=np.float64) * seconds, source)

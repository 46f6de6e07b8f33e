"""Frames that lie uncompressed in a file: read by their offsets, one in memory at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, refused_as, to_grey


@dataclass(frozen=True)
class RawFrames:
    """Reads frame ``t`` at its offset. No memory map: its pages would count as the process's memory.

    Parameters
    ----------
    path
        File of the frames.
    dtype
        Type of each sample, byte order included.
    shape
        (Y, X), or (Y, X, samples) for colour in the order red, green, blue.
    offsets
        Where each frame begins in the file, in bytes, shape (T,).
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse a file that ends before its last frame does."""
        n_frames = len(self.offsets)
        if n_frames == 0 or 0 in self.shape:
            raise InputError(f"{self.path}: holds no frame (shape {(n_frames, *self.shape)})")
        check_frame_size(self.shape[:2], self.path)
        if self.offsets.min() < 0:
            raise InputError(f"{self.path}: is damaged: a frame would begin before the file does")
        _refuse_truncated(self.path, n_frames, int(self.offsets.max()) + self._frame_bytes)

    @property
    def _frame_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    def __call__(self, t: int) -> NDArray[Any]:
        """Return frame ``t`` as grey (Y, X)."""
        what = f"{self.path}: frame {t} of {len(self.offsets)}"
        if not 0 <= t < len(self.offsets):
            raise InputError(f"{what}: there is no such frame")
        with refused_as(f"{what} cannot be read"):
            flat = np.fromfile(self.path, self.dtype, math.prod(self.shape), offset=int(self.offsets[t]))
            pixels = self.arrange(flat.reshape(self.shape))
        return to_grey(pixels, sample_axis=2 if len(self.shape) == 3 else None, what=what)

    def arrange(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Put rows and samples in order where a format stores them otherwise; here they are."""
        return pixels


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

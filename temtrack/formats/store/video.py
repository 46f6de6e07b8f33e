"""Films as H.264 mp4 that every browser and slide program plays."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from temtrack.errors import OutputError
from temtrack.formats.store.atomic import whole_file

CODEC = "libx264"


def write_video(
    path: Path, frames: Iterable[NDArray[np.uint8]], frames_per_second: float, rate_factor: int = 23
) -> None:
    """Write RGB frames (Y, X, 3) uint8 as mp4 (yuv420p), one at a time.

    ``rate_factor`` is 0 for lossless to 51 for the worst: a noisy movie of 768 px takes 1.8 MB a second at
    18, 1.1 at 23.
    An odd height or width is made even by repeating the last row or column, as the pixel format asks.

    Raises
    ------
    OutputError
        Where this FFmpeg has no H.264 encoder, or the file cannot be written.
    ValueError
        Where there is no frame, or the frames change their size.
    """
    if CODEC not in av.codecs_available:
        raise OutputError(f"{path}: this FFmpeg has no encoder {CODEC}; install av from PyPI, which has it")
    with whole_file(path) as part, av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream(CODEC, rate=Fraction(frames_per_second).limit_denominator(1000))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(rate_factor), "preset": "veryfast"}
        size: tuple[int, ...] | None = None
        for frame in frames:
            if size is None:
                size = frame.shape
                stream.height, stream.width = (side + side % 2 for side in size[:2])
            if frame.shape != size:
                raise ValueError(f"frame of shape {frame.shape} in a film of {size}")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_even(frame), format="rgb24")))
        if size is None:
            raise ValueError("a film needs at least one frame")
        container.mux(stream.encode())


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, _ = frame.shape
    padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded)

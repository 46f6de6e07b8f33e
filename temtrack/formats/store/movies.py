"""Images and movies as TIFF that ImageJ opens with scale and frame time, films as mp4 that browsers play."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from temtrack.errors import OutputError
from temtrack.formats.store.atomic import whole_file
from temtrack.movie import Movie

#: Every browser and slide program plays H.264.
CODEC = "libx264"


def write_image(path: Path, image: NDArray[Any]) -> None:
    """Write a grey image (Y, X) of any type as a zlib-compressed TIFF, every value as it is.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with whole_file(path) as part:
        tifffile.imwrite(part, image, compression="zlib", photometric="minisblack")


def write_movie(path: Path, movie: Movie) -> None:
    """Write a movie of uint8, uint16 or float32 as a zlib-compressed ImageJ stack, one frame at a time.

    Scale and frame time are stored where the movie has them; frame times as their mean interval.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    metadata: dict[str, Any] = {"axes": "TYX"}
    resolution = None
    if movie.pixel_size is not None:
        metadata["unit"] = "nm"
        resolution = (1 / movie.pixel_size.nm, 1 / movie.pixel_size.nm)
    if movie.frame_times is not None and movie.n_frames > 1:
        metadata["finterval"] = float(np.diff(movie.frame_times.seconds).mean())
    with whole_file(path) as part, tifffile.TiffWriter(part, imagej=True) as writer:
        writer.write(
            iter(movie),
            shape=(movie.n_frames, movie.height, movie.width),
            dtype=movie.dtype,
            compression="zlib",
            resolution=resolution,
            metadata=metadata,
        )


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
    import av  # here: images are written without it

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
            even = np.pad(frame, [(0, side % 2) for side in size[:2]] + [(0, 0)], mode="edge")
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            container.mux(stream.encode(picture))
        if size is None:
            raise ValueError("a film needs at least one frame")
        container.mux(stream.encode())

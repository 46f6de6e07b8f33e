"""Images as TIFF, and movies as TIFF stacks that ImageJ opens with scale and frame time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from temtrack.formats.store.atomic import whole_file
from temtrack.movie import Movie


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

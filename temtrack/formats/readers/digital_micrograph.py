"""DigitalMicrograph's dm3 and dm4: images and stacks, whatever camera or stack builder made them."""

from __future__ import annotations

import math
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.clock import read_clock
from temtrack.formats.decoding import read_head, refused_as
from temtrack.formats.readers.calibration import even_times, pixel_size_along_x
from temtrack.formats.readers.dm_tags import Block, ByteOrder, Tag, read_tags
from temtrack.formats.readers.frames import RawFrames, evenly_spaced, open_movie
from temtrack.formats.units import length_nm
from temtrack.movie import Movie

NAME = "DigitalMicrograph"
SUFFIXES = (".dm3", ".dm4")

_SOURCE = "DigitalMicrograph calibration"

#: DigitalMicrograph's numbers for types of pixels.
_TYPES = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "?"}
_COLOURS = (8, 23)  # blue, green, red and an unused byte
_COMPLEX = (3, 5, 13, 27, 28)


def can_read(path: Path) -> bool:
    """Tell by its first bytes whether the path is a dm3 or dm4 file: version, and 0 or 1 for byte order."""
    head = read_head(path, 16)
    if len(head) < 16 or head[:3] != b"\0\0\0" or head[3] not in (3, 4):
        return False
    (is_little,) = struct.unpack(">I", head[8:12] if head[3] == 3 else head[12:16])
    return is_little in (0, 1)


def read_movie(path: Path) -> Movie:
    """Open an image or a stack, whose third axis is time; only the tags and the first frame are read.

    Scale and frame interval are the calibrations of x and of the third axis where these have units of length
    and of time. A stack builder leaves the third out.

    Raises
    ------
    InputError
        If the file is damaged or truncated, or holds complex pixels or more than three axes.
    """
    with refused_as(f"{path}: cannot be read as DigitalMicrograph file"), path.open("rb") as file:
        tags, byte_order = read_tags(file)
        image = _shown_image(tags)
        frames = _frames(path, image, byte_order)
    steps = [_step(image, axis) for axis in range(3)]
    pixel_size = pixel_size_along_x([length_nm(*step) for step in steps[:2]], _SOURCE)
    times = even_times(frames.n_frames, *steps[2], _SOURCE + " of the third axis")
    return open_movie(frames, pixel_size, times, started=_started(image))


def _shown_image(tags: dict[str, Tag]) -> dict[str, Tag]:
    """Return the tags of the image that the file is about: the one shown, else the last."""
    # thumbnails come first
    numbers = list(dict.fromkeys(name.split("/")[1] for name in tags if name.startswith("ImageList/")))
    shown = tags.get("ImageSourceList/0/ImageRef")
    prefix = f"ImageList/{numbers[shown if isinstance(shown, int) else -1]}/"
    return {name.removeprefix(prefix): tag for name, tag in tags.items() if name.startswith(prefix)}


def _started(image: dict[str, Tag]) -> datetime | None:
    """Return the clock at the start of acquisition; ``None`` where the file does not tell it."""
    day, time = (image.get(f"ImageTags/DataBar/Acquisition {what}") for what in ("Date", "Time"))
    return read_clock(f"{day} {time}") if isinstance(day, str) and isinstance(time, str) else None


def _step(image: dict[str, Tag], axis: int) -> tuple[float, str]:
    """Return step and unit of an axis, 0 and no unit where there is none; x is axis 0."""
    tags = [image.get(f"ImageData/Calibrations/Dimension/{axis}/{what}") for what in ("Scale", "Units")]
    # an empty unit is stored as an empty array, or not at all
    return (tags[0] if isinstance(tags[0], float) else 0.0), (tags[1] if isinstance(tags[1], str) else "")


def _frames(path: Path, image: dict[str, Tag], byte_order: ByteOrder) -> RawFrames:
    pixels, kind = image.get("ImageData/Data"), image.get("ImageData/DataType")
    if not isinstance(pixels, Block) or not isinstance(kind, int):
        raise ValueError("image has no pixels")
    sizes = [
        n for name, n in image.items() if name.startswith("ImageData/Dimensions/") and isinstance(n, int)
    ]
    size = "x".join(map(str, sizes))
    if len(sizes) not in (2, 3):
        raise InputError(f"{path}: has axes {size}; allowed are an image (X, Y) or a movie (X, Y, T)")
    if kind in _COMPLEX:
        raise InputError(f"{path}: pixels are complex; save the modulus or the phase instead")
    if kind not in _TYPES and kind not in _COLOURS:
        raise InputError(f"{path}: pixels are of DigitalMicrograph's type {kind}, not supported")
    width, height, n_frames = (*sizes, 1)[:3]
    shape = (height, width, 4) if kind in _COLOURS else (height, width)
    dtype = np.dtype("u1" if kind in _COLOURS else byte_order + _TYPES[kind])
    frame_bytes = dtype.itemsize * math.prod(shape)
    if pixels.n_bytes < frame_bytes * n_frames:
        raise InputError(f"{path}: is damaged: {size} pixels do not fit in {pixels.n_bytes} bytes")
    offsets = evenly_spaced(path, pixels.offset, n_frames, frame_bytes)
    if kind in _COLOURS:
        return RawFrames(path, dtype, shape, offsets, sample_axis=2, arrange=_red_first)
    return RawFrames(path, dtype, shape, offsets)


def _red_first(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return blue, green, red and an unused byte as red, green, blue."""
    return pixels[..., 2::-1]

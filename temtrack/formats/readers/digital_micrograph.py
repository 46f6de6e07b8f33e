"""DigitalMicrograph's dm3 and dm4: images and stacks, whatever camera or stack builder made them."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
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
    pixel_size, times = None, None
    if len(image.steps) > 1:
        pixel_size = pixel_size_along_x([length_nm(*step) for step in image.steps[:2]], _SOURCE)
    if len(image.steps) > 2:
        times = even_times(frames.n_frames, *image.steps[2], _SOURCE + " of the third axis")
    return open_movie(frames, pixel_size, times, started=image.started)


@dataclass(frozen=True)
class _Image:
    """One image of the file: its axes' sizes (x first), number of its type, pixels, steps, units, clock."""

    sizes: tuple[int, ...]
    type_number: int
    pixels: Block
    steps: tuple[tuple[float, str], ...]
    started: datetime | None


def _shown_image(tags: dict[str, Tag]) -> _Image:
    """Return the image that the file is about: the one shown, else the last; thumbnails come first."""
    images = list(_group(tags["ImageList"]).values())
    sources = list(_group(tags.get("ImageSourceList", {})).values())
    shown = _group(sources[0]).get("ImageRef") if sources else None
    image = _group(images[shown if isinstance(shown, int) else -1])
    data = _group(image["ImageData"])
    dimensions = _group(_group(data.get("Calibrations", {})).get("Dimension", {}))
    pixels, type_number = data["Data"], data["DataType"]
    if not isinstance(pixels, Block) or not isinstance(type_number, int):
        raise ValueError("image has no pixels")
    sizes = tuple(size for size in _group(data["Dimensions"]).values() if isinstance(size, int))
    steps = tuple(_step(_group(axis)) for axis in dimensions.values())
    return _Image(sizes, type_number, pixels, steps, _started(image))


def _started(image: dict[str, Tag]) -> datetime | None:
    """Return the clock at the start of acquisition; ``None`` where the file does not tell it."""
    bar = _group(_group(image.get("ImageTags", {})).get("DataBar", {}))
    day, time = bar.get("Acquisition Date"), bar.get("Acquisition Time")
    clock = read_clock(f"{day} {time}") if isinstance(day, str) and isinstance(time, str) else None
    return None if clock is None else clock.moment


def _step(axis: dict[str, Tag]) -> tuple[float, str]:
    """Return step and unit of an axis; an empty unit is stored as an empty array, or not at all."""
    scale, unit = axis.get("Scale"), axis.get("Units")
    return (scale if isinstance(scale, float) else 0.0), (unit if isinstance(unit, str) else "")


def _group(tag: Tag) -> dict[str, Tag]:
    if not isinstance(tag, dict):
        raise ValueError(f"{type(tag).__name__} where a group of tags belongs")
    return tag


def _frames(path: Path, image: _Image, byte_order: ByteOrder) -> RawFrames:
    size = "x".join(map(str, image.sizes))
    if len(image.sizes) not in (2, 3):
        raise InputError(f"{path}: has axes {size}; allowed are an image (X, Y) or a movie (X, Y, T)")
    if image.type_number in _COMPLEX:
        raise InputError(f"{path}: pixels are complex; save the modulus or the phase instead")
    width, height, n_frames = (*image.sizes, 1)[:3]
    is_colour = image.type_number in _COLOURS
    if not is_colour and image.type_number not in _TYPES:
        raise InputError(f"{path}: pixels are of DigitalMicrograph's type {image.type_number}, not supported")
    dtype = np.dtype("u1" if is_colour else byte_order + _TYPES[image.type_number])
    shape = (height, width, 4) if is_colour else (height, width)
    frame_bytes = dtype.itemsize * math.prod(shape)
    if image.pixels.n_bytes < frame_bytes * n_frames:
        raise InputError(f"{path}: is damaged: {size} pixels do not fit in {image.pixels.n_bytes} bytes")
    offsets = evenly_spaced(path, image.pixels.offset, n_frames, frame_bytes)
    if is_colour:
        return RawFrames(path, dtype, shape, offsets, sample_axis=2, arrange=_red_first)
    return RawFrames(path, dtype, shape, offsets)


def _red_first(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return blue, green, red and an unused byte as red, green, blue."""
    return pixels[..., 2::-1]

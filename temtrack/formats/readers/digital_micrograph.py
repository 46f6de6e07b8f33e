"""DigitalMicrograph's dm3 and dm4: images and stacks, whatever camera or stack builder made them.

Their tags are read here and not by a library: RosettaSciIO (GPL) brings dask along and reads no colour
lazily, ncempy reads neither big-endian files nor colour. The layout is that of C. Boothroyd's description.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from temtrack.calibration import Calibration
from temtrack.errors import InputError
from temtrack.formats.decoding import read_head, refused_as
from temtrack.formats.readers.frames import Decode, even_times, open_movie, pixel_size_along_x, raw_frames
from temtrack.formats.units import read_clock
from temtrack.movie import Movie

NAME = "DigitalMicrograph"
SUFFIXES = (".dm3", ".dm4")

_SOURCE = "DigitalMicrograph calibration"

#: DigitalMicrograph's numbers for types of pixels.
_TYPES = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "?"}
_COLOURS = (8, 23)  # blue, green, red and an unused byte
_COMPLEX = (3, 5, 13, 27, 28)

#: Codes of simple types: how `struct` names them, and their size in bytes.
_SIMPLE = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
_STRUCT, _STRING, _ARRAY, _USHORT = 15, 18, 20, 4
_GROUP, _DATA = 20, 21

#: Text is an array of 16-bit characters; longer ones are lookup tables, notes and thumbnails.
_LONGEST_TEXT = 1024

#: Groups within groups; deeper ones come only from damaged files.
_DEEPEST = 64


@dataclass(frozen=True)
class _Block:
    """Where an array, struct or string lies in the file, in bytes."""

    offset: int
    n_bytes: int


_Tag = int | float | str | _Block

#: Of a file's data, as `struct` and NumPy name it.
_ByteOrder = Literal["<", ">"]


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
        reader = _TagReader(file)
        tags, byte_order = dict(reader.read_group()), reader.byte_order
        image = _shown_image(tags)
        n_frames, decode, sample_axis = _frames(path, image, byte_order)
    steps = [_step(image, axis) for axis in range(3)]
    times = even_times(n_frames, *steps[2], _SOURCE + " of the third axis")
    date = [image.get(f"ImageTags/DataBar/Acquisition {what}") for what in ("Date", "Time")]
    started = read_clock(f"{date[0]} {date[1]}") if all(isinstance(tag, str) for tag in date) else None
    known = Calibration(pixel_size_along_x(steps[:2], _SOURCE), times, started=started)
    return open_movie(path, n_frames, decode, known, sample_axis=sample_axis)


def _shown_image(tags: dict[str, _Tag]) -> dict[str, _Tag]:
    """Return the tags of the image that the file is about: the one shown, else the last."""
    # thumbnails come first
    numbers = list(dict.fromkeys(name.split("/")[1] for name in tags if name.startswith("ImageList/")))
    shown = tags.get("ImageSourceList/0/ImageRef")
    prefix = f"ImageList/{numbers[shown if isinstance(shown, int) else -1]}/"
    return {name.removeprefix(prefix): tag for name, tag in tags.items() if name.startswith(prefix)}


def _step(image: dict[str, _Tag], axis: int) -> tuple[float, str]:
    """Return step and unit of an axis, 0 and no unit where there is none; x is axis 0."""
    tags = [image.get(f"ImageData/Calibrations/Dimension/{axis}/{what}") for what in ("Scale", "Units")]
    # an empty unit is stored as an empty array, or not at all
    return (tags[0] if isinstance(tags[0], float) else 0.0), (tags[1] if isinstance(tags[1], str) else "")


def _frames(path: Path, image: dict[str, _Tag], byte_order: _ByteOrder) -> tuple[int, Decode, int | None]:
    """Return the number of frames, what reads them, and the axis of their samples if they are colour."""
    pixels, kind = image.get("ImageData/Data"), image.get("ImageData/DataType")
    if not isinstance(pixels, _Block) or not isinstance(kind, int):
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
    if kind not in _COLOURS:
        return n_frames, raw_frames(path, dtype, shape, n_frames, pixels.offset), None
    stored = raw_frames(path, dtype, shape, n_frames, pixels.offset, sample_axis=2)
    return n_frames, lambda t: stored(t)[..., 2::-1], 2


class _TagReader:
    """Reads the tags of a file; a `ValueError` tells that it is none, or that they are damaged or cut off."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._version = self._unpack(">I")
        if self._version not in (3, 4):
            raise ValueError(f"version {self._version} of DigitalMicrograph is neither 3 nor 4")
        self._take(4 if self._version == 3 else 8)
        self.byte_order: _ByteOrder = "<" if any(self._take(4)) else ">"

    def read_group(self, depth: int = 0) -> Iterator[tuple[str, _Tag]]:
        """Yield the tags of a group and of those within it, by names as ``ImageList/1/ImageData/DataType``.

        Groups and tags without a name are called by their place in their group, from 0.
        """
        if depth > _DEEPEST:
            raise ValueError(f"tags lie more than {_DEEPEST} groups deep")
        self._take(2)  # whether sorted, whether open
        for position in range(self._number()):
            kind, length = struct.unpack(">BH", self._take(3))
            name = self._take(length).decode("latin-1") or str(position)
            if self._version == 4:
                self._take(8)  # bytes of the whole entry
            if kind == _DATA:
                yield name, self._read_data(name)
            elif kind == _GROUP:
                yield from ((f"{name}/{within}", tag) for within, tag in self.read_group(depth + 1))
            else:
                raise ValueError(f"tag {name!r} is of unknown kind {kind}")

    def _read_data(self, name: str) -> _Tag:
        if self._take(4) != b"%%%%":
            raise ValueError(f"tag {name!r} lacks its delimiter")
        layout = [self._number() for _ in range(self._number())]
        if len(layout) == 1 and layout[0] in _SIMPLE:
            code = self.byte_order + _SIMPLE[layout[0]]
            value: int | float = self._unpack(code)
            return value
        n_bytes = _size(iter(layout))
        if layout[:2] == [_ARRAY, _USHORT] and name != "Data" and n_bytes <= _LONGEST_TEXT:
            encoding = "utf-16-le" if self.byte_order == "<" else "utf-16-be"
            return self._take(n_bytes).decode(encoding, errors="replace")
        block = _Block(self._file.tell(), n_bytes)
        self._file.seek(n_bytes, 1)
        return block

    def _number(self) -> int:
        number: int = self._unpack(">i" if self._version == 3 else ">q")
        if number < 0:
            raise ValueError(f"a tag has a size of {number}")
        return number

    def _unpack(self, code: str) -> Any:
        return struct.unpack(code, self._take(struct.calcsize(code)))[0]

    def _take(self, n_bytes: int) -> bytes:
        content = self._file.read(n_bytes)
        if len(content) < n_bytes:
            raise ValueError("the file ends within its tags; it is truncated: copy it again from its source")
        return content


def _size(layout: Iterator[int]) -> int:
    """Return the bytes of a value from its layout: a simple type, or types within types."""
    try:
        code = next(layout)
        if code in _SIMPLE:
            return struct.calcsize("<" + _SIMPLE[code])
        if code == _STRING:
            return next(layout)
        if code == _ARRAY:
            return _size(layout) * next(layout)
        if code == _STRUCT:
            _, n_fields = next(layout), next(layout)  # lengths of names are always 0
            n_bytes = 0
            for _ in range(n_fields):
                next(layout)
                n_bytes += _size(layout)
            return n_bytes
    except StopIteration:
        raise ValueError("a tag's layout is cut off") from None
    raise ValueError(f"a tag is of unknown type {code}")

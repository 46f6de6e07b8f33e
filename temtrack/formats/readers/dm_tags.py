"""The tags of a dm3 or dm4 file, with the places of its large arrays instead of their contents.

Read here and not by a library: RosettaSciIO (GPL) brings dask along and reads no colour lazily, ncempy reads
neither big-endian files nor colour. The layout is that of C. Boothroyd's description of the format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

#: Codes of simple types: how `struct` names them, and their size in bytes.
_SIMPLE = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
_STRUCT, _STRING, _ARRAY, _USHORT = 15, 18, 20, 4
_GROUP, _DATA = 20, 21

#: Text is an array of 16-bit characters; longer ones are lookup tables, notes and thumbnails.
_LONGEST_TEXT = 1024

#: Groups within groups; deeper ones come only from damaged files.
_DEEPEST = 64


@dataclass(frozen=True)
class Block:
    """Where an array, struct or string lies in the file, in bytes."""

    offset: int
    n_bytes: int


Tag = int | float | str | Block

#: Of a file's data, as `struct` and NumPy name it.
ByteOrder = Literal["<", ">"]


def read_tags(file: BinaryIO) -> tuple[dict[str, Tag], ByteOrder]:
    """Return all tags, by names as ``ImageList/1/ImageData/DataType``, and the byte order of the data.

    Groups and tags without a name are called by their place in their group, from 0.

    Raises
    ------
    ValueError
        If the file is no dm3 or dm4 file, or its tags are damaged or cut off.
    """
    (version,) = struct.unpack(">I", _take(file, 4))
    if version not in (3, 4):
        raise ValueError(f"version {version} of DigitalMicrograph is neither 3 nor 4")
    _take(file, 4 if version == 3 else 8)
    byte_order: ByteOrder = "<" if any(_take(file, 4)) else ">"
    return dict(_Reader(file, version, byte_order).read_group()), byte_order


@dataclass(frozen=True)
class _Reader:
    file: BinaryIO
    version: int
    byte_order: ByteOrder

    def read_group(self, depth: int = 0) -> Iterator[tuple[str, Tag]]:
        """Yield the tags of a group and of those within it."""
        if depth > _DEEPEST:
            raise ValueError(f"tags lie more than {_DEEPEST} groups deep")
        _take(self.file, 2)  # whether sorted, whether open
        for position in range(self._number()):
            kind, length = struct.unpack(">BH", _take(self.file, 3))
            name = _take(self.file, length).decode("latin-1") or str(position)
            if self.version == 4:
                _take(self.file, 8)  # bytes of the whole entry
            if kind == _DATA:
                yield name, self._read_data(name)
            elif kind == _GROUP:
                yield from ((f"{name}/{within}", tag) for within, tag in self.read_group(depth + 1))
            else:
                raise ValueError(f"tag {name!r} is of unknown kind {kind}")

    def _read_data(self, name: str) -> Tag:
        if _take(self.file, 4) != b"%%%%":
            raise ValueError(f"tag {name!r} lacks its delimiter")
        layout = [self._number() for _ in range(self._number())]
        if len(layout) == 1 and layout[0] in _SIMPLE:
            code = self.byte_order + _SIMPLE[layout[0]]
            value: int | float = self._unpack(code)
            return value
        n_bytes = _size(iter(layout))
        if layout[:2] == [_ARRAY, _USHORT] and name != "Data" and n_bytes <= _LONGEST_TEXT:
            encoding = "utf-16-le" if self.byte_order == "<" else "utf-16-be"
            return _take(self.file, n_bytes).decode(encoding, errors="replace")
        block = Block(self.file.tell(), n_bytes)
        self.file.seek(n_bytes, 1)
        return block

    def _number(self) -> int:
        number: int = self._unpack(">i" if self.version == 3 else ">q")
        if number < 0:
            raise ValueError(f"a tag has a size of {number}")
        return number

    def _unpack(self, code: str) -> Any:
        return struct.unpack(code, _take(self.file, struct.calcsize(code)))[0]


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


def _take(file: BinaryIO, n_bytes: int) -> bytes:
    content = file.read(n_bytes)
    if len(content) < n_bytes:
        raise ValueError("the file ends within its tags; it is truncated: copy it again from its source")
    return content

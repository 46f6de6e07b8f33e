"""TIA's ser, and the emi beside it: FEI's older series of images.

A ser holds pixels, their step in SI units and the second at which each frame was taken. The emi
``NAME.emi`` holds no pixels but tells, for each ``NAME_1.ser`` and so on, how long a scanned frame takes.
Layout after C. Boothroyd's description of the format. Read here and not by a library: RosettaSciIO loads all
frames at once, ncempy finds no time tags where a recording was stopped, and a damaged file fills the memory.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration, FrameTimes
from temtrack.errors import InputError
from temtrack.formats.decoding import list_folder, read_head, refused_as
from temtrack.formats.readers.frames import Decode, even_times, open_movie, pixel_size_along_x, raw_frames
from temtrack.movie import Movie

NAME = "TIA ser and emi"
SUFFIXES = (".ser", ".emi")

_SER_SIGNATURE, _EMI_SIGNATURE = b"II\x97\x01", b"JK"
_IMAGES = 0x4122
_WIDE_OFFSETS_FROM = 0x220

_TYPES = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8"}

#: Before the pixels of each frame: offset, step and element of x and of y, type, width, height.
_FRAME_HEAD = struct.Struct("<ddIddIHII")

#: Steps in metres are below this, those of a diffraction pattern, in 1/m, far above; 1 is what nobody set.
_LONGEST_STEP_M = 1e-3

_OBJECT_INFO = re.compile(rb"<ObjectInfo>.*?</ObjectInfo>", re.DOTALL)


def can_read(path: Path) -> bool:
    """Tell by its first bytes whether the path is a ser or an emi file."""
    head = read_head(path, 4)
    return head == _SER_SIGNATURE or (head[:2] == _EMI_SIGNATURE and path.suffix.lower() == ".emi")


def read_movie(path: Path) -> Movie:
    """Open a ser file, or the one that belongs to an emi; only the tables and the first frame are read.

    Frame times are those that the emi states for a scanned frame, else the ser's time tags where no two are
    the same: they count whole seconds.

    Raises
    ------
    InputError
        If a file is damaged or truncated, holds spectra, or an emi has no ser beside it, or several.
    """
    ser = path if read_head(path, 4) == _SER_SIGNATURE else _find_ser(path)
    with refused_as(f"{ser}: cannot be read as ser file"):
        stored, steps_m, clock_s = _read_series(ser)
    n_frames = len(clock_s)
    steps = ((step if step < _LONGEST_STEP_M else 0.0, "m") for step in steps_m)
    stem, _, number = ser.stem.rpartition("_")
    emi = ser.with_name(f"{stem}.emi")
    has_emi = number.isdigit() and emi.is_file()
    times = _scan_times(emi, int(number), n_frames) if has_emi else None
    if times is None and (np.diff(clock_s) > 0).all():
        times = FrameTimes((clock_s - clock_s[0]).astype(np.float64), "time tags of the ser, to 1 s")
    known = Calibration(pixel_size_along_x(steps, "ser calibration"), times)
    files = (ser, emi) if has_emi else (ser,)
    # stored from the bottom row to the top one
    movie = open_movie(ser, n_frames, lambda t: np.flipud(stored(t)), known, files=files)
    return replace(movie, path=path)


def _find_ser(emi: Path) -> Path:
    number = re.compile(re.escape(emi.stem) + r"_\d+\.ser", re.IGNORECASE)
    found = [path for path in list_folder(emi.parent) if number.fullmatch(path.name)]
    if not found:
        raise InputError(
            f"{emi}: holds no pixels itself, and {emi.stem}_1.ser with them is not beside it; copy both"
        )
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise InputError(f"{emi}: belongs to {len(found)} movies ({names}); give one of these")
    return found[0]


def _read_series(path: Path) -> tuple[Decode, tuple[float, float], NDArray[np.int64]]:
    """Return the frames of a ser file, the steps along x and y in SI units, and the second of each frame."""
    with path.open("rb") as file:
        head = file.read(34)
        version, kind, _, n_planned, n_frames = struct.unpack_from("<HIIII", head, 4)
        is_wide = version >= _WIDE_OFFSETS_FROM
        (table,) = struct.unpack_from("<Q" if is_wide else "<I", head, 22)
        if kind != _IMAGES:
            raise InputError(f"{path}: holds no images but spectra; allowed are series of images")
        if n_frames == 0:
            raise InputError(f"{path}: holds no frame: the recording stopped before the first")
        table_end = table + 2 * n_planned * (8 if is_wide else 4)
        if table_end > path.stat().st_size or n_frames > n_planned:
            raise InputError(
                f"{path}: file is truncated in its table of frames; copy it again from its source"
            )
        # The table has all places that were planned: first those of the frames, then those of their tags.
        file.seek(table)
        places = np.fromfile(file, "<u8" if is_wide else "<u4", 2 * n_planned).astype(np.int64)
        starts, tags = places[:n_frames], places[n_planned : n_planned + n_frames]
        file.seek(starts[0])
        _, step_x, _, _, step_y, _, type_number, width, height = _FRAME_HEAD.unpack(
            file.read(_FRAME_HEAD.size)
        )
        if type_number not in _TYPES:
            raise InputError(f"{path}: pixels are complex (type {type_number}); allowed are real numbers")
        clock_s = np.array([_read_clock(file, place) for place in tags], dtype=np.int64)
    places = starts + _FRAME_HEAD.size
    stored = raw_frames(path, np.dtype(_TYPES[type_number]), (height, width), n_frames, places)
    return stored, (step_x, step_y), clock_s


def _read_clock(file: Any, place: int) -> int:
    """Return the second in which a frame was taken, 0 where its tag is cut off."""
    file.seek(place)
    tag = file.read(8)
    return int(struct.unpack("<HHI", tag)[2]) if len(tag) == 8 else 0


def _scan_times(emi: Path, number: int, n_frames: int) -> FrameTimes | None:
    """Return the times of a movie's scanned frames as the emi states them, ``None`` where it states none."""
    with refused_as(f"{emi}: cannot be read as emi file; move it away to do without"):
        infos = _OBJECT_INFO.findall(emi.read_bytes())
        if len(infos) < number:
            return None
        stated = ElementTree.fromstring(infos[number - 1]).findtext("AcquireInfo/FrameTime")
        return even_times(n_frames, float(stated or 0), "s", "FrameTime in the emi")

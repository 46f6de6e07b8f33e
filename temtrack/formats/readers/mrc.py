"""MRC stacks, with Direct Electron's ``_info.txt`` where one lies beside them."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from temtrack.calibration import Calibration, DoseRate, FrameTimes, PixelSize
from temtrack.errors import InputError
from temtrack.formats.decoding import read_head, refused_as
from temtrack.formats.readers.frames import even_times, open_movie, pixel_size_along_x, raw_frames
from temtrack.movie import Movie

NAME = "MRC"
SUFFIXES = (".mrc", ".mrcs")

_HEADER_BYTES, _SIGNATURE_AT, _FEI_SECTION_BYTES = 1024, 208, 128
_STAMP_AT, _BIG_ENDIAN_STAMP = 212, b"\x11\x11"

#: `NAME_movie.mrc` and, where a camera saved several, `NAME_0_movie.mrc` have `NAME_info.txt`.
_MOVIE_ENDINGS = (re.compile(r"_movie$"), re.compile(r"_\d+_movie$"))


def can_read(path: Path) -> bool:
    """Tell by its map ID, or for files older than it by the suffix, whether the path is an MRC file."""
    head = read_head(path, _HEADER_BYTES)
    has_id = head[_SIGNATURE_AT : _SIGNATURE_AT + 3] == b"MAP"
    return has_id or (path.suffix.lower() in SUFFIXES and len(head) == _HEADER_BYTES)


def read_movie(path: Path, *, is_growing: bool = False) -> Movie:
    """Open an MRC file, whose sections are frames; only the header and the first frame are read.

    Of one that is growing those count that are whole, whatever its header says.

    The scale is the header's; 1 angstrom a pixel, which programs write where they know none, counts as
    none. Where it has none, FEI's extended header tells it, or Direct Electron's info file, which also tells
    the interval and the dose rate.

    Raises
    ------
    InputError
        If the file is damaged, truncated, has complex pixels or none.
    """
    with refused_as(f"{path}: cannot be read as MRC; it may be truncated"):
        header = _read_header(path)
    if header.mode == 101 or header.mode == 3:
        raise InputError(
            f"{path}: pixels are of MRC mode {header.mode}, not supported; save them in mode 1 or 2"
        )
    info = _read_info(path)
    with refused_as(f"{path}: is no MRC file"):
        dtype = _sample_type(header, bool(info))
    width, height, n_frames = (int(header[axis]) for axis in ("nx", "ny", "nz"))
    start = _HEADER_BYTES + int(header.nsymbt)
    if is_growing:
        n_frames = (path.stat().st_size - start) // max(width * height * dtype.itemsize, 1)
    if min(width, height, n_frames) < 1:
        raise InputError(
            f"{path}: is no MRC file, or holds no frame: its header says {width}x{height}x{n_frames}"
        )
    decode = raw_frames(path, dtype, (height, width), n_frames, start)
    sides = ((_number(info, f"Specimen Pixel Size {axis} (nanometers)"), "nm") for axis in "XY")
    by_info = pixel_size_along_x(sides, "Specimen Pixel Size in the info file")
    pixel_size = _header_pixel_size(header) or _fei_pixel_size(path, header) or by_info
    known = Calibration(pixel_size, _info_times(info, n_frames), dose_rate=_info_dose_rate(info))
    return open_movie(path, n_frames, decode, known)


def _read_header(path: Path) -> Any:
    """Return the header in the byte order that its machine stamp tells, or the other where that has no mode.

    mrcfile's own reader also makes room for as long an extended header as this one promises.
    """
    from mrcfile.dtypes import HEADER_DTYPE  # here and below: other formats start without it
    from mrcfile.utils import dtype_from_mode

    head = read_head(path, _HEADER_BYTES)
    told = ">" if head[_STAMP_AT : _STAMP_AT + 2] == _BIG_ENDIAN_STAMP else "<"
    headers = [
        np.frombuffer(head, HEADER_DTYPE.newbyteorder(order)).reshape(()).view(np.recarray)
        for order in (told, "<" if told == ">" else ">")
    ]
    for header in headers:
        with suppress(ValueError):
            dtype_from_mode(header.mode)
            return header
    return headers[0]


def _sample_type(header: Any, by_direct_electron: bool) -> np.dtype[Any]:
    """Return the type of the pixels; bytes are signed by the standard, but not where they exceed 127."""
    from mrcfile.utils import data_dtype_from_header

    dtype: np.dtype[Any] = data_dtype_from_header(header)
    if dtype == np.int8 and (by_direct_electron or header.dmax > 127):
        return np.dtype(np.uint8)
    return dtype


def _header_pixel_size(header: Any) -> PixelSize | None:
    cells = [(float(header.cella[axis]), int(header[n])) for axis, n in (("x", "mx"), ("y", "my"))]
    steps = [length / n if n > 0 else 0.0 for length, n in cells]
    if steps[0] == 1.0:
        return None
    return pixel_size_along_x(((step, "A") for step in steps), "MRC header")


def _fei_pixel_size(path: Path, header: Any) -> PixelSize | None:
    """Return the scale of FEI's extended header: metres, the twelfth number of its first section."""
    is_fei = any(bytes(label).lower().startswith(b"fei") for label in header.label)
    if not is_fei or header.nsymbt < _FEI_SECTION_BYTES:
        return None
    step_m = float(np.fromfile(path, header.dmax.dtype, 12, offset=_HEADER_BYTES)[11])
    return pixel_size_along_x([(step_m, "m")] * 2, "FEI extended header")


def _read_info(path: Path) -> dict[str, str]:
    """Return what the info file beside a Direct Electron movie states, nothing where there is none."""
    names = [path.with_name(ending.sub("", path.stem) + "_info.txt") for ending in _MOVIE_ENDINGS]
    beside = next((name for name in names if name.is_file()), None)
    if beside is None:
        return {}
    with refused_as(f"{beside}: cannot be read"):
        lines = [line.partition("=") for line in beside.read_text("utf-8", errors="replace").splitlines()]
    return {name.strip(): value.strip() for name, _, value in lines}


def _info_times(info: dict[str, str], n_frames: int) -> FrameTimes | None:
    """Return the times of the frames saved, each a sum of some of the camera's."""
    rate = _number(info, "Frames Per Second")
    n_summed = _number(info, "Autosave Movie Sum Count") or 1.0
    if rate <= 0:
        return None
    return even_times(n_frames, n_summed / rate, "s", "Frames Per Second in the info file")


def _info_dose_rate(info: dict[str, str]) -> DoseRate | None:
    """Return the dose rate, for which the camera writes 0 or -1 where it does not know it.

    It is that of a pixel of the camera; a pixel of the movie gathers so many of these as it is binned. The
    specimen pixel size is that of the movie (directelectron/deapi, tests of e-/A^2).
    """
    rate = _number(info, "Exposure Rate (e-/pix/s)")
    n_binned = (_number(info, "Binning X") or 1.0) * (_number(info, "Binning Y") or 1.0)
    if not 0 < rate * n_binned < np.inf:
        return None
    binned = "" if n_binned == 1 else f" x {n_binned:g} binned pixels"
    return DoseRate(rate * n_binned, f"Exposure Rate in the info file{binned}")


def _number(info: dict[str, str], name: str) -> float:
    """Return a number of the info file, 0 where it is missing."""
    try:
        return float(info.get(name, 0))
    except ValueError:
        return 0.0

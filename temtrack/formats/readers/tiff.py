"""TIFF stacks: ImageJ, OME, DigitalMicrograph export, plain multi-page."""

from __future__ import annotations

import logging
import math
import struct
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, check_samples, read_head, refused_as
from temtrack.formats.readers.frames import FrameReader, RawFrames, evenly_spaced, open_movie
from temtrack.formats.readers.tiff_calibration import read_pixel_size, read_start, read_times
from temtrack.movie import Movie

if TYPE_CHECKING:
    import tifffile

NAME = "TIFF"
SUFFIXES = (".tif", ".tiff")

#: Classic and big TIFF, little and big endian.
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# tifffile tells of oddities in its log; what matters here ends in an InputError.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def can_read(path: Path) -> bool:
    """Tell by its first bytes whether the path is a TIFF file."""
    return read_head(path, 4) in _SIGNATURES


def read_movie(path: Path) -> Movie:
    """Open a TIFF file as a movie whose frames are read one at a time; colour becomes grey.

    The one axis beside y and x is time, whatever the file calls it: writers leave it unnamed, ImageJ calls
    it ``z`` and tifffile ``c`` unless told otherwise.

    Raises
    ------
    InputError
        If the file is damaged, holds planes of different sizes, complex pixels, or more than one axis beside
        y and x (channels, or a volume at each time).
    """
    import tifffile  # here: other formats start without it

    with refused_as(f"{path}: cannot be read as TIFF"), tifffile.TiffFile(path) as tif:
        _refuse_broken_chain(tif, path)
        series = _one_series(tif, path)
        frames = _frames(path, series, _count_frames(series, path))
        pixel_size, times, started = read_pixel_size(tif), read_times(tif, frames.n_frames), read_start(tif)
    return open_movie(frames, pixel_size, times, started=started)


def _frames(path: Path, series: tifffile.TiffPageSeries, n_frames: int) -> FrameReader:
    page = series.keyframe
    sample_axis = page.axes.index("S") if "S" in page.axes else None
    dtype = np.dtype(page.parent.byteorder + page.dtype.char)
    # Planes that lie one behind the other without compression need no page table: ImageJ writes
    # stacks beyond 4 GB with a single page.
    if series.dataoffset is None or page.bitspersample != 8 * dtype.itemsize:
        return _Planes(path, n_frames, series, sample_axis)
    offsets = evenly_spaced(path, series.dataoffset, n_frames, dtype.itemsize * math.prod(page.shape))
    return RawFrames(path, dtype, page.shape, offsets, sample_axis)


@dataclass
class _Planes(FrameReader):
    """Decodes plane ``t`` of a series; holds the file open from the first one on."""

    path: Path
    n_frames: int
    series: tifffile.TiffPageSeries
    sample_axis: int | None

    def decode(self, t: int) -> NDArray[Any]:
        """Return the plane as tifffile does, unless it is missing or the file ends before it does."""
        what = f"{self.path}: frame {t} of {self.n_frames}"
        page = self.series.pages[t]
        if page is None:
            raise InputError(f"{what} is missing from the file")
        file = page.parent.filehandle
        if file.closed:
            file.open()
            weakref.finalize(self, file.close)
        end = max(o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=True))
        if end > file.size:
            raise InputError(f"{what} is cut off: the file is truncated")
        pixels: NDArray[Any] = page.asarray()
        return pixels


def _refuse_broken_chain(tif: tifffile.TiffFile, path: Path) -> None:
    """Refuse a file whose last page points to a next one that is not there: tifffile would only log it."""
    if len(tif.pages) == 0:
        raise InputError(f"{path}: TIFF holds no page; it is truncated: copy it again from its source")
    last, layout, file = tif.pages[-1].offset, tif.tiff, tif.filehandle
    file.seek(last)
    (n_tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
    file.seek(last + layout.tagnosize + n_tags * layout.tagsize)
    (following,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
    if following:
        raise InputError(
            f"{path}: TIFF is truncated after page {len(tif.pages)}; copy the file again from its source"
        )


def _one_series(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    """Return the only full-size series; thumbnails and pyramid levels do not count."""
    series = [s for s in tif.series if not s.keyframe.is_reduced] or list(tif.series)
    if len(series) > 1:
        sizes = ", ".join(dict.fromkeys("x".join(map(str, s.shape)) + f" {s.dtype}" for s in series))
        raise InputError(f"{path}: planes differ in size or type ({sizes}); a movie needs planes of one kind")
    return series[0]


def _count_frames(series: tifffile.TiffPageSeries, path: Path) -> int:
    page = series.keyframe
    if np.dtype(page.dtype or "V").kind == "c":
        raise InputError(f"{path}: pixels are complex ({page.dtype}); allowed are integers and real numbers")
    plane_axes = [a for a, n in zip(page.axes, page.shape, strict=True) if a != "S" and (n > 1 or a in "YX")]
    stack = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if a not in "YXS" and n > 1]
    if len(stack) > 1 or plane_axes != ["Y", "X"]:
        shape = "x".join(map(str, series.shape))
        raise InputError(
            f"{path}: has {len(series.shape)} axes ({shape}, {series.axes}); allowed are an image (Y, X) or "
            "a movie (T, Y, X), each grey or RGB(A); save one channel and one plane at each time"
        )
    check_frame_size([n for a, n in zip(page.axes, page.shape, strict=True) if a in "YX"], path)
    check_samples(dict(zip(page.axes, page.shape, strict=True)).get("S", 1), path)
    return stack[0][1] if stack else 1

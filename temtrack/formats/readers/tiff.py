"""TIFF stacks: ImageJ, OME, DigitalMicrograph export, plain multi-page.

Scale and time are what a file states in the words of one of these programs. The resolution tags alone are no
scale: printers and screens put 72, 96 or 300 dpi there.
"""

from __future__ import annotations

import logging
import struct
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration
from temtrack.errors import InputError
from temtrack.formats.decoding import check_frame_size, check_samples, read_head, refused_as
from temtrack.formats.readers.frames import Decode, even_times, open_movie, pixel_size_along_x, raw_frames
from temtrack.formats.units import read_clock
from temtrack.movie import Movie

if TYPE_CHECKING:
    import tifffile

NAME = "TIFF"
SUFFIXES = (".tif", ".tiff")

#: Classic and big TIFF, little and big endian.
_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# DigitalMicrograph's export: units (ASCII) and steps (float) of the axes x, y and z.
_DM_UNIT_X, _DM_UNIT_Z = 65003, 65005
_DM_STEP_X, _DM_STEP_Y, _DM_STEP_Z = 65009, 65010, 65011

# tifffile tells of oddities in its log; what matters here ends in an InputError.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def can_read(path: Path) -> bool:
    """Tell by its first bytes whether the path is a TIFF file."""
    return read_head(path, 4) in _SIGNATURES


def read_size(path: Path) -> tuple[int, int]:
    """Return the size (Y, X) of a file's first plane, by its head alone.

    Raises
    ------
    InputError
        If the file is no TIFF, or damaged.
    """
    import tifffile

    with refused_as(f"{path}: TIFF is damaged"), tifffile.TiffFile(path) as file:
        page = file.pages.first
        return page.imagelength, page.imagewidth


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
        n_frames, axes = _count_frames(series, path), series.keyframe.axes
        sample_axis = axes.index("S") if "S" in axes else None
        decode = _frames(path, series, n_frames, sample_axis)
        known = _calibration(tif, n_frames)
    return open_movie(path, n_frames, decode, known, sample_axis=sample_axis)


def read_growing(path: Path) -> Movie:
    """Open the pages that are whole of a TIFF file to which pages are being added.

    Raises
    ------
    InputError
        If none is, or the file is none whose pages are frames.
    """
    import tifffile

    with refused_as(f"{path}: cannot be read as TIFF"):
        tif = tifffile.TiffFile(path)
        weakref.finalize(tif.pages, tif.filehandle.close)
        n_frames = len(tif.pages)
        while n_frames and not _is_whole(tif.pages[n_frames - 1]):
            n_frames -= 1
        if n_frames == 0:
            raise InputError(f"{path}: holds no whole page yet")
        axes = tif.pages[0].axes
    known = _calibration(tif, n_frames)
    pages = tif.pages
    sample_axis = axes.index("S") if "S" in axes else None
    return open_movie(path, n_frames, lambda t: pages[t].asarray(), known, sample_axis=sample_axis)


def _is_whole(page: Any) -> bool:
    """Tell whether the file holds all data of a page."""
    ends = (offset + n for offset, n in zip(page.dataoffsets, page.databytecounts, strict=True))
    return bool(max(ends, default=0) <= page.parent.filehandle.size)


def _frames(path: Path, series: tifffile.TiffPageSeries, n_frames: int, sample_axis: int | None) -> Decode:
    page = series.keyframe
    dtype = np.dtype(page.parent.byteorder + page.dtype.char)
    # Planes that lie one behind the other without compression need no page table: ImageJ writes
    # stacks beyond 4 GB with a single page.
    if series.dataoffset is None or page.bitspersample != 8 * dtype.itemsize:
        return _Planes(path, n_frames, series)
    return raw_frames(path, dtype, page.shape, n_frames, int(series.dataoffset), sample_axis=sample_axis)


@dataclass
class _Planes:
    """Decodes plane ``t`` of a series; holds the file open from the first one on."""

    path: Path
    n_frames: int
    series: tifffile.TiffPageSeries

    def __call__(self, t: int) -> NDArray[Any]:
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


def _calibration(tif: tifffile.TiffFile, n_frames: int) -> Calibration:
    """Return scale and interval, where the file states them in units of length and time, and the start."""
    tags = tif.pages[0].tags
    ome = ElementTree.fromstring(tif.ome_metadata) if tif.is_ome else None
    if tif.is_imagej:
        facts = tif.imagej_metadata or {}
        unit, source = facts.get("unit", ""), "ImageJ XResolution and unit"
        fractions = [tags.valueof(name, (0, 0)) for name in ("XResolution", "YResolution")]
        steps = [length / pixels if pixels else 0.0 for pixels, length in fractions]
        interval, time_unit, time_source = (
            facts.get("finterval", 0),
            facts.get("tunit", "s"),
            "ImageJ finterval",
        )
    elif ome is not None:
        element = _find(ome, "Pixels")
        facts = {} if element is None else element.attrib
        unit, source = facts.get("PhysicalSizeXUnit", "µm"), "OME PhysicalSizeX"
        steps = [float(facts.get(f"PhysicalSize{axis}", "nan")) for axis in "XY"]
        interval, time_unit = facts.get("TimeIncrement", "nan"), facts.get("TimeIncrementUnit", "s")
        time_source = "OME TimeIncrement"
    else:
        unit, source = tags.valueof(_DM_UNIT_X, ""), "DigitalMicrograph tags"
        steps = [float(tags.valueof(tag, 0)) for tag in (_DM_STEP_X, _DM_STEP_Y)]
        interval, time_unit, time_source = tags.valueof(_DM_STEP_Z, 0), tags.valueof(_DM_UNIT_Z, ""), source
    date = None if ome is None else _find(ome, "AcquisitionDate")
    return Calibration(
        pixel_size_along_x(((step, str(unit)) for step in steps), source),
        even_times(n_frames, float(interval), str(time_unit), time_source),
        started=None if date is None else read_clock(date.text or ""),
    )


def _find(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    """Return the first element of an OME text that is called so in whatever namespace."""
    return next((element for element in root.iter() if element.tag.rpartition("}")[2] == name), None)

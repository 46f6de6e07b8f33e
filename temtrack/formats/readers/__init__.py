"""Readers of movies: one module for each format, with functions of the same names.

Each has ``NAME``, what people call the format, and ``SUFFIXES``; ``can_read(path) -> bool``, which looks at
the content where the content tells, and ``read_movie(path) -> Movie``.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from temtrack.errors import InputError
from temtrack.formats.decoding import check_name, refused_as
from temtrack.formats.locations import as_path
from temtrack.formats.readers import (
    digital_micrograph,
    dm_folder,
    images,
    mrc,
    ome_zarr,
    tia,
    tiff,
    velox,
    video,
)
from temtrack.movie import Movie

#: Folders of frames are asked before folders of images, and what a content tells before what a name tells.
_READERS: tuple[ModuleType, ...] = (
    tiff,
    digital_micrograph,
    tia,
    velox,
    ome_zarr,
    dm_folder,
    images,
    mrc,
    video,
)

_SUFFIXES = tuple(dict.fromkeys(suffix for reader in _READERS for suffix in reader.SUFFIXES))


def read_movie(
    source: Path | str,
    pixel_size_nm: float | None = None,
    frame_time_s: float | None = None,
    scale_bar_nm: float | None = None,
    frames: slice | None = None,
) -> Movie:
    """Open a file, a folder of images, a glob pattern or the URL of an OME-Zarr image as a movie.

    Parameters
    ----------
    source
        What to read.
    pixel_size_nm, frame_time_s
        Scale (nm per pixel) and time between frames (s) that count before those of the file.
    scale_bar_nm
        Length (nm) of the scale bar drawn in the first frame; counts before the file's scale.
    frames
        The piece of the movie that is wanted, which goes forward; all of it where ``None``.

    Raises
    ------
    InputError
        If there is nothing at `source`, it is empty, damaged, of no known format, or not named in UTF-8; no
        bar is found; or the piece holds no frame.
    """
    path = as_path(source)
    movie: Movie = _find_reader(path).read_movie(path)
    if scale_bar_nm is not None:
        from temtrack.imaging.scale_bar import calibrate_by_scale_bar

        movie = calibrate_by_scale_bar(movie, scale_bar_nm)
    movie = movie.calibrated(pixel_size_nm, frame_time_s)
    return movie if frames is None else movie.cut(frames)


def read_format(source: Path | str) -> str:
    """Return what people call the format of a movie.

    Raises
    ------
    InputError
        If there is nothing at `source`, it is empty, or of no known format.
    """
    return str(_find_reader(as_path(source)).NAME)


def _find_reader(path: Path) -> ModuleType:
    check_name(path)
    with refused_as(f"{path}: cannot be read"):
        reader = next((reader for reader in _READERS if reader.can_read(path)), None)
    if reader is None:
        raise InputError(_why_unreadable(path))
    return reader


def _why_unreadable(path: Path) -> str:
    allowed = f"allowed are {', '.join(_SUFFIXES)}, a folder of images or a quoted glob pattern"
    if not path.exists():
        return f"{path}: there is no such file or folder; check the name"
    if path.is_file() and path.stat().st_size == 0:
        return f"{path}: file is empty (0 bytes); copy it again from its source"
    if path.suffix.lower() in _SUFFIXES:
        return f"{path}: content does not fit its name: it is no {path.suffix.lower()} file; {allowed}"
    return f"{path}: format {path.suffix or 'without suffix'!r} is not supported; {allowed}"

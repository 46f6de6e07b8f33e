"""The only file input and output: one module per family of formats, with functions of the same names.

A movie's family has ``can_read(path) -> bool``, which looks at the content where the content tells, and
``read_movie(path) -> Movie``. Modules in no family write and read what temtrack itself makes: ``masks``,
``lineage_files``, ``parquet``, all of them whole or not at all (``atomic``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from temtrack.errors import InputError
from temtrack.formats import images, tiff, video
from temtrack.movie import Movie


class _Family(Protocol):
    """What each module of a family of formats has."""

    def can_read(self, path: Path) -> bool: ...

    def read_movie(self, path: Path) -> Movie: ...


_FAMILIES: tuple[_Family, ...] = (tiff, images, video)

_SUFFIXES = tuple(dict.fromkeys((*tiff.SUFFIXES, *images.SUFFIXES, *video.SUFFIXES)))


def read_movie(
    source: Path | str, pixel_size_nm: float | None = None, frame_time_s: float | None = None
) -> Movie:
    """Open a file, a folder of images or a glob pattern as a movie.

    Parameters
    ----------
    source
        What to read.
    pixel_size_nm, frame_time_s
        Scale (nm per pixel) and time between frames (s) that count before those of the file.

    Raises
    ------
    InputError
        If there is nothing at `source`, it is empty, damaged, or of no known format.
    """
    path = Path(source)
    for family in _FAMILIES:
        if family.can_read(path):
            return family.read_movie(path).calibrated(pixel_size_nm, frame_time_s)
    raise InputError(_why_unreadable(path))


def _why_unreadable(path: Path) -> str:
    allowed = f"allowed are {', '.join(_SUFFIXES)}, a folder of images or a quoted glob pattern"
    if not path.exists():
        return f"{path}: there is no such file or folder; check the name"
    if path.is_file() and path.stat().st_size == 0:
        return f"{path}: file is empty (0 bytes); copy it again from its source"
    if path.suffix.lower() in _SUFFIXES:
        return f"{path}: content does not fit its name: it is no {path.suffix.lower()} file; {allowed}"
    return f"{path}: format {path.suffix or 'without suffix'!r} is not supported; {allowed}"

"""Folders of dm3 and dm4 files, one a frame: what GMS writes in situ, and what users collect themselves.

GMS's recordings lie in ``Hour_00/Minute_00/Second_00``, files there end in ``_Frame_0000.dm4`` and so on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.calibration import Calibration, FrameTimes
from temtrack.errors import InputError
from temtrack.formats.readers import digital_micrograph, images
from temtrack.formats.readers.frames import open_files
from temtrack.movie import Movie

NAME = "folder of dm3 or dm4 files"
SUFFIXES: tuple[str, ...] = ()

_CLOCK = re.compile(r"Hour_(\d+)/Minute_(\d+)/Second_(\d+)/.*Frame_(\d+)\.dm[34]", re.IGNORECASE)


def can_read(path: Path) -> bool:
    """Tell whether the path is a folder of a GMS recording, or one with dm3 or dm4 files and no images."""
    if not path.is_dir():
        return False
    suffixes = {p.suffix.lower() for p in path.iterdir() if not p.name.startswith(".")}
    is_flat = not suffixes.isdisjoint(digital_micrograph.SUFFIXES) and suffixes.isdisjoint(images.SUFFIXES)
    return is_flat or _is_recording(path)


def read_movie(path: Path) -> Movie:
    """Open the folder as a movie; only the first file is read now.

    Times of a GMS recording are those of its folders' names, and within a second the frame's number divided
    by the number of frames in a second. That number is counted; where the recording spans one second only it
    is unknown, and so are the times.

    Raises
    ------
    InputError
        If there is no file or the first one is damaged. Later, when its frame is asked for: if a file is
        damaged, holds several frames, or differs from the first in size or type.
    """
    return open_frames(path, tuple(list_frames(path)))


def list_frames(path: Path) -> list[Path]:
    """Return the files of a folder in natural order.

    Raises
    ------
    InputError
        If there is none.
    """
    from natsort import natsorted  # here: other formats start without it

    found = path.glob("Hour_*/Minute_*/Second_*/*") if _is_recording(path) else path.iterdir()
    visible = (p for p in found if p.suffix.lower() in digital_micrograph.SUFFIXES and p.name[0] != ".")
    frames = (p for p in visible if p.is_file())
    files: list[Path] = natsorted(frames, key=lambda p: p.relative_to(path).as_posix())
    if not files:
        raise InputError(f"{path}: holds no frame; allowed are .dm3 and .dm4 files, in GMS's folders or not")
    return files


def open_frames(path: Path, files: tuple[Path, ...]) -> Movie:
    """Open files of a folder as the frames of a movie."""
    times = _read_clock([p.relative_to(path).as_posix() for p in files])
    known = Calibration(digital_micrograph.read_movie(files[0]).pixel_size, times)
    return open_files(path, files, _read_frame, known)


def _is_recording(path: Path) -> bool:
    return any(p.is_dir() for p in path.glob("Hour_*"))


def _read_frame(path: Path) -> NDArray[Any]:
    movie = digital_micrograph.read_movie(path)
    if movie.n_frames > 1:
        raise InputError(f"{path}: holds {movie.n_frames} frames; in a folder each file is one")
    return movie.read_frame(0)


def _read_clock(names: list[str]) -> FrameTimes | None:
    """Return the times that the names tell, the first at 0 s; ``None`` where one tells none."""
    matches = [_CLOCK.fullmatch(name) for name in names]
    if not all(matches):
        return None
    # columns: hour, minute, second, number of the frame within the second
    parts = np.array([[int(part) for part in match.groups()] for match in matches if match], dtype=np.int64)
    clock_s, number = parts[:, :3] @ np.array([3600, 60, 1]), parts[:, 3]
    seconds = clock_s.astype(np.float64)
    if number.max() > 0:
        if clock_s[0] == clock_s[-1]:
            return None
        # the last second may not be whole
        rate = int(number[clock_s < clock_s[-1]].max()) + 1
        seconds += number / max(rate, int(number.max()) + 1)
    return FrameTimes(seconds - seconds[0], "names of the GMS folders and frames")

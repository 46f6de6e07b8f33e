"""Movies that are still being written: a folder that fills with frames, a TIFF or MRC file that grows.

Each time one looks, there may be more frames; those that were there keep their numbers. What is half-written
is waited for. In a folder names count: frames are taken in natural order, and where a number is left out, or
a file is not whole, the later ones wait for it; not for ever, and what was left out is told.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol

from natsort import natsort_keygen

from temtrack.errors import InputError, UsageError
from temtrack.formats.readers import digital_micrograph, dm_folder, images, mrc, tiff
from temtrack.movie import Movie

#: For a frame that is missing, or not whole, later ones wait so many seconds.
PATIENCE_S = 60.0

#: Of so many files that were taken last it is noticed where they are written again.
_N_WATCHED = 20

_LAST_NUMBER = re.compile(r"(\d+)\D*$")

#: Files are ordered as in folders that are read.
natsort_key = natsort_keygen()

Tell = Callable[[str], None]


class GrowingMovie(Protocol):
    """A movie that may have more frames each time one looks.

    Parameters
    ----------
    path
        File or folder.
    waiting
        What is waited for, in words, while later frames are there; ``None`` where nothing is.
    n_bytes
        Size of all that was there at the last look, whole or not.
    """

    path: Path
    waiting: str | None
    n_bytes: int

    def look(self) -> Movie | None:
        """Return all frames that are whole by now; ``None`` where there is none."""

    def let_go(self) -> None:
        """Wait no longer for what is missing: take what is there."""

    def names(self) -> list[str]:
        """Return what tells which frames were taken, in order, for a run that goes on later."""


def open_growing(path: Path, tell: Tell, names: list[str]) -> GrowingMovie:
    """Open a movie that is being written.

    Parameters
    ----------
    path
        A folder, which may be empty, or a file, which may not be there yet.
    tell
        Is told in words what is not as it should be.
    names
        Those of the frames that an earlier run took.

    Raises
    ------
    UsageError
        Where such a file cannot be watched.
    """
    if path.suffix.lower() in (*tiff.SUFFIXES, *mrc.SUFFIXES) and not path.is_dir():
        return GrowingFile(path)
    if path.is_dir():
        return GrowingFolder(path, tell, list(names))
    raise UsageError(
        f"--follow {path}: cannot be followed; allowed are a folder that fills with frames, and a "
        f"{', '.join((*tiff.SUFFIXES, *mrc.SUFFIXES))} file that grows"
    )


@dataclass
class GrowingFile:
    """A TIFF or MRC file to which frames are added at its end."""

    path: Path
    waiting: str | None = None
    n_bytes: int = 0
    _movie: Movie | None = None

    def look(self) -> Movie | None:
        """Return all frames that are whole by now."""
        size = self.path.stat().st_size if self.path.is_file() else 0
        if size == self.n_bytes:
            return self._movie
        self.n_bytes = size
        try:
            is_tiff = tiff.can_read(self.path)
            found = tiff.read_growing(self.path) if is_tiff else mrc.read_movie(self.path, is_growing=True)
        except InputError:
            return self._movie
        if self._movie is None or len(found) >= len(self._movie):
            self._movie = found
        return self._movie

    def let_go(self) -> None:
        """Do nothing: in a file nothing is missing."""

    def names(self) -> list[str]:
        """Return nothing: the order is that of the file."""
        return []


@dataclass
class GrowingFolder:
    """A folder that fills with files of a frame each.

    Parameters
    ----------
    path, tell
        See `open_growing`.
    taken
        Names of the files that are frames, in order.
    waiting, n_bytes
        See `GrowingMovie`.
    """

    path: Path
    tell: Tell
    taken: list[str] = field(default_factory=list)
    waiting: str | None = None
    n_bytes: int = 0
    _movie: Movie | None = None
    _told: set[str] = field(default_factory=set)
    _states: dict[str, tuple[int, int]] = field(default_factory=dict)
    _begun_s: float = 0.0
    _is_last_look: bool = False
    _reader: ModuleType = images

    def look(self) -> Movie | None:
        """Return all frames that are whole by now, in natural order as far as none is missing."""
        n_before, files = len(self.taken), self._new_files()
        before = self._states
        self._states = {name: _state_of(self.path / name) for name in (*self.taken[-_N_WATCHED:], *files)}
        self.n_bytes = n_before + sum(self._states[name][0] for name in files)
        self._tell_of_changes(before)
        last = natsort_key(self.taken[-1]) if self.taken else None
        for name in files:
            if last is not None and natsort_key(name) < last:
                message = f"{self.path / name}: came after later frames were taken; it is left out"
                self._tell_once(f"late {name}", message)
            elif not self._is_next(name, before.get(name) == self._states[name] and self._is_whole(name)):
                break
        if len(self.taken) > n_before or (self._movie is None and self.taken):
            self._movie = self._reader.open_frames(self.path, tuple(self.path / name for name in self.taken))
        return self._movie

    def let_go(self) -> None:
        """Wait no longer for what is missing or not whole: no more will come."""
        self._is_last_look = True

    def names(self) -> list[str]:
        """Return the names of the files taken."""
        return self.taken

    def _is_next(self, name: str, is_whole: bool) -> bool:
        """Take a file as the next frame, or wait; where that lasted long enough, go on all the same."""
        missing = _missing_before(self.taken, name)
        blocked = missing or (None if is_whole else f"{name}, which is not whole")
        if blocked is not None and self.waiting != blocked:
            self.waiting, self._begun_s = blocked, max(self._begun_s, time.monotonic())
        if blocked is not None and time.monotonic() - self._begun_s < PATIENCE_S and not self._is_last_look:
            return False
        if is_whole:
            if missing is not None:
                self._tell_once(missing, f"{self.path}: went on without {missing}")
            last, now = _numbers(self.taken, name) or (0, 1)
            if last == now:
                message = f"{self.path / name}: bears the number of {self.taken[-1]}; both are frames"
                self._tell_once(f"twice {name}", message)
            self.taken.append(name)
        elif missing is None or self._is_last_look:
            self._tell_once(name, f"{self.path / name}: is not whole; went on without it")
        self.waiting = None
        return True

    def _new_files(self) -> list[str]:
        """Return the names of the files that are not taken yet, in natural order."""
        if self.path.is_dir() and dm_folder.can_read(self.path):
            self._reader = dm_folder
            found = (file.relative_to(self.path).as_posix() for file in dm_folder.list_frames(self.path))
        else:
            found = (entry.name for entry in os.scandir(self.path) if entry.name[0] != ".")
        suffixes, known = self._reader.SUFFIXES or digital_micrograph.SUFFIXES, set(self.taken)
        new = (name for name in found if name not in known)
        return sorted((name for name in new if Path(name).suffix.lower() in suffixes), key=natsort_key)

    def _is_whole(self, name: str) -> bool:
        """Tell whether a file can be read to its end, and was not written meanwhile."""
        try:
            self._reader.open_frames(self.path, (self.path / name,))
        except InputError:
            return False
        return _state_of(self.path / name) == self._states[name]

    def _tell_of_changes(self, before: dict[str, tuple[int, int]]) -> None:
        for name in self.taken[-_N_WATCHED:]:
            if name in before and before[name] != self._states[name]:
                self._tell_once(f"again {name}", f"{self.path / name}: was written again after it was taken")

    def _tell_once(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self.tell(message)


def _state_of(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError:  # it was renamed meanwhile
        return (-1, -1)
    return facts.st_size, facts.st_mtime_ns


def _numbers(taken: list[str], name: str) -> tuple[int, int] | None:
    """Return the numbers of the last name and of another; ``None`` where they do not count alike."""
    last, file = Path(taken[-1] if taken else ""), Path(name)
    found = [_LAST_NUMBER.search(one.stem) for one in (last, file)]
    if last.parent != Path() or found[0] is None or found[1] is None:
        return None  # GMS numbers the frames of each second anew
    is_alike = last.stem[: found[0].start()] == file.stem[: found[1].start()]
    return (int(found[0][1]), int(found[1][1])) if is_alike else None


def _missing_before(taken: list[str], name: str) -> str | None:
    """Return in words which numbers are left out between the last name and another; ``None`` for none."""
    last, now = _numbers(taken, name) or (0, 0)
    if now <= last + 1:
        return None
    return f"frame {last + 1}" if now == last + 2 else f"frames {last + 1} to {now - 1}"

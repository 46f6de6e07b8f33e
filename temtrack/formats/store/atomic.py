"""Files and folders that appear whole or not at all, and output folders that are safe to write to."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from temtrack.errors import BusyError, OutputError

LOCK_NAME = ".lock"

#: Names of files that are not whole yet.
_PREFIX = ".writing-"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name beside `path`, of the same suffix, to write to; it becomes `path` when the block ends well.

    Where the block fails or is interrupted nothing remains and an older `path` stays as it was.

    Raises
    ------
    OutputError
        If the file cannot be written (no such folder, no permission, no space left).
    """
    try:
        handle, name = tempfile.mkstemp(prefix=_unfinished(path.name), suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise _cannot_write(path, error) from error
    part = Path(name)
    try:
        yield part
        os.umask(umask := os.umask(0))
        part.chmod(0o666 & ~umask)  # mkstemp makes files that nobody else may read
        part.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` to write to; it takes its place as `whole_file` does a file's."""
    try:
        # a folder that cannot be emptied must not hide the error that came first
        with tempfile.TemporaryDirectory(
            prefix=_PREFIX, dir=path.parent, ignore_cleanup_errors=True
        ) as beside:
            part = Path(beside) / "new"
            part.mkdir()
            yield part
            if path.exists():
                path.rename(Path(beside) / "old")
            part.rename(path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def remove_leftovers(folder: Path, *names: str) -> None:
    """Delete unfinished files that a killed process left in a folder: all, or those of the files named."""
    for prefix in map(_unfinished, names) if names else (_PREFIX,):
        for path in folder.glob(f"{prefix}*"):
            path.unlink(missing_ok=True)


def _unfinished(name: str) -> str:
    """Return how a file is called while it is not whole; its name alone may be as long as names can be."""
    return f"{_PREFIX}{zlib.crc32(os.fsencode(name)):08x}-"


@contextmanager
def locked(folder: Path, name: str = LOCK_NAME, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a folder, made where it is missing, so that no other process writes into it meanwhile.

    The lock is the operating system's (``flock``, or its like on Windows) and ends with the process, however
    that ends: none is ever stale. Another process is waited for ``wait_s`` seconds.

    Raises
    ------
    BusyError
        If another process holds the folder.
    OutputError
        If it cannot be written to.
    """
    from filelock import FileLock, Timeout  # what only reads starts without it

    lock = FileLock(folder / name, timeout=wait_s)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise BusyError(
            f"{folder}: another process is writing into it; wait for its end, or choose another folder"
        ) from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            (folder / name).unlink(missing_ok=True)
        lock.release()


def check_output_file(path: Path, force: bool) -> None:
    """Refuse a file that is there already, unless `force`.

    Raises
    ------
    OutputError
        If `path` is a folder, or a file without `force`.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not force:
        raise OutputError(f"{path}: exists already; give --force to overwrite it, or another name")


def check_output_folder(path: Path, force: bool) -> None:
    """Make the folder and its parents; refuse one that holds anything, unless `force`.

    Raises
    ------
    OutputError
        If `path` is a file, cannot be made or written to, or is not empty without `force`.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path}: is a file; give the name of a folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            occupied = any(p.name != LOCK_NAME for p in path.iterdir())
    except OSError as error:
        raise _cannot_write(path, error) from error
    if occupied and not force:
        raise OutputError(f"{path}: folder is not empty; give --force to write into it, or another folder")


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{path}: cannot be written: {reason}; choose another place with --output")

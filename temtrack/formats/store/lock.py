"""One process at a time in an output folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from temtrack.errors import BusyError, OutputError

LOCK_NAME = ".lock"


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

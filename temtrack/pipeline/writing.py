"""Masks written in a thread of their own, while the next frames are segmented and linked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from temtrack.formats.store.masks import MaskWriter

#: So many masks wait to be written; then the work waits for the writing.
MAX_WAITING = 8


class MasksInTurn:
    """Hands masks to the thread that writes them, in order, one at a time; made by `written_beside`.

    Calling it with a frame and its labels (Y, X), which must not be changed any more, returns at once. What
    goes wrong in writing is raised by a later call, or by `wait`.
    """

    def __init__(self, write: MaskWriter, thread: ThreadPoolExecutor) -> None:
        self._write = write
        self._thread = thread
        self._waiting: deque[Future[None]] = deque()

    def __call__(self, frame: int, labels: NDArray[Any]) -> None:
        """Write the ids (Y, X) of a frame after those before."""
        self._wait_until(MAX_WAITING - 1)
        self._waiting.append(self._thread.submit(self._write, frame, labels))

    def wait(self) -> None:
        """Return when all masks are written; what counts on them comes after this.

        Raises
        ------
        OutputError
            Where one could not be written.
        """
        self._wait_until(0)

    def _wait_until(self, n_waiting: int) -> None:
        while len(self._waiting) > n_waiting:
            self._waiting[0].result()
            self._waiting.popleft()


@contextmanager
def written_beside(write: MaskWriter) -> Iterator[MasksInTurn]:
    """Yield what hands masks to a thread of their own; at the end all of them are written.

    Where the work ends by an error or Ctrl-C the masks that wait are left out: they are made again when the
    run goes on.
    """
    thread = ThreadPoolExecutor(1, "temtrack-masks")
    masks = MasksInTurn(write, thread)
    try:
        yield masks
        masks.wait()
    finally:
        thread.shutdown(cancel_futures=True)

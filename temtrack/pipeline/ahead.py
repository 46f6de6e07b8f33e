"""The next frame is segmented in a thread of its own, while the ids of the last one are found."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from numpy.typing import NDArray

from temtrack.movie import Movie

#: Of larger frames (pixels) two at a time would take too much memory.
MAX_AHEAD_PX = 2**22

Found = TypeVar("Found")


def one_ahead(frames: Iterator[Found], first: int, may_begin: Callable[[int], bool]) -> Iterator[Found]:
    """Yield what there is of a movie's frames from one on; the next is begun before the last is yielded.

    Parameters
    ----------
    frames
        Is asked in a thread of its own, in order.
    may_begin
        Tells of a frame's number whether all is there that it needs.
    """
    thread = ThreadPoolExecutor(1, "temtrack-frames")
    begun: Future[Found] | None = None
    for t in count(first + 1):
        found = (begun or thread.submit(next, frames)).result()
        begun = thread.submit(next, frames) if may_begin(t) else None
        yield found


def may_go_ahead(movie: Movie) -> bool:
    """Tell whether the process has threads and memory for two frames at a time."""
    torch = sys.modules.get("torch")  # without a network it is not there
    n_threads = torch.get_num_threads() if torch else int(os.environ.get("OMP_NUM_THREADS") or 0)
    return (n_threads or os.cpu_count() or 1) > 1 and movie.height * movie.width <= MAX_AHEAD_PX


def read_in_turn(movie: Movie) -> Movie:
    """Return a movie of which several threads may read frames, each only once as long as anybody has it."""
    turn, held = threading.Lock(), WeakValueDictionary[int, NDArray[Any]]()

    def read_frame(t: int) -> NDArray[Any]:
        with turn:
            frame = held.get(t)
            if frame is None:
                held[t] = frame = movie.read_frame(t)
            return frame

    return replace(movie, read_frame=read_frame)

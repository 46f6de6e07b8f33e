"""Several parts of an image go through a network side by side, each in a thread of its own.

Threads that share one part wait for each other at every layer; threads with a part each do not. What a part
gives does not depend on how many there are.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

from temtrack.nets.device import bf16_where_native

#: So many parts a thread are begun before the first one is asked for.
N_AHEAD = 2

Part = TypeVar("Part")
Found = TypeVar("Found")


def side_by_side(
    predict: Callable[[Part], Found], parts: Sequence[Part], device: torch.device
) -> Iterator[Found]:
    """Yield what a network predicts of some parts, in their order.

    On a processor as many threads as torch has take a part each, and compute in the numbers of the caller;
    another device has one part after the other.
    """
    n = min(torch.get_num_threads(), len(parts))
    if device.type != "cpu" or n < 2:
        yield from map(predict, parts)
        return
    is_cast = torch.is_autocast_enabled("cpu")
    threads, begun = _threads(torch.get_num_threads()), deque[Future[Found]]()
    for part in parts:
        begun.append(threads.submit(_predict, predict, part, is_cast))
        if len(begun) == n * N_AHEAD:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def _predict(predict: Callable[[Part], Found], part: Part, is_cast: bool) -> Found:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=is_cast):
        return predict(part)


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    """Return so many threads, of which torch splits the work of none.

    None ever leaves the numbers of `bf16_where_native`: torch would forget the weights in these.
    """
    all_begun = threading.Barrier(n)

    def begin() -> None:
        torch.get_num_threads()  # a thread that never asked takes the number of all others when it first does
        torch.set_num_threads(1)
        bf16_where_native(torch.device("cpu")).__enter__()
        all_begun.wait()

    threads = ThreadPoolExecutor(n, "temtrack-network", initializer=begin)
    for begun in [threads.submit(bool) for _ in range(n)]:
        begun.result()
    torch.set_num_threads(n)  # for all threads to come, whatever these have said
    return threads


os.register_at_fork(after_in_child=_threads.cache_clear)

"""Several processes that train one network together, as ``torchrun`` starts them.

Each learns from batches of its own, and ``DistributedDataParallel`` averages their gradients, so all hold the
same weights after each step. The main process alone tests and writes, with its own batch statistics.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def rank() -> int:
    """Return which process this is, as ``torchrun`` says in the environment; 0 for one alone."""
    return int(os.environ.get("RANK", "0"))


def n_processes() -> int:
    """Return how many processes train together, as ``torchrun`` says; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this is the process that tests and writes."""
    return rank() == 0


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the processes that ``torchrun`` started, each with a GPU of its own where the device is one."""
    if n_processes() == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def parallel(module: nn.Module) -> nn.Module:
    """Let the processes share the gradients of a module's forward pass; alone it stays as it is."""
    return module if n_processes() == 1 else DistributedDataParallel(module, find_unused_parameters=True)


def agree(answer: bool, device: torch.device) -> bool:
    """Return the main process's answer in all."""
    if n_processes() == 1:
        return answer
    shared = torch.tensor(answer, device=device)
    dist.broadcast(shared, src=0)
    return bool(shared)

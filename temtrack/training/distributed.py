"""Several processes that train one network together, as ``torchrun`` starts them.

Each learns from batches of its own; gradients and statistics of batch normalisation are averaged between
them, so all hold the same weights after each step. The first of them alone tests and writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Ranks:
    """Which process this is, of how many."""

    rank: int = 0
    n: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that tests and writes."""
        return self.rank == 0

    def average(self, net: nn.Module) -> None:
        """Give all processes the mean of their gradients, and of their batch normalisation's statistics."""
        if self.n == 1:
            return
        for parameter in net.parameters():
            if parameter.requires_grad and parameter.grad is None:  # what only other processes had use for
                parameter.grad = torch.zeros_like(parameter)
        shared = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        shared += [tensor for name, tensor in net.named_buffers() if ".running_" in name]
        _average(shared, self.n)

    def agree(self, answer: bool, device: torch.device) -> bool:
        """Return the first process's answer, for all."""
        if self.n == 1:
            return answer
        told = torch.tensor(answer, device=device)
        dist.broadcast(told, src=0)
        return bool(told)


def find_ranks() -> Ranks:
    """Return what ``torchrun`` says of this process in its environment; one alone without it."""
    return Ranks(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the processes that ``torchrun`` started, each with a GPU of its own where the device is one."""
    if find_ranks().n == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def _average(tensors: list[Tensor], n: int) -> None:
    """Replace tensors by their means over the processes, all in one message."""
    flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
    dist.all_reduce(flat)
    means = torch.split(flat / n, [tensor.numel() for tensor in tensors])
    for tensor, mean in zip(tensors, means, strict=True):
        tensor.copy_(mean.view_as(tensor))

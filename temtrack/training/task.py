"""What a network is trained for: the three things that the loop does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn


class OnDevice(Protocol):
    """A batch, which can go to a device."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""


Net = TypeVar("Net", bound=nn.Module)
AnyBatch = TypeVar("AnyBatch", bound=OnDevice)


@dataclass(frozen=True)
class Task(Generic[Net, AnyBatch]):
    """A network's task.

    Parameters
    ----------
    draw
        Returns a batch, which depends on the seed, the step and its number among the step's batches alone.
    test_batches
        What the averaged network is tested on after each epoch.
    loss
        Returns the loss of a network on a batch, and the pixels (3,) of foreground that are right, found and
        true.
    """

    draw: Callable[[int, int], AnyBatch]
    test_batches: Sequence[AnyBatch]
    loss: Callable[[Net, AnyBatch], tuple[Tensor, Tensor]]

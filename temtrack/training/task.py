"""What a network is trained for: the three things that the loop does not know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from temtrack.training.config import TrainConfig
from temtrack.training.data.samples import Draw, Sample


@dataclass(frozen=True)
class TensorBatch:
    """A batch: a dataclass of tensors, and of what says how to learn from them."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        return replace(self, **moved)


Net = TypeVar("Net", bound=nn.Module)
NetIn = TypeVar("NetIn", bound=nn.Module, contravariant=True)
AnyBatch = TypeVar("AnyBatch", bound=TensorBatch)


class Task(Protocol[NetIn, AnyBatch]):
    """A network's task."""

    @property
    def test_batches(self) -> Sequence[AnyBatch]:
        """What the averaged network is tested on after each epoch."""

    def draw_batch(self, step: int, part: int) -> AnyBatch:
        """Return a batch that the seed, the step and the batch's number in it decide alone."""

    def loss(self, net: NetIn, batch: AnyBatch) -> tuple[Tensor, Tensor]:
        """Return the loss on a batch, and the pixels (3,) of foreground that are right, found and true."""


class WithLoss(nn.Module, Generic[Net, AnyBatch]):
    """A network whose forward pass is its loss on a batch, which is all that processes need to share."""

    def __init__(self, net: Net, task: Task[Net, AnyBatch]) -> None:
        super().__init__()
        self.net, self._task = net, task

    def forward(self, batch: AnyBatch) -> tuple[Tensor, Tensor]:
        """Return the loss and the pixel counts of a batch."""
        return self._task.loss(self.net, batch)


class SampleTask(ABC, Generic[Net, AnyBatch]):
    """The task of a network that learns from single images."""

    def __init__(self, draw: Draw[Sample], test_samples: Sequence[Sample], config: TrainConfig) -> None:
        self.config = config
        self._draw = draw
        rng, size = np.random.default_rng(config.seed), config.batch_size
        chunks = (test_samples[i : i + size] for i in range(0, len(test_samples), size))
        self.test_batches = [self.collate(chunk, rng) for chunk in chunks]

    def draw_batch(self, step: int, part: int) -> AnyBatch:
        """Return a batch of samples that the seed, the step and the batch's number in it decide alone."""
        rng = np.random.default_rng([self.config.seed, step, part])
        return self.collate([self._draw(rng) for _ in range(self.config.batch_size)], rng)

    @abstractmethod
    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> AnyBatch:
        """Return samples as a batch."""

    @abstractmethod
    def loss(self, net: Net, batch: AnyBatch) -> tuple[Tensor, Tensor]:
        """Return the loss on a batch, and the pixels (3,) of foreground that are right, found and true."""

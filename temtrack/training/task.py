"""What a network is trained for: the three things that the loop does not know."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from temtrack.datasets.labelled import LabelledImage
from temtrack.training.config import TrainConfig
from temtrack.training.data.samples import Draw


@dataclass(frozen=True)
class TensorBatch:
    """A batch: a dataclass of tensors, and of what says how to learn from them."""

    def to(self, device: torch.device) -> Self:
        """Return the batch on a device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        return replace(self, **moved)


Net = TypeVar("Net", bound=nn.Module, contravariant=True)
AnyBatch = TypeVar("AnyBatch", bound=TensorBatch)


class Task(Protocol[Net, AnyBatch]):
    """A network's task; ``test_batches`` are what the averaged network is tested on after each epoch."""

    test_batches: Sequence[AnyBatch]

    def draw_batch(self, step: int, part: int) -> AnyBatch:
        """Return a batch that the seed, the step and the batch's number in it decide alone."""

    @abstractmethod
    def loss(self, net: Net, batch: AnyBatch) -> tuple[Tensor, Tensor]:
        """Return the loss on a batch, and the pixels (3,) of foreground that are right, found and true."""


AnyTask: TypeAlias = Task[Any, Any]


class SampleTask(Task[Net, AnyBatch]):
    """The task of a network that learns from single images."""

    def __init__(
        self, draw: Draw[LabelledImage], test_draw: Draw[LabelledImage], config: TrainConfig
    ) -> None:
        self.config = config
        self._draw = draw
        rng = np.random.default_rng([config.seed, 2**31])
        samples, size = [test_draw(rng) for _ in range(config.n_test_crops)], config.batch_size
        rng = np.random.default_rng(config.seed)
        self.test_batches = [
            self.collate(samples[i : i + size], rng) for i in range(0, config.n_test_crops, size)
        ]

    def draw_batch(self, step: int, part: int) -> AnyBatch:
        """Return a batch of samples."""
        rng = np.random.default_rng([self.config.seed, step, part])
        return self.collate([self._draw(rng) for _ in range(self.config.batch_size)], rng)

    @abstractmethod
    def collate(self, samples: Sequence[LabelledImage], rng: np.random.Generator) -> AnyBatch:
        """Return samples as a batch."""


class WithLoss(nn.Module):
    """A network whose forward pass is its loss on a batch, which is all that processes need to share."""

    def __init__(self, net: nn.Module, task: AnyTask) -> None:
        super().__init__()
        self.net, self._task = net, task

    def forward(self, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """Return the loss and the pixel counts of a batch."""
        return self._task.loss(self.net, batch)

"""What is remembered of frames: how each layer sees one, and what it keeps once the ids are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from temtrack.nets.deaot.attention import Grid


@dataclass(frozen=True)
class LayerView:
    """What a layer makes of a frame before its ids are known."""

    key: Tensor  # BxNx128, the query as well
    value: Tensor  # BxNx512
    gate: Tensor  # BxNx1024
    identity: Tensor | None  # BxNx256 normalised, None in the first layer


@dataclass(frozen=True)
class LayerMemory:
    """What a layer remembers of frames whose ids are known."""

    key: Tensor  # BxMx128
    value: Tensor  # BxMx1024: the visual half, then the identities' half
    valid: Tensor | None = None  # BxM bool, None for all


@dataclass(frozen=True)
class View:
    """What each layer made of a frame whose ids are not decided yet; ``grid`` is (h, w)."""

    layers: tuple[LayerView, ...]
    grid: Grid


@dataclass(frozen=True)
class Memory:
    """Frames whose ids are known: M = n_frames * h * w tokens in each layer, on the same (h, w) ``grid``."""

    layers: tuple[LayerMemory, ...]
    grid: Grid

    @property
    def n_frames(self) -> int:
        """Frames joined in this memory."""
        return self.layers[0].key.shape[1] // (self.grid[0] * self.grid[1])

    @property
    def valid(self) -> Tensor | None:
        """Tokens that take part in attention: BxM bool, None for all."""
        return self.layers[0].valid

    def with_valid(self, valid: Tensor | None) -> Memory:
        """Return the memory with other valid tokens, bool, BxM or Bx(n_frames)xhxw; none left out for None.

        Leave out tokens of a region whose history no longer holds.
        """
        tokens = None if valid is None else valid.flatten(1)
        return replace(self, layers=tuple(replace(layer, valid=tokens) for layer in self.layers))

    @staticmethod
    def join(memories: Sequence[Memory]) -> Memory:
        """Concatenate memories of one grid, frame after frame."""
        if len(memories) == 1:
            return memories[0]
        by_layer = zip(*(memory.layers for memory in memories), strict=True)
        return Memory(tuple(_join_layer(same) for same in by_layer), memories[0].grid)


def _join_layer(memories: Sequence[LayerMemory]) -> LayerMemory:
    valid = None
    if any(memory.valid is not None for memory in memories):
        valid = torch.cat([_explicit(memory) for memory in memories], 1)
    key = torch.cat([memory.key for memory in memories], 1)
    return LayerMemory(key, torch.cat([memory.value for memory in memories], 1), valid)


def _explicit(memory: LayerMemory) -> Tensor:
    every = memory.key.new_ones(memory.key.shape[:2], dtype=torch.bool)
    return every if memory.valid is None else memory.valid

"""Networks that know kinds of objects: how many is up to the weights, since here all are particles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class AnyClasses(Protocol):
    """A network of any number of classes."""

    def take_classes(self, tensors: Mapping[str, Tensor]) -> None:
        """Become a network of as many classes as the one that the tensors are of."""


def take_classes(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network as many classes as the tensors have, where their number is free."""
    if isinstance(net, AnyClasses):
        net.take_classes(tensors)

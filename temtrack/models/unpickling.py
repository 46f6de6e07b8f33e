"""Read the tensors of a pickled network without running any of its code: objects become empty shells.

ultralytics saves networks whole, as objects of its classes. Here nothing that a file names is ever called but
what builds tensors and plain containers; anything else is a shell that keeps the state it is given.
"""

from __future__ import annotations

import collections
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

_HARMLESS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class Shell:
    """An object of a class that is not loaded: its attributes, no behaviour."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _HARMLESS.get((module, name), Shell)


def read_shells(path: Path) -> object:
    """Read a checkpoint with a shell in the place of each object; errors of any type where it is damaged."""
    in_place_of_pickle = SimpleNamespace(
        __name__="shells", Unpickler=_Unpickler, load=lambda file, **_: _Unpickler(file).load()
    )
    return torch.load(path, map_location="cpu", pickle_module=in_place_of_pickle, weights_only=False)


def network_of(loaded: object) -> dict[str, Tensor] | None:
    """Return the tensors by name of the network that a training program saved whole; ``None`` without one."""
    saved = loaded if isinstance(loaded, dict) else {}
    for key in ("ema", "model"):
        tensors = dict(_tensors(saved[key])) if isinstance(saved.get(key), Shell) else {}
        if tensors:
            return tensors
    return None


def _tensors(module: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers of a shell of a module and of those within it."""
    own = vars(module) if isinstance(module, Shell) else {}
    for kind in ("_parameters", "_buffers"):
        for name, tensor in own.get(kind, {}).items():
            if isinstance(tensor, Tensor):
                yield prefix + name, tensor.detach()
    for name, child in own.get("_modules", {}).items():
        yield from _tensors(child, f"{prefix}{name}.")

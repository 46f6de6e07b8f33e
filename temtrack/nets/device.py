"""On which device networks run, and in which numbers it computes."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

import torch

from temtrack.errors import UsageError

_LOG = logging.getLogger(__name__)


def find_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    UsageError
        A name that is none, or a device that this machine lacks.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        chosen = next(kind for kind in there if there[kind])
        _LOG.info("device: %s, the first there is of %s", chosen, ", ".join(there))
        return torch.device(chosen)
    if name not in there:
        raise UsageError(f"--device {name}: allowed are auto, cpu, cuda, mps")
    if not there[name]:
        raise UsageError(f"--device {name}: this machine has none; use --device auto or cpu")
    return torch.device(name)


def bf16_where_native(device: torch.device) -> AbstractContextManager[None]:
    """Return an autocast context to bfloat16 where the device computes in it."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    else:
        native = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)

"""On which device networks run, and in which numbers it computes."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

import torch
from torch import nn

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
    return torch.autocast(device.type, torch.bfloat16, enabled=has_native_bf16(device))


def has_native_bf16(device: torch.device) -> bool:
    """Tell whether a device computes in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def round_weights_once(net: nn.Module, device: torch.device) -> None:
    """Keep the weights of linear layers and convolutions in bfloat16 where the device computes in it.

    Within `bf16_where_native` they are rounded so in every pass, which takes a tenth of it; the results are
    the same. From then on the network must neither be trained nor be used elsewhere.
    """
    if not has_native_bf16(device):
        return
    for layer in net.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            layer.bfloat16()

"""Which numbers a device computes in."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def bf16_where_native(device: torch.device) -> AbstractContextManager[None]:
    """Return an autocast context to bfloat16 where the device computes in it."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    else:
        native = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)

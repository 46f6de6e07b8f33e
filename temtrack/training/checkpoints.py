"""Weights and state of a training run on disk; whatever is there is whole."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from temtrack.errors import TrainingError
from temtrack.formats.atomic import whole_file

STATE_FILE = "state.pt"


def save_weights(path: Path, net: nn.Module) -> None:
    """Write a network's weights as float16 safetensors."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in net.state_dict().items()
    }
    with whole_file(path) as whole:
        save_file(tensors, whole)


def save_state(
    folder: Path, step: int, net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write all that the run needs to go on after ``step`` steps."""
    state = {
        "step": step,
        "net": net.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with whole_file(folder / STATE_FILE) as path:
        torch.save(state, path)


def load_state(folder: Path, net: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load the state in ``folder`` into the three and return its step; 0 where there is none."""
    path = folder / STATE_FILE
    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])
    except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"{path} does not fit this network ({str(error).splitlines()[0]}): start anew in another folder"
        ) from error

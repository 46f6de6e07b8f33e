"""Weights and state of a training run on disk; whatever is there is whole."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from temtrack.errors import TrainingError
from temtrack.formats.store.atomic import whole_file

STATE_FILE = "state.pt"


def save_weights(path: Path, net: nn.Module) -> None:
    """Write a network's weights as float16 safetensors."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in net.state_dict().items()
    }
    with whole_file(path) as whole:
        whole.write_bytes(save(tensors))  # a full disk is an OSError here, but none in `save_file`


@dataclass(frozen=True)
class Progress:
    """How far a training run is: steps done, and rows of the log that tell of them."""

    step: int = 0
    n_epochs: int = 0


def save_state(
    folder: Path, done: Progress, net: nn.Module, ema: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write all that the run needs to go on from where it is."""
    parts = {"net": net.state_dict(), "ema": ema.state_dict(), "optimizer": optimizer.state_dict()}
    content = io.BytesIO()  # on a full disk torch would end in an error of its own
    torch.save(asdict(done) | parts, content)
    with whole_file(folder / STATE_FILE) as path:
        path.write_bytes(content.getbuffer())


def load_state(folder: Path, net: nn.Module, ema: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Load the state in ``folder`` into the three and return how far it is; the start where there is none.

    Raises
    ------
    TrainingError
        If the state is damaged or another network's.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return Progress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(state["net"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        return Progress(int(state["step"]), int(state["n_epochs"]))
    except Exception as error:  # torch raises errors of any type on bytes that it did not expect
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise TrainingError(
            f"{path} does not fit this network ({reason}): start anew in another folder"
        ) from error

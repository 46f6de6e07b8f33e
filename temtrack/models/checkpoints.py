"""Checkpoints of networks, of this program or another, read without running any code in them."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.errors import ModelError
from temtrack.models.registry import ModelSpec, verify, weights_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: Where training programs put a network's tensors in what they save.
_WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")

#: What training on several GPUs puts before each name.
_PARALLEL = "module."


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a network's tensors by name from a ``.safetensors`` file, or a ``.pth`` or ``.pt`` one.

    Raises
    ------
    ModelError
        If the file is missing or damaged, holds other things than tensors, or would run code.
    """
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file; give a .pth, .pt or .safetensors checkpoint")
    loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickled(path)
    return {name.removeprefix(_PARALLEL): tensor for name, tensor in _unwrapped(loaded, path).items()}


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path}: is no whole safetensors file ({error})") from error


def _read_pickled(path: Path) -> object:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # an error follows where it matters
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        tensors = _read_whole_network(path)
        if tensors is None:
            raise ModelError(
                f"{path}: holds more than tensors and is not opened, since that could run code;"
                " save its state_dict alone"
            ) from error
        return tensors
    except Exception as error:  # torch raises errors of any type on bytes that it did not expect
        raise ModelError(f"{path}: is no whole checkpoint ({type(error).__name__})") from error


def _read_whole_network(path: Path) -> dict[str, Tensor] | None:
    """Read a network that was saved as an object, as ultralytics does, without its classes."""
    from temtrack.models.unpickling import network_of, read_shells

    try:
        return network_of(read_shells(path))
    except Exception:  # as above; the refusal that follows says what to do
        return None


def _unwrapped(loaded: object, path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, which may lie beside an optimizer's."""
    import torch

    if isinstance(loaded, Mapping):
        inside = next((loaded[key] for key in _WRAPPINGS if isinstance(loaded.get(key), Mapping)), loaded)
        tensors = {name: value for name, value in inside.items() if isinstance(value, torch.Tensor)}
        if tensors and len(tensors) == len(inside):
            return tensors
    raise ModelError(f"{path}: holds no network's tensors by name; needs a state_dict")


def load_weights(net: torch.nn.Module, spec: ModelSpec) -> str:
    """Load a model's verified weights into its network and return their sha256.

    Raises
    ------
    ModelError
        Weights that are missing, damaged or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    sha256 = verify(spec)
    try:
        net.load_state_dict(load_file(weights_of(spec)))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{spec.weights} does not fit the network {spec.architecture}: {reason}") from error
    return sha256

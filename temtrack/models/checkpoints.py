"""Checkpoints of networks, of this program or another, read without running any code in them."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temtrack.errors import ModelError
from temtrack.models.registry import ModelSpec, verify, weights_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_LOG = logging.getLogger(__name__)

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
        if not tensors:
            raise ModelError(
                f"{path}: holds more than tensors and is not opened, since that could run code;"
                " save its state_dict alone"
            ) from error
        return tensors
    except Exception as error:  # torch raises errors of any type on bytes that it did not expect
        raise ModelError(f"{path}: is no whole checkpoint ({type(error).__name__})") from error


class _Shell:
    """Stands for an object of a class that is not loaded: its attributes, no behaviour."""

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def _read_whole_network(path: Path) -> dict[str, Tensor]:
    """Read a network that was saved as an object, as ultralytics does, without its classes.

    Whatever the file names is a shell: nothing of it is called. Nothing is returned where that fails.
    """
    import torch
    from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

    try:
        shells: list[Any] = [(_Shell, name) for name in get_unsafe_globals_in_checkpoint(path)]
        with safe_globals(shells):
            saved = torch.load(path, map_location="cpu", weights_only=True)
        networks = (dict(_tensors_of(saved.get(key))) for key in ("ema", "model"))
        return next((tensors for tensors in networks if tensors), {})
    except Exception:  # as above; the refusal that follows says what to do
        return {}


def _tensors_of(module: object, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters and buffers of a shell of a module and of those within it."""
    own = vars(module) if isinstance(module, _Shell) else {}
    for name, tensor in [*own.get("_parameters", {}).items(), *own.get("_buffers", {}).items()]:
        if tensor is not None:
            yield prefix + name, tensor.detach()
    for name, child in own.get("_modules", {}).items():
        yield from _tensors_of(child, f"{prefix}{name}.")


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
    _LOG.info("model: %s, weights of sha256 %s", spec.name, sha256[:12])
    return sha256

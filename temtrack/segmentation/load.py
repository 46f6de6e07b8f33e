"""From a model's name to a segmenter that is ready to use."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from temtrack.errors import ModelError, UsageError
from temtrack.registry import ModelSpec, find_model, verify

if TYPE_CHECKING:
    import torch

    from temtrack.nets.efficient_sam import EfficientSam
    from temtrack.segmentation.segmenter import Segmenter

#: architecture -> module and function that builds its network; nothing is imported before it is asked for
NETWORKS = {"effsam-tiny": ("temtrack.nets.efficient_sam", "efficient_sam_ti")}


def load_segmenter(model: str, device: str = "auto") -> Segmenter:
    """Load a registered model, or a training run's folder, onto a device.

    Raises
    ------
    ModelError
        Unknown model, missing or damaged weights.
    UsageError
        A device that this machine lacks.
    """
    from temtrack.segmentation.segmenter import Segmenter

    spec = find_model(model)
    net = build_network(spec.architecture)
    sha256 = load_weights(net, spec)
    return Segmenter(net, spec, sha256, find_device(device))


def build_network(architecture: str) -> EfficientSam:
    """Build the network of an architecture, initialised for training from nothing."""
    if architecture not in NETWORKS:
        raise ModelError(f"unknown network '{architecture}': known are {', '.join(NETWORKS)}")
    module, function = NETWORKS[architecture]
    build: Callable[[], EfficientSam] = getattr(import_module(module), function)
    return build()


def load_weights(net: EfficientSam, spec: ModelSpec) -> str:
    """Load a model's verified weights into its network and return their sha256."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    sha256 = verify(spec)
    try:
        net.load_state_dict(load_file(spec.weights))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{spec.weights} does not fit the network {spec.architecture}: {reason}") from error
    return sha256


def find_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    UsageError
        A name that is none, or a device that this machine lacks.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if name not in there:
        raise UsageError(f"--device {name}: allowed are auto, cpu, cuda, mps")
    if not there[name]:
        raise UsageError(f"--device {name}: this machine has none; use --device auto or cpu")
    return torch.device(name)

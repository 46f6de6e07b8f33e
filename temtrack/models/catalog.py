"""What every network needs before it can be used: verified weights in it, and a device to run on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from temtrack.errors import ModelError, UsageError, did_you_mean
from temtrack.models.registry import ModelSpec, verify, weights_of

if TYPE_CHECKING:
    import torch
    from segment_anything.modeling import Sam

    from temtrack.nets.deaot import Deaot
    from temtrack.nets.efficient_sam import EfficientSam
    from temtrack.nets.swin_unet import SwinUNet
    from temtrack.nets.vm_unet import VmUNet
    from temtrack.nets.yolo import YoloSeg

    SegmentingNet: TypeAlias = EfficientSam | SwinUNet | VmUNet | YoloSeg | Sam

#: Networks that segment: the module and the function that build each, imported when it is asked for.
SEGMENTERS = {
    "effsam-tiny": ("temtrack.nets.efficient_sam", "efficient_sam_ti"),
    "swin-unet": ("temtrack.nets.swin_unet", "swin_unet"),
    "swin-unet-base": ("temtrack.nets.swin_unet", "swin_unet_base"),
    "vmamba": ("temtrack.nets.vm_unet", "vm_unet"),
    "vmamba-base": ("temtrack.nets.vm_unet", "vm_unet_base"),
    "yolov8n-seg": ("temtrack.nets.yolo", "yolov8n_seg"),
    "sam-vit-b": ("temtrack.nets.sam", "sam_vit_b"),
    "sam-vit-l": ("temtrack.nets.sam", "sam_vit_l"),
    "sam-vit-h": ("temtrack.nets.sam", "sam_vit_h"),
}

#: Of these, those that learn particles one by one instead of maps.
DETECTORS = ("yolov8n-seg",)

#: And those that are used as they were published.
PUBLISHED_ONLY = ("sam-vit-b", "sam-vit-l", "sam-vit-h")

#: The extra that brings the package which a network's module builds upon.
_EXTRAS = {"temtrack.nets.yolo": "yolo", "temtrack.nets.sam": "sam"}

#: Networks that carry ids from frame to frame, each a variant of DeAOT.
PROPAGATORS = ("deaot-t", "deaot-s", "deaot-b", "deaot-l", "r50-deaot-l")


def build_network(architecture: str) -> torch.nn.Module:
    """Build the network of an architecture, initialised for training from nothing.

    Raises
    ------
    ModelError
        Unknown architecture.
    """
    is_propagator = architecture in PROPAGATORS
    return build_propagator(architecture) if is_propagator else build_segmenter(architecture)


def build_segmenter(architecture: str) -> SegmentingNet:
    """Build a network that segments; `ModelError` for any other, or where its package is missing."""
    if architecture not in SEGMENTERS:
        raise _refusal(architecture, "segments", SEGMENTERS)
    module, function = SEGMENTERS[architecture]
    try:
        build: Callable[[], SegmentingNet] = getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if module not in _EXTRAS:
            raise
        raise ModelError(
            f"'{architecture}' needs the package {error.name}: pip install 'temtrack[{_EXTRAS[module]}]'"
        ) from error
    return build()


def build_propagator(architecture: str) -> Deaot:
    """Build a network that carries ids; `ModelError` for any other."""
    from temtrack.nets.deaot import VARIANTS, Deaot

    if architecture not in PROPAGATORS:
        raise _refusal(architecture, "carries ids", PROPAGATORS)
    return Deaot(VARIANTS[architecture])


def _refusal(architecture: str, purpose: str, fitting: Iterable[str]) -> ModelError:
    known = (*SEGMENTERS, *PROPAGATORS)
    if architecture == "otsu":
        return ModelError("'otsu' is no network: it has no weights, and nothing to train")
    if architecture in known:
        return ModelError(f"'{architecture}' is no network that {purpose}: those are {', '.join(fitting)}")
    hint = did_you_mean(architecture, known)
    return ModelError(f"unknown network '{architecture}': known are {', '.join(known)}.{hint}")


def load_weights(net: torch.nn.Module, spec: ModelSpec) -> str:
    """Load a model's verified weights into its network and return their sha256.

    Raises
    ------
    ModelError
        Weights that are missing, damaged or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from temtrack.nets.classes import take_classes

    sha256 = verify(spec)
    try:
        tensors = load_file(weights_of(spec))
        take_classes(net, tensors)
        net.load_state_dict(tensors)
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

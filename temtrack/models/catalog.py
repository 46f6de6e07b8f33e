"""One table of everything that segments or tracks: how it is built, trained, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any

from temtrack.errors import ModelError, did_you_mean


class Kind(StrEnum):
    """What an architecture gives: maps of particles, particles one by one, ids from frame to frame."""

    segmenter = "segmenter"
    detector = "detector"
    tracker = "tracker"


@dataclass(frozen=True)
class Architecture:
    """A network, or a method without one, and all that the program must know of it.

    Parameters
    ----------
    name, kind
        What it is called, and what it is for.
    family, builder
        Module in `temtrack.nets` and the function in it that builds the network; ``None`` where there is
        none. A family has one adapter in `temtrack.segmentation.adapters`.
    preset
        Settings in `temtrack.training.config` that suit its training; ``None`` where nothing is trained.
    crop_multiple
        Sides of training crops are multiples of this (px), of trackers and one more: their grid of tokens has
        one at either edge. It would mirror any other crop out to these.
    extra
        The extra of temtrack that brings the package which the family builds upon.
    """

    name: str
    kind: Kind
    family: str | None = None
    builder: str | None = None
    preset: str | None = None
    crop_multiple: int = 16
    extra: str | None = None

    @property
    def crop_remainder(self) -> int:
        """What is left of a crop's side beyond its multiple (px)."""
        return int(self.kind is Kind.tracker)

    def build(self) -> Any:
        """Build the network, initialised for training from nothing.

        Raises
        ------
        ModelError
            Where it is no network, or its package is missing.
        """
        if self.builder is None:
            raise ModelError(f"'{self.name}' is no network: it has no weights, and nothing to train")
        try:
            module = import_module(f"temtrack.nets.{self.family}")
        except ModuleNotFoundError as error:
            if self.extra is None:
                raise
            raise ModelError(
                f"'{self.name}' needs the package {error.name}: pip install 'temtrack[{self.extra}]'"
            ) from error
        return getattr(module, self.builder)()


_SEGMENTER, _DETECTOR, _TRACKER = Kind

ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("effsam-tiny", _SEGMENTER, "efficient_sam", "efficient_sam_ti", "efficient_sam"),
        Architecture("swin-unet", _SEGMENTER, "swin_unet", "swin_unet", "swin_unet", 224),
        Architecture("swin-unet-base", _SEGMENTER, "swin_unet", "swin_unet_base", "swin_unet_base", 224),
        Architecture("vmamba", _SEGMENTER, "vm_unet", "vm_unet", "vm_unet", 32),
        Architecture("vmamba-base", _SEGMENTER, "vm_unet", "vm_unet_base", "vm_unet_base", 32),
        Architecture("yolov8n-seg", _DETECTOR, "yolo", "yolov8n_seg", "yolo", 32, extra="yolo"),
        Architecture("fastsam-s", _DETECTOR, "fastsam", "fastsam_s", crop_multiple=32, extra="yolo"),
        Architecture("fastsam-x", _DETECTOR, "fastsam", "fastsam_x", crop_multiple=32, extra="yolo"),
        Architecture("sam-vit-b", _DETECTOR, "sam", "sam_vit_b", extra="sam"),
        Architecture("sam-vit-l", _DETECTOR, "sam", "sam_vit_l", extra="sam"),
        Architecture("sam-vit-h", _DETECTOR, "sam", "sam_vit_h", extra="sam"),
        Architecture("mobile-sam", _DETECTOR, "sam2", "mobile_sam", extra="yolo"),
        *(
            Architecture(f"sam2{minor}-{size}", _DETECTOR, "sam2", f"sam2{part}_{size}", extra="yolo")
            for minor, part in (("", ""), (".1", "_1"))
            for size in "tsbl"
        ),
        Architecture("otsu", _SEGMENTER),
        Architecture("deaot-t", _TRACKER, "deaot.model", "deaot_t", "deaot"),
        Architecture("deaot-s", _TRACKER, "deaot.model", "deaot_s", "deaot"),
        Architecture("deaot-b", _TRACKER, "deaot.model", "deaot_b", "deaot"),
        Architecture("deaot-l", _TRACKER, "deaot.model", "deaot_l", "deaot"),
        Architecture("r50-deaot-l", _TRACKER, "deaot.model", "r50_deaot_l", "deaot"),
        Architecture("overlap", _TRACKER),
        Architecture("trackpy", _TRACKER),
    )
}

#: What has no network: its name alone says which method it is.
PLAIN_METHODS = tuple(each.name for each in ARCHITECTURES.values() if each.builder is None)

#: What finds particles in an image.
SEGMENTING = (Kind.segmenter, Kind.detector)


def kind_of(name: str) -> Kind | None:
    """Return what an architecture is for; ``None`` for a name that is none."""
    return ARCHITECTURES[name].kind if name in ARCHITECTURES else None


def find_architecture(name: str, *kinds: Kind) -> Architecture:
    """Return the architecture of a name, of one of the kinds where some are given.

    Raises
    ------
    ModelError
        Unknown, or of another kind.
    """
    if name not in ARCHITECTURES:
        known = [each for each in ARCHITECTURES if each not in PLAIN_METHODS]
        hint = did_you_mean(name, known)
        raise ModelError(f"unknown network '{name}': known are {', '.join(known)}.{hint}")
    architecture = ARCHITECTURES[name]
    if kinds and architecture.kind not in kinds:
        fitting = [each.name for each in ARCHITECTURES.values() if each.kind in kinds]
        raise ModelError(f"'{name}' is no {' or '.join(kinds)}: those are {', '.join(fitting)}")
    return architecture

"""Every number of a training run, each stated once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from temtrack.errors import UsageError
from temtrack.models.catalog import Kind, find_architecture
from temtrack.models.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    import torch

    from temtrack.models.registry import ModelSpec
    from temtrack.training.history import EpochRow


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `temtrack train`, as they suit the segmenters; `preset` gives those of every model.

    Particle sizes are normalised: each crop is scaled so that its image's typical particle is
    ``min_diameter_px`` to ``max_diameter_px`` wide for the network, drawn log-uniformly.
    ``scale`` instead shows all images at one scale, as they are at 1: for a microscope whose images are all
    of one magnification, where a particle's size and the reach of a blur are told by pixels.
    ``unaugmented_fraction`` of the crops of labelled images are shown as they were taken, and to the pixel
    where their particles are of such a width, so that the outlines of the data at hand are learned exactly;
    the others are degraded.
    ``flattened_fraction`` of the still samples are shown with a flattened background, particles dark, and so
    are all images that are labelled by boxes. Of the simulated samples ``supported_fraction`` are supported
    catalysts, and ``movie_fraction`` frames of movies beside the means of their neighbours; the others are
    scenes.
    A step learns from ``accumulate`` batches, in each of the processes that train together.
    ``freeze_norms_fraction`` of the steps pass before batch normalisation keeps its statistics.

    A propagator learns from clips of ``clip_frames`` frames and is tested on ``test_clip_frames``. They are
    cut from sources of ``source_frames``, of which the newest ``buffer_size`` are kept: a new one comes every
    ``steps_per_source`` steps.
    """

    model: str = DEFAULT_MODEL
    crop_px: int = 256
    batch_size: int = 8
    accumulate: int = 1
    n_steps: int = 3000
    steps_per_epoch: int = 100
    learning_rate: float = 6e-4
    weight_decay: float = 0.05
    warmup_fraction: float = 0.04
    ema_decay: float = 0.998
    clip_norm: float = 1.0
    freeze_norms_fraction: float = 1.0
    n_prompts: int = 1
    prompt_weight: float = 0.25
    min_diameter_px: float = 24.0
    max_diameter_px: float = 110.0
    scale: float | None = None
    unaugmented_fraction: float = 0.5
    flattened_fraction: float = 0.0
    supported_fraction: float = 0.0
    movie_fraction: float = 0.0
    test_fraction: float = 0.08
    n_test_crops: int = 32
    clip_frames: int = 5
    test_clip_frames: int = 8
    source_frames: int = 30
    buffer_size: int = 8
    steps_per_source: int = 3
    patience_epochs: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        architecture = find_architecture(self.model)
        if self.scale is not None and architecture.kind is Kind.tracker:
            raise UsageError(f"--scale is for networks that segment: {self.model} learns from many sizes")
        multiple, remainder = architecture.crop_multiple, architecture.crop_remainder
        if (self.crop_px - remainder) % multiple:
            raise UsageError(
                f"--crop {self.crop_px}: must be a multiple of {multiple}{' and one' * remainder}, "
                f"as {self.crop_px + (remainder - self.crop_px) % multiple}"
            )


_SWIN_UNET = TrainConfig(model="swin-unet", crop_px=224, learning_rate=4e-4, n_prompts=0)
_VM_UNET = TrainConfig(model="vmamba", batch_size=4, n_prompts=0)

#: Settings that suit an architecture where the user gives none, by the names in the catalogue.
PRESETS = {
    "efficient_sam": TrainConfig(),
    "swin_unet": _SWIN_UNET,
    "swin_unet_base": replace(_SWIN_UNET, learning_rate=2e-4),
    "vm_unet": _VM_UNET,
    "vm_unet_base": replace(_VM_UNET, learning_rate=2e-4),
    "yolo": TrainConfig(
        model="yolov8n-seg", learning_rate=1e-3, clip_norm=10.0, n_prompts=0, min_diameter_px=14.0
    ),
    "deaot": TrainConfig(
        model="deaot-t",
        crop_px=257,
        batch_size=2,
        n_steps=6000,
        learning_rate=4e-4,
        clip_norm=5.0,
        freeze_norms_fraction=0.6,
        min_diameter_px=14.0,
        max_diameter_px=76.0,
        n_test_crops=16,
    ),
}


def preset(model: str | None, pretrained: ModelSpec | None = None) -> TrainConfig:
    """Return the settings that suit a network where the user gives none.

    Where no network is named it is that of the weights to start from, or else `DEFAULT_MODEL`.

    Raises
    ------
    UsageError
        A network that is not trained, or another than that of the weights.
    ModelError
        Unknown.
    """
    name = model or (pretrained.architecture if pretrained else DEFAULT_MODEL)
    if pretrained is not None and name != pretrained.architecture:
        raise UsageError(
            f"--model {name}: '{pretrained.name}' has the weights of {pretrained.architecture}; leave "
            f"--model out, or start from weights of {name}"
        )
    architecture = find_architecture(name)
    if architecture.preset is None:
        raise UsageError(f"'{name}' is used as it is; train another, as effsam-tiny")
    return replace(PRESETS[architecture.preset], model=name)


@dataclass(frozen=True)
class TrainingData:
    """Datasets, and the fraction of the samples that each gives; fractions are scaled to sum to 1.

    ``synthetic_fraction`` is that of freshly simulated scenes or movies. ``excluded`` names images, as
    ``<folder>/<stem>``, that must not be read.
    """

    folders: Sequence[tuple[Path, float]] = ()
    synthetic_fraction: float = 0.0
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TrainingRun:
    """What network learns from what, and the folder where its weights, state and log are written.

    It starts from the weights of ``pretrained``; with ``resume`` it goes on with the run in the folder.
    ``command`` is the command line, for the records; ``report`` is called after each epoch, in the main
    process alone.
    """

    data: TrainingData
    config: TrainConfig
    folder: Path
    device: torch.device
    pretrained: ModelSpec | None = None
    resume: bool = False
    command: str = ""
    report: Callable[[EpochRow], None] = lambda row: None

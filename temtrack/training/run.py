"""A training run from folders of images to a folder of weights that `--model` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import torch

from temtrack.errors import InputError, InterruptedRunError, UsageError
from temtrack.formats.store.atomic import remove_leftovers
from temtrack.imaging.intensity import CENTRING_BLUR_PX
from temtrack.models.catalog import (
    DETECTORS,
    PROPAGATORS,
    PUBLISHED_ONLY,
    build_propagator,
    build_segmenter,
    load_weights,
)
from temtrack.models.registry import RUN_FILE, ModelSpec, find_model, write_run_spec
from temtrack.training.centring_blur import fitting_blur
from temtrack.training.config import ClipConfig, TrainConfig
from temtrack.training.data.clip_source import FilmMaker, Shelf, simulated_film
from temtrack.training.data.dataset import (
    LabelledImage,
    Sample,
    Source,
    as_instances,
    image_source,
    least_area,
    mix,
    read_sides,
    scene_source,
)
from temtrack.training.data.stills import still_film
from temtrack.training.detection_task import detecting
from temtrack.training.distributed import find_ranks, joined
from temtrack.training.history import EpochRow
from temtrack.training.loop import train
from temtrack.training.propagation_task import propagating
from temtrack.training.segmentation_task import segmenting

if TYPE_CHECKING:
    from temtrack.nets.yolo import YoloSeg


T = TypeVar("T")
Draw = Callable[[np.random.Generator], T]

#: Of each folder the images to train on, those to test on, and its share of the samples.
Sides = list[tuple[list[LabelledImage], list[LabelledImage], float]]


@dataclass(frozen=True)
class TrainingData:
    """Folders of labelled images with the share of samples each gives, and the share of simulated scenes.

    ``excluded`` names images as ``<folder>/<stem>`` that must not be read.
    """

    folders: Sequence[tuple[Path, float]]
    synthetic_fraction: float
    excluded: frozenset[str] = frozenset()


def run_training(
    data: TrainingData,
    config: TrainConfig,
    folder: Path,
    pretrained: ModelSpec | None,
    device: torch.device,
    command: str,
    report: Callable[[EpochRow], None],
) -> None:
    """Train ``config.model`` into ``folder``, or go on where the run in it stopped.

    ``pretrained`` is the model whose weights the network starts from; ``command`` is kept beside the weights.

    Raises
    ------
    UsageError
        Nothing to train on, or a folder that holds the run of another network.
    InterruptedRunError
        Where the user interrupts it.
    """
    if config.model in PUBLISHED_ONLY:
        raise UsageError(f"'{config.model}' is used as it was published; train another, as effsam-tiny")
    _refuse_other_run(folder, config.model)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with joined(device):
            _train(data, config, folder, pretrained, device, command, report)
    except KeyboardInterrupt as stop:
        raise InterruptedRunError(
            f"{folder}: interrupted; the same command with --resume goes on from the last epoch"
        ) from stop


def _train(
    data: TrainingData,
    config: TrainConfig,
    folder: Path,
    pretrained: ModelSpec | None,
    device: torch.device,
    command: str,
    report: Callable[[EpochRow], None],
) -> None:
    if find_ranks().leads:
        remove_leftovers(folder)
    torch.manual_seed(config.seed)
    sides = _read_folders(data, config)
    if config.model in PROPAGATORS:
        propagator = build_propagator(config.model)
        clips = ClipConfig()
        task = propagating(*_shelves(data, sides, config, clips), config, clips)
        _start(propagator, pretrained, config, folder, command)
        train(propagator, task, config, folder, device, report)
    else:
        segmenter = build_segmenter(config.model)
        sight = _own_sight(sides, config)
        sources = _sources(data, sides, config, sight.get("centring_blur_px", CENTRING_BLUR_PX))
        _start(segmenter, pretrained, config, folder, command, sight)
        if config.model in DETECTORS:
            detector = cast("YoloSeg", segmenter)
            train(detector, detecting(*sources, config), config, folder, device, report)
        else:
            train(segmenter, segmenting(*sources, config), config, folder, device, report)


def read_excluded(path: Path) -> frozenset[str]:
    """Read names ``<folder>/<stem>``, one a line; lines that begin with # are comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the list {path}: needs text with one <folder>/<stem> a line"
        ) from error
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _refuse_other_run(folder: Path, model: str) -> None:
    """Refuse to go on with the run of another network, before anything of it is overwritten."""
    there = find_model(str(folder)).architecture if (folder / RUN_FILE).exists() else model
    if there != model:
        raise UsageError(
            f"{folder} is a run of {there}, not of {model}: give --model {there} or another folder"
        )


def _start(
    net: torch.nn.Module,
    pretrained: ModelSpec | None,
    config: TrainConfig,
    folder: Path,
    command: str,
    sight: Mapping[str, float] | None = None,
) -> None:
    """Give the network its first weights, and make the folder a model."""
    if pretrained is not None:
        load_weights(net, pretrained)
    if find_ranks().leads:
        write_run_spec(folder, config.model, command, sight)


def _own_sight(sides: Sides, config: TrainConfig) -> dict[str, float]:
    """Return scale, least area and level's blur of a model trained for images of one magnification."""
    if config.scale is None:
        return {}
    images = [image for own, _, _ in sides for image in own]
    return {
        "scale": config.scale,
        "min_area_px": least_area(images),
        "centring_blur_px": fitting_blur(images),
    }


def _shelves(data: TrainingData, sides: Sides, config: TrainConfig, clips: ClipConfig) -> tuple[Shelf, Shelf]:
    """Return the footage to train on and that to test on, in the same shares."""
    diameters_px = config.min_diameter_px, config.max_diameter_px

    def stills(images: list[LabelledImage]) -> FilmMaker:
        return still_film(images, config.crop_px, diameters_px, clips)

    training, test = _mixed(data, sides, stills, simulated_film(config.crop_px, diameters_px, clips))
    return Shelf(training, clips, (config.seed, 1)), Shelf(test, clips, (config.seed, 2))


def _sources(
    data: TrainingData, sides: Sides, config: TrainConfig, centring_blur_px: float
) -> tuple[Source, list[Sample]]:
    """Return the source of training samples and fixed test samples in the same shares."""

    def of_images(images: list[LabelledImage]) -> Source:
        return image_source(images, config, centring_blur_px)

    training, test = _mixed(data, sides, of_images, scene_source(config, centring_blur_px))
    test_rng = np.random.default_rng([config.seed, 2**31])
    return training, [test(test_rng) for _ in range(config.n_test_crops)]


def _mixed(
    data: TrainingData,
    sides: Sides,
    of_images: Callable[[list[LabelledImage]], Draw[T]],
    simulated: Draw[T],
) -> tuple[Draw[T], Draw[T]]:
    """Return what draws from all sources to train on, and from those to test on, in the same shares."""
    training: list[tuple[Draw[T], float]] = []
    test: list[tuple[Draw[T], float]] = []
    for own, held_out, share in sides:
        training.append((of_images(own), share))
        test.append((of_images(held_out), share))
    if data.synthetic_fraction > 0:
        training.append((simulated, data.synthetic_fraction))
        test.append((simulated, data.synthetic_fraction))
    if not training:
        raise UsageError(
            "nothing to train on: name folders with images/ and masks/, or give --synthetic a fraction"
        )
    return mix(training), mix(test)


def _read_folders(data: TrainingData, config: TrainConfig) -> Sides:
    """Read the folders' images.

    Where nothing tells particles that touch from each other, each connected part is taken for one.
    """
    rng = np.random.default_rng(config.seed)
    sides = []
    for folder, share in data.folders:
        training, test = read_sides(folder, data.excluded, config.test_fraction, rng)
        sides.append((training, test or training, share))
    if data.synthetic_fraction or not all(image.semantic for own, test, _ in sides for image in own + test):
        return sides
    return [(as_instances(own), as_instances(test), share) for own, test, share in sides]

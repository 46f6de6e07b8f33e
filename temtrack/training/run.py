"""A training run from folders of images to a folder of weights that `--model` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from temtrack.errors import InputError, UsageError
from temtrack.registry import ModelSpec, write_run_spec
from temtrack.segmentation.load import build_network, load_weights
from temtrack.training.config import TrainConfig
from temtrack.training.dataset import Sample, Source, image_source, mix, read_folder, scene_source, split
from temtrack.training.history import EpochRow
from temtrack.training.loop import train


@dataclass(frozen=True)
class TrainingData:
    """Folders of labelled images with the share of samples each gives, and the share of simulated scenes.

    ``excluded`` names images as ``<folder>/<stem>`` that must not be read.
    """

    folders: Sequence[tuple[Path, float]]
    simulated_share: float
    excluded: frozenset[str] = frozenset()


def run_training(
    data: TrainingData,
    config: TrainConfig,
    folder: Path,
    init: ModelSpec | None,
    device: torch.device,
    command: str,
    report: Callable[[EpochRow], None],
) -> None:
    """Train ``config.model`` into ``folder``, or go on where the run in it stopped.

    ``init`` names a model whose weights the network starts from; ``command`` is kept beside the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    draw, test_samples = _sources(data, config, rng)
    net = build_network(config.model)
    if init is not None:
        load_weights(net, init)
    write_run_spec(folder, config.model, command)
    train(net, draw, test_samples, config, folder, device, report)


def read_excluded(path: Path) -> frozenset[str]:
    """Read names ``<folder>/<stem>``, one a line; lines that begin with # are comments."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the list {path}: needs text with one <folder>/<stem> a line"
        ) from error
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _sources(
    data: TrainingData, config: TrainConfig, rng: np.random.Generator
) -> tuple[Source, list[Sample]]:
    """Return the source of training samples and fixed test samples in the same shares."""
    train_sources: list[tuple[Source, float]] = []
    test_sources: list[tuple[Source, float]] = []
    for folder, share in data.folders:
        images = read_folder(folder, data.excluded)
        training, test = split(images, config.test_fraction, rng)
        train_sources.append((image_source(training, config), share))
        test_sources.append((image_source(test or training, config), share))
    if data.simulated_share > 0:
        scenes = scene_source(config)
        train_sources.append((scenes, data.simulated_share))
        test_sources.append((scenes, data.simulated_share))
    if not train_sources:
        raise UsageError(
            "nothing to train on: name folders with images/ and masks/, or give --simulated a share"
        )
    draw_test, test_rng = mix(test_sources), np.random.default_rng([config.seed, 2**31])
    return mix(train_sources), [draw_test(test_rng) for _ in range(config.n_test_crops)]

"""A training run from folders of images to a folder of weights that `--model` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from pydantic import TypeAdapter

from temtrack.datasets.labelled import LabelledImage, as_instances, least_area, read_sides
from temtrack.errors import InterruptedRunError, OutputError, UsageError
from temtrack.formats.fingerprint import fingerprint_folder
from temtrack.formats.store.atomic import check_output_folder, locked, remove_leftovers
from temtrack.formats.store.run import write_run
from temtrack.imaging.intensity import CENTRING_BLUR_PX
from temtrack.models.catalog import Kind, find_architecture
from temtrack.models.checkpoints import load_weights
from temtrack.models.registry import RUN_FILE, find_model, verify, write_run_spec
from temtrack.nets.device import find_device
from temtrack.provenance import Provenance, Source
from temtrack.segmentation.sight import SURE
from temtrack.training.centring_blur import fitting_blur
from temtrack.training.config import TrainConfig, TrainingData, TrainingRun
from temtrack.training.data.animated_images import animated_clips
from temtrack.training.data.clip_source import synthetic_clips
from temtrack.training.data.movie_frames import movie_frame_source
from temtrack.training.data.samples import Draw, image_source, mix, scene_source, supported_source
from temtrack.training.detection_task import DetectionTask
from temtrack.training.distributed import is_main_process, process_group
from temtrack.training.history import EpochRow, read_rows
from temtrack.training.loop import train
from temtrack.training.propagation_task import PropagationTask
from temtrack.training.segmentation_task import SegmentationTask
from temtrack.training.task import AnyTask

T = TypeVar("T")


@dataclass(frozen=True)
class Folder:
    """Images of a dataset to train on and to test on, and the fraction of the samples that it gives."""

    train: list[LabelledImage]
    test: list[LabelledImage]
    fraction: float


def run_training(run: TrainingRun) -> list[EpochRow]:
    """Train a network into the run's folder, or go on where the run in it stopped; return the log.

    Of several processes only the main one writes and returns rows.

    Raises
    ------
    UsageError
        Nothing to train on, or a folder that holds the run of another network.
    OutputError
        A folder that cannot be written to, or that holds a run without ``run.resume``.
    InterruptedRunError
        Where the user interrupts it.
    """
    with _claimed(run) if is_main_process() else nullcontext():
        try:
            with process_group(run.device):
                _train(run)
        except KeyboardInterrupt as stop:
            raise InterruptedRunError(
                f"{run.folder}: interrupted; the same command with --resume goes on from the last epoch"
            ) from stop
        return read_rows(run.folder) if is_main_process() else []


@contextmanager
def _claimed(run: TrainingRun) -> Iterator[None]:
    """Hold the run's folder, where none of another network is in it and none that should not go on."""
    is_run = (run.folder / RUN_FILE).exists()
    if is_run and not run.resume:
        raise OutputError(
            f"{run.folder}: holds a run already; give --resume to go on with it, or another folder"
        )
    there = find_model(str(run.folder)).architecture if is_run else run.config.model
    if there != run.config.model:
        raise UsageError(
            f"{run.folder} is a run of {there}, not of {run.config.model}: give --model {there} or another "
            "folder"
        )
    check_output_folder(run.folder, force=run.resume)
    with locked(run.folder):
        remove_leftovers(run.folder)
        yield


def _train(run: TrainingRun) -> None:
    config = run.config
    torch.manual_seed(config.seed)
    folders = _read_folders(run)
    architecture = find_architecture(config.model)
    net = architecture.build()
    own = _own_settings(folders, config)
    task: AnyTask
    if architecture.kind is Kind.tracker:
        clips = _mixed(run, folders, partial(animated_clips, config=config), synthetic_clips(config))
        task = PropagationTask(*clips, config)
    else:
        blur_px = own.get("centring_blur_px", CENTRING_BLUR_PX)
        cropped = partial(image_source, config=config, centring_blur_px=blur_px)
        samples = _mixed(run, folders, cropped, simulated_source(config, blur_px))
        kind = DetectionTask if architecture.kind is Kind.detector else SegmentationTask
        task = kind(*samples, config)
    if run.pretrained is not None:
        load_weights(net, run.pretrained)
    if is_main_process():
        write_records(run, own)
    train(net, task, run)


def write_records(run: TrainingRun, own: Mapping[str, float]) -> None:
    """Write ``model.toml``, which makes the folder a model, and ``run.json``: what was trained on what.

    ``own`` is what the model states of itself.
    """
    write_run_spec(run.folder, run.config.model, run.command, own)
    data, pretrained = run.data, run.pretrained
    sources = {
        f"data{i}": Source(str(path), fingerprint_folder(path)) for i, (path, _) in enumerate(data.folders)
    }
    models = {} if pretrained is None else {"pretrained": Source(pretrained.name, verify(pretrained))}
    options = {
        "fractions": [fraction for _, fraction in data.folders],
        "synthetic_fraction": data.synthetic_fraction,
        "excluded": sorted(data.excluded),
        "config": asdict(run.config),
    }
    write_run(run.folder, Provenance("train", run.command, sources, models, options))


def training_run_of(record: Provenance, folder: Path, device: str) -> TrainingRun:
    """Return the training run that a record tells of, into another folder.

    Raises
    ------
    ValueError
        Where the record is damaged.
    """
    options, pretrained = record.options, record.models.get("pretrained")
    paths = [Path(source.name) for source in record.inputs.values()]
    data = TrainingData(
        list(zip(paths, options["fractions"], strict=True)),
        options["synthetic_fraction"],
        frozenset(options["excluded"]),
    )
    return TrainingRun(
        data,
        TypeAdapter(TrainConfig).validate_python(options["config"]),
        folder,
        find_device(device),
        None if pretrained is None else find_model(pretrained.name),
        command=record.command,
    )


def _read_folders(run: TrainingRun) -> list[Folder]:
    """Read the folders' images.

    Where nothing tells particles that touch from each other, each connected part is taken for one.
    """
    rng = np.random.default_rng(run.config.seed)
    folders = []
    for path, fraction in run.data.folders:
        training, test = read_sides(path, run.data.excluded, run.config.test_fraction, rng)
        folders.append(Folder(training, test or training, fraction))
    images = [image for folder in folders for image in folder.train + folder.test]
    if run.data.synthetic_fraction or not all(image.semantic for image in images):
        return folders
    return [Folder(as_instances(one.train), as_instances(one.test), one.fraction) for one in folders]


def _own_settings(folders: Sequence[Folder], config: TrainConfig) -> dict[str, float]:
    """Return what a model states of itself: how sure it need be, if it knows flattened backgrounds.

    One that is trained for images of one magnification states its scale, least area and centring blur.
    """
    if config.scale is None:
        return {"sure_confidence": SURE} if config.flattened_fraction else {}
    images = [image for folder in folders for image in folder.train]
    return {
        "scale": config.scale,
        "min_area_px": least_area(images),
        "centring_blur_px": fitting_blur(images),
    }


def simulated_source(config: TrainConfig, blur_px: float) -> Draw[LabelledImage]:
    """Return what draws simulated samples: scenes, supported catalysts and frames of movies."""
    supported, movies = config.supported_fraction, config.movie_fraction
    scenes = scene_source(config, blur_px)
    if supported == movies == 0:
        return scenes
    rest = [(supported_source(config, blur_px), supported), (movie_frame_source(config, blur_px), movies)]
    return mix([(scenes, 1 - supported - movies), *rest])


def _mixed(
    run: TrainingRun,
    folders: Sequence[Folder],
    of_images: Callable[[list[LabelledImage]], Draw[T]],
    synthetic: Draw[T],
) -> tuple[Draw[T], Draw[T]]:
    """Return what draws from all sources to train on, and from those to test on, at the same fractions."""
    training = [(of_images(folder.train), folder.fraction) for folder in folders]
    test = [(of_images(folder.test), folder.fraction) for folder in folders]
    simulated = [(synthetic, run.data.synthetic_fraction)] if run.data.synthetic_fraction > 0 else []
    return mix(training + simulated), mix(test + simulated)

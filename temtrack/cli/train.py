"""`temtrack train`: from labelled images and simulated scenes to weights."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from temtrack.cli import options, output
from temtrack.errors import UsageError
from temtrack.training.config import TrainConfig, TrainingData, TrainingRun, preset

if TYPE_CHECKING:
    from temtrack.training.history import EpochRow

PRESET = "By default what suits the model."


def train(
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DIR[=FRACTION]]...",
            help="Folders with images/ and masks/ of equal names, or with train/ and test/ as temtrack slice "
            "writes them, and each one's fraction of the samples.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the run.")] = Path(
        "runs/train"
    ),
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help=f"The network to train. By default that of --pretrained, else {options.DEFAULT_MODEL}.",
        ),
    ] = None,
    synthetic: Annotated[
        float,
        typer.Option("--synthetic", min=0, metavar="FRACTION", help="Fraction of freshly simulated samples."),
    ] = TrainingData.synthetic_fraction,
    exclude: Annotated[
        Path | None,
        typer.Option("--exclude", metavar="FILE", help="List of <folder>/<stem> that must not be read."),
    ] = None,
    pretrained: Annotated[
        str | None, typer.Option("--pretrained", metavar="MODEL", help="Start from this model's weights.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in DIR stopped.")] = False,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help=f"Optimizer steps. {PRESET}")] = None,
    crop: Annotated[
        int | None, typer.Option("--crop", min=32, metavar="PX", help=f"Side of a sample. {PRESET}")
    ] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help=f"Samples a step. {PRESET}")] = None,
    accumulate: Annotated[
        int,
        typer.Option("--accumulate", min=1, metavar="N", help="Batches a step, where memory holds but one."),
    ] = TrainConfig.accumulate,
    lr: Annotated[float | None, typer.Option("--lr", min=0, help=f"Highest learning rate. {PRESET}")] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            "--scale",
            min=0.1,
            max=10,
            metavar="FACTOR",
            help="Show all images at this scale, 1 as they are, 2 twice as large, for finer outlines: for a "
            "microscope whose images are all of one magnification; segment then does the same. By default "
            "particles are brought to many sizes.",
        ),
    ] = None,
    unaugmented: Annotated[
        float | None,
        typer.Option(
            "--unaugmented",
            min=0,
            max=1,
            metavar="FRACTION",
            help=f"Fraction of the labelled samples shown as they were taken, others degraded. {PRESET}",
        ),
    ] = None,
    patience: Annotated[
        int, typer.Option("--patience", min=0, help="Stop after so many epochs without gain; 0 never.")
    ] = TrainConfig.patience_epochs,
    device: options.Device = options.DeviceName.auto,
    seed: options.Seed = TrainConfig.seed,
    as_json: options.Json = False,
) -> None:
    """Train a network on labelled images, simulated ones, or both at given fractions.

    Segmenters (effsam-tiny, swin-unet, vmamba, yolov8n-seg, and the full sizes
    swin-unet-base and vmamba-base) learn from single images, propagators
    (deaot-...) from clips: of simulated movies, and of labelled images set in
    motion. Several GPUs: torchrun --nproc-per-node 2 --no-python temtrack train.

    The run's folder holds best and last weights, log.csv and curves.png, and
    serves as a model: temtrack segment img.tif --model runs/train. To set runs beside
    each other: temtrack compare runs/*.
    """
    from temtrack.datasets.labelled import read_excluded
    from temtrack.models.registry import find_model
    from temtrack.nets.device import find_device
    from temtrack.training.run import run_training

    start = None if pretrained is None else find_model(pretrained)
    given: dict[str, Any] = {
        "n_steps": steps,
        "crop_px": crop,
        "batch_size": batch,
        "accumulate": accumulate,
        "learning_rate": lr,
        "scale": scale,
        "unaugmented_fraction": unaugmented,
        "patience_epochs": patience,
        "seed": seed,
    }
    config = replace(preset(model, start), **{name: to for name, to in given.items() if to is not None})
    excluded = frozenset[str]() if exclude is None else read_excluded(exclude)
    data = TrainingData([_folder(text) for text in folders or []], synthetic, excluded)
    command = output.command_line()
    run = TrainingRun(data, config, out, find_device(device), start, resume, command, _tell)
    if rows := run_training(run):
        output.show_rows([{"run": str(out), **asdict(rows[-1])}], as_json=as_json)


def _folder(text: str) -> tuple[Path, float]:
    """Read ``DIR`` or ``DIR=FRACTION``."""
    name, equals, fraction = text.rpartition("=")
    if not equals:
        return Path(text), 1.0
    try:
        return Path(name), float(fraction)
    except ValueError:
        raise UsageError(f"{text}: the fraction {fraction!r} is no number; give DIR=0.5, say") from None


def _tell(row: EpochRow) -> None:
    output.tell(
        f"epoch {row.epoch}: loss {row.train_loss:.4f} (test {row.test_loss:.4f}), "
        f"IoU {row.train_iou:.4f} (test {row.test_iou:.4f}), {row.seconds:.0f} s"
    )

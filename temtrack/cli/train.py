"""`temtrack train`: from labelled images and simulated scenes to weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from temtrack.cli import output
from temtrack.cli.command_line import command_line
from temtrack.cli.options import Device, command
from temtrack.errors import UsageError
from temtrack.models.registry import DEFAULT_MODEL
from temtrack.training.config import TrainConfig, TrainingData, TrainingRun, preset

if TYPE_CHECKING:
    from temtrack.training.history import EpochRow

PRESET = "By default what suits the model."


@dataclass(frozen=True)
class Settings:
    """What a user may set of a `TrainConfig`; ``None`` is what suits the model."""

    n_steps: int | None = None
    crop_px: int | None = None
    batch_size: int | None = None
    accumulate: int = TrainConfig.accumulate
    learning_rate: float | None = None
    scale: float | None = None
    unaugmented_fraction: float | None = None
    patience_epochs: int = TrainConfig.patience_epochs
    seed: int = TrainConfig.seed


@command(
    folders=typer.Argument(
        metavar="[DIR[=FRACTION]]...",
        help="Folders with images/ and masks/ of equal names, or with train/ and test/ as temtrack slice "
        "writes them, and each one's fraction of the samples.",
    ),
    out=typer.Option("--output", "-o", metavar="DIR", help="Folder of the run."),
    model=typer.Option(
        "--model", help=f"The network to train. By default that of --pretrained, else {DEFAULT_MODEL}."
    ),
    synthetic=typer.Option(
        "--synthetic",
        min=0,
        metavar="FRACTION",
        help="Fraction of freshly simulated samples; a folder without one has 1; all are scaled to sum to 1.",
    ),
    recipe=typer.Option(
        "--recipe",
        metavar="NAME",
        help="Train by the recipe of that network on folders emps, paper and, for effsam-tiny, haadf: with "
        "its fractions and settings where none are given.",
    ),
    corrections=typer.Option(
        "--corrections",
        metavar="MASKS",
        help="Learn from a reviewed run: the frames whose outlines were corrected, or that were said to be "
        "right, become labelled images in DIR_labels/; repeatable.",
    ),
    exclude=typer.Option("--exclude", metavar="FILE", help="List of <folder>/<stem> that must not be read."),
    pretrained=typer.Option("--pretrained", metavar="MODEL", help="Start from this model's weights."),
    resume=typer.Option("--resume", help="Go on where the run in DIR stopped."),
    n_steps=typer.Option("--steps", min=1, help=f"Optimizer steps. {PRESET}"),
    crop_px=typer.Option("--crop", min=32, metavar="PX", help=f"Side of a sample. {PRESET}"),
    batch_size=typer.Option("--batch", min=1, help=f"Samples a step. {PRESET}"),
    accumulate=typer.Option(
        "--accumulate", min=1, metavar="N", help="Batches a step, where memory holds but one."
    ),
    learning_rate=typer.Option("--lr", min=0, help=f"Highest learning rate. {PRESET}"),
    scale=typer.Option(
        "--scale",
        min=0.1,
        max=10,
        metavar="FACTOR",
        help="Show all images at this scale, 1 as they are, 2 twice as large, for finer outlines: for a "
        "microscope whose images are all of one magnification; segment then does the same. By default "
        "particles are brought to many sizes.",
    ),
    unaugmented_fraction=typer.Option(
        "--unaugmented",
        min=0,
        max=1,
        metavar="FRACTION",
        help=f"Fraction of the labelled samples shown as they were taken, others degraded. {PRESET}",
    ),
    patience_epochs=typer.Option(
        "--patience", min=0, help="Stop after so many epochs without gain; 0 never."
    ),
)
def train(
    settings: Settings,
    folders: list[str] | None = None,
    out: Path = Path("runs/train"),
    model: str | None = None,
    recipe: str | None = None,
    synthetic: float | None = None,
    corrections: list[Path] | None = None,
    exclude: Path | None = None,
    pretrained: str | None = None,
    resume: bool = False,
    device: Device = "auto",
    rows_as_json: bool = False,
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
    from temtrack.training.recipes import find_recipe
    from temtrack.training.run import run_training

    plan = None if recipe is None else find_recipe(recipe)
    start = None if pretrained is None else find_model(pretrained)
    config = preset(model or (None if plan is None else plan.model), start)
    sources = [_folder(text) for text in folders or []]
    if plan is not None:
        config = plan.configure(config, from_weights=start is not None)
        sources = plan.complete(sources)
        synthetic = plan.synthetic_fraction if synthetic is None else synthetic
    sources += [(_labels_of(masks, out, resume), None) for masks in corrections or []]
    given = {name: value for name, value in asdict(settings).items() if value is not None}
    config = replace(config, **given)
    excluded = frozenset[str]() if exclude is None else read_excluded(exclude)
    fractions = [(path, 1.0 if fraction is None else fraction) for path, fraction in sources]
    data = TrainingData(fractions, synthetic or TrainingData.synthetic_fraction, excluded)
    run = TrainingRun(data, config, out, find_device(device), start, resume, command_line(), _tell)
    if rows := run_training(run):
        output.show_rows([{"run": str(out), **asdict(rows[-1])}], as_json=rows_as_json)


def _labels_of(masks: Path, out: Path, is_there: bool) -> Path:
    """Return the folder of labelled images that corrections of a run make; a resumed run has it already."""
    from temtrack.pipeline.labels import write_labels

    folder = out.parent / f"{out.name}_labels" / masks.resolve().name
    if not (is_there and folder.is_dir()):
        frames = write_labels(masks, folder, output.with_progress)
        output.tell(f"{masks}: learns from {len(frames)} frames that were looked at, in {folder}")
    return folder


def _folder(text: str) -> tuple[Path, float | None]:
    """Read ``DIR`` or ``DIR=FRACTION``."""
    name, equals, fraction = text.rpartition("=")
    if not equals:
        return Path(text), None
    try:
        return Path(name), float(fraction)
    except ValueError:
        raise UsageError(f"{text}: the fraction {fraction!r} is no number; give DIR=0.5, say") from None


def _tell(row: EpochRow) -> None:
    output.tell(
        f"epoch {row.epoch}: loss {row.train_loss:.4f} (test {row.test_loss:.4f}), "
        f"IoU {row.train_iou:.4f} (test {row.test_iou:.4f}), {row.seconds:.0f} s"
    )

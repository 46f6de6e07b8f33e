"""`temtrack train`: from labelled images and simulated scenes to weights."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temtrack import __version__
from temtrack.cli import options, output
from temtrack.errors import OutputError, UsageError

if TYPE_CHECKING:
    from temtrack.models.registry import ModelSpec
    from temtrack.training.config import TrainConfig
    from temtrack.training.history import EpochRow
    from temtrack.training.run import TrainingData

DEFAULT_RUN = Path("runs/train")
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
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the run, by default runs/train."),
    ] = None,
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
    ] = 0.0,
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
    ] = 1,
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
    ] = 0,
    device: options.Device = options.DeviceName.auto,
    seed: options.Seed = 0,
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
    from temtrack.formats.store.atomic import check_output_folder
    from temtrack.formats.store.lock import locked
    from temtrack.formats.store.provenance import write_run
    from temtrack.models.catalog import find_device
    from temtrack.models.registry import RUN_FILE, find_model
    from temtrack.training.config import preset
    from temtrack.training.distributed import find_ranks
    from temtrack.training.history import read_rows
    from temtrack.training.run import TrainingData, read_excluded, run_training

    out = out or DEFAULT_RUN
    start = None if pretrained is None else find_model(pretrained)
    suited = preset(_network(model, start))
    config = replace(
        suited,
        n_steps=steps or suited.n_steps,
        crop_px=crop or suited.crop_px,
        batch_size=batch or suited.batch_size,
        accumulate=accumulate,
        learning_rate=suited.learning_rate if lr is None else lr,
        scale=scale,
        unaugmented_fraction=suited.unaugmented_fraction if unaugmented is None else unaugmented,
        patience_epochs=patience,
        seed=seed,
    )
    excluded = frozenset[str]() if exclude is None else read_excluded(exclude)
    data = TrainingData([_folder(text) for text in folders or []], synthetic, excluded)
    command = output.command_line()
    if not find_ranks().leads:
        run_training(data, config, out, start, find_device(device), command, _tell)
        return
    if (out / RUN_FILE).exists() and not resume:
        raise OutputError(f"{out}: holds a run already; give --resume to go on with it, or another folder")
    check_output_folder(out, force=resume)
    with locked(out):
        facts = _facts(command, data, start, config)
        run_training(data, config, out, start, find_device(device), command, _tell)
        write_run(out, facts)
    output.show_rows([{"run": str(out), **asdict(read_rows(out)[-1])}], as_json=as_json)


def _network(model: str | None, start: ModelSpec | None) -> str:
    """Return which network to train: the one that is named, or else that of the weights to start from."""
    if start is None:
        return model or options.DEFAULT_MODEL
    if model not in (None, start.architecture):
        raise UsageError(
            f"--model {model}: '{start.name}' has the weights of {start.architecture}; leave --model out, "
            f"or start from weights of {model}"
        )
    return start.architecture


def _facts(
    command: str, data: TrainingData, pretrained: ModelSpec | None, config: TrainConfig
) -> dict[str, object]:
    """Return what is trained on what."""
    from temtrack.formats.store.fingerprint import fingerprint_folder
    from temtrack.models.registry import verify

    return {
        "temtrack_version": __version__,
        "command": command,
        "data_sha256": {str(folder): fingerprint_folder(folder) for folder, _ in data.folders},
        "synthetic_fraction": data.synthetic_fraction,
        "pretrained": pretrained and pretrained.name,
        "pretrained_sha256": pretrained and verify(pretrained),
        "parameters": asdict(config),
    }


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

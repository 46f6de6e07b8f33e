"""The log of a training run: one row an epoch in ``log.csv``, and its curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from temtrack.errors import TrainingError
from temtrack.formats.store.atomic import whole_file

#: What curves show, as it stands in the log's columns and above the curves.
TITLES = {"loss": "loss", "iou": "IoU", "dice": "Dice"}


@dataclass(frozen=True)
class EpochRow:
    """Loss, IoU and Dice of an epoch on training and test samples, and its duration in seconds."""

    epoch: int
    train_loss: float
    test_loss: float
    train_iou: float
    test_iou: float
    train_dice: float
    test_dice: float
    seconds: float


def read_rows(folder: Path) -> list[EpochRow]:
    """Read ``folder/log.csv``; empty where there is none.

    Raises
    ------
    TrainingError
        If it is damaged.
    """
    path = folder / "log.csv"
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                EpochRow(int(row.pop("epoch")), *map(float, row.values())) for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise TrainingError(f"{path}: is damaged ({error}); start anew in another folder") from error


def write_rows(folder: Path, rows: Sequence[EpochRow]) -> None:
    """Write ``folder/log.csv`` and ``folder/curves.png`` anew with all rows."""
    with whole_file(folder / "log.csv") as path, path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(EpochRow)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    with whole_file(folder / "curves.png") as path:
        _draw_curves(path, rows)


def _draw_curves(path: Path, rows: Sequence[EpochRow]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    epochs = [row.epoch for row in rows]
    for axes, (measure, title) in zip(figure.subplots(1, 3), TITLES.items(), strict=True):
        for part, style in (("train", "-"), ("test", "--")):
            axes.plot(epochs, [getattr(row, f"{part}_{measure}") for row in rows], style, label=part)
        axes.set_xlabel("epoch")
        axes.set_title(title)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110, format="png")

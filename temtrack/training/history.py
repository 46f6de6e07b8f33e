"""The log of a training run: one row an epoch in ``log.csv``, and its curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from temtrack.errors import TrainingError
from temtrack.formats.store.atomic import whole_file


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


def best_row(rows: Sequence[EpochRow]) -> EpochRow:
    """Return the epoch of the lowest test loss, whose weights are the run's."""
    return min(rows, key=lambda row: row.test_loss)


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
    draw_curves([folder / "curves.png"], [(folder.name, rows)])


def draw_curves(paths: Sequence[Path], runs: Sequence[tuple[str, Sequence[EpochRow]]]) -> None:
    """Draw loss, IoU and Dice of named runs, dashed on test samples, into pictures (png or svg)."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 3), ("loss", "iou", "dice"), strict=True):
        for i, (name, rows) in enumerate(runs):
            epochs, best = [row.epoch for row in rows], best_row(rows)
            for part, style in (("train", "-"), ("test", "--")):
                values = [getattr(row, f"{part}_{measure}") for row in rows]
                axes.plot(epochs, values, style, color=f"C{i}", label=name if part == "train" else None)
            axes.plot(best.epoch, getattr(best, f"test_{measure}"), "o", color=f"C{i}")
        axes.set(xlabel="epoch", title={"loss": "loss", "iou": "IoU", "dice": "Dice"}[measure])
        axes.grid(alpha=0.3)
    axes.legend(frameon=False, title="dashed: test, dot: best epoch")
    for path in paths:
        with whole_file(path) as whole, rc_context({"svg.hashsalt": "temtrack"}):
            facts = {"Date": None} if path.suffix == ".svg" else None  # the same numbers give the same bytes
            figure.savefig(whole, dpi=110, format=path.suffix[1:], metadata=facts)

"""Several training runs beside each other: their curves in one picture, their best epochs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import InputError
from temtrack.models.registry import find_model
from temtrack.training.history import EpochRow, best_row, draw_curves, read_rows


@dataclass(frozen=True)
class Run:
    """A training run's folder, the network that it trains, and its log."""

    folder: Path
    network: str
    rows: Sequence[EpochRow]


def read_run(folder: Path) -> Run:
    """Read a training run.

    Raises
    ------
    InputError
        Where the folder is none, or not one epoch of it is done.
    """
    if not (folder / "log.csv").is_file():
        raise InputError(f"{folder}: is no training run with an epoch done; needs its log.csv")
    rows = read_rows(folder)
    if not rows:
        raise InputError(f"{folder}: its log.csv tells of no epoch; let it train on")
    return Run(folder, find_model(str(folder)).architecture, rows)


def tabulate(run: Run) -> dict[str, object]:
    """Return a run's network, and how its best epoch scored."""
    best = best_row(run.rows)
    return {
        "run": str(run.folder),
        "network": run.network,
        "epochs": len(run.rows),
        "best_epoch": best.epoch,
        "train_loss": best.train_loss,
        "test_loss": best.test_loss,
        "test_iou": best.test_iou,
        "test_dice": best.test_dice,
        "hours": round(sum(row.seconds for row in run.rows) / 3600, 3),
    }


def write_comparison(folder: Path, runs: Sequence[Run]) -> list[Path]:
    """Write ``compare.png`` and ``compare.svg`` with the curves of all runs."""
    paths = [folder / f"compare.{kind}" for kind in ("png", "svg")]
    draw_curves(paths, [(f"{run.folder.name} ({run.network})", run.rows) for run in runs])
    return paths

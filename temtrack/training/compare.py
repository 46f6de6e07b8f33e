"""Several training runs beside each other: their curves in one picture, their best epochs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from temtrack.errors import InputError
from temtrack.formats.store.atomic import whole_file
from temtrack.models.registry import find_model
from temtrack.training.history import TITLES, EpochRow, read_rows


@dataclass(frozen=True)
class Run:
    """A training run's folder, the network that it trains, and its log."""

    folder: Path
    network: str
    rows: Sequence[EpochRow]

    @property
    def best(self) -> EpochRow:
        """The epoch of the lowest test loss, whose weights are the run's."""
        return min(self.rows, key=lambda row: row.test_loss)


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


def tabulate(runs: Sequence[Run]) -> list[dict[str, object]]:
    """Return a row for each run: its network, and how its best epoch scored."""
    return [
        {
            "run": str(run.folder),
            "network": run.network,
            "epochs": len(run.rows),
            "best_epoch": run.best.epoch,
            "train_loss": run.best.train_loss,
            "test_loss": run.best.test_loss,
            "test_iou": run.best.test_iou,
            "test_dice": run.best.test_dice,
            "hours": round(sum(row.seconds for row in run.rows) / 3600, 3),
        }
        for run in runs
    ]


def write_comparison(folder: Path, runs: Sequence[Run]) -> list[Path]:
    """Write ``compare.png`` and ``compare.svg``: loss, IoU and Dice, dashed on the test samples."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    for axes, (measure, title) in zip(figure.subplots(1, 3), TITLES.items(), strict=True):
        for i, run in enumerate(runs):
            epochs = [row.epoch for row in run.rows]
            for part, style in (("train", "-"), ("test", "--")):
                values = [getattr(row, f"{part}_{measure}") for row in run.rows]
                label = f"{run.folder.name} ({run.network})" if part == "train" else None
                axes.plot(epochs, values, style, color=f"C{i}", label=label)
            axes.plot(run.best.epoch, getattr(run.best, f"test_{measure}"), "o", color=f"C{i}")
        axes.set(xlabel="epoch", title=title)
        axes.grid(alpha=0.3)
    axes.legend(frameon=False, title="dashed: test, dot: best epoch")
    paths = [folder / f"compare.{kind}" for kind in ("png", "svg")]
    for path in paths:
        with whole_file(path) as whole, rc_context({"svg.hashsalt": "temtrack"}):
            facts = {"Date": None} if path.suffix == ".svg" else None  # the same numbers give the same bytes
            figure.savefig(whole, dpi=110, format=path.suffix[1:], metadata=facts)
    return paths

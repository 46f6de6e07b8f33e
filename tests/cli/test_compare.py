"""Runs beside each other: the best epoch is that of the lowest test loss, one picture shows all curves."""

import json
import re

import pytest

from temtrack.models.registry import write_run_spec
from temtrack.training.compare import read_run, tabulate
from temtrack.training.history import EpochRow, write_rows

NAN = float("nan")


@pytest.fixture
def runs(tmp_path):
    """Two runs, the first of which was best before its end, and one without a score."""
    losses = {"a": (0.9, 0.4, 0.5), "b": (0.7, 0.6), "unscored": (0.8,)}
    for name, values in losses.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        write_run_spec(folder, "swin-unet" if name == "b" else "effsam-tiny", "temtrack train")
        score = NAN if name == "unscored" else 0.5
        write_rows(
            folder,
            [EpochRow(i, loss / 2, loss, score, score, score, score, 1800) for i, loss in enumerate(values)],
        )
    return tmp_path / "runs"


def test_the_best_epoch_is_that_of_the_lowest_test_loss(runs):
    a, b = (tabulate(read_run(runs / name)) for name in "ab")
    assert (a["epochs"], a["best_epoch"], a["test_loss"], a["train_loss"], a["hours"]) == (
        3,
        1,
        0.4,
        0.2,
        1.5,
    )
    assert (b["network"], b["best_epoch"], b["test_iou"]) == ("swin-unet", 1, 0.5)


def test_one_picture_and_one_table_show_all_runs(run, runs, tmp_path):
    result = run("compare", *sorted(runs.iterdir()), "-o", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["best_epoch"] for row in rows] == [1, 1, 0]
    assert rows[2]["test_iou"] is None
    assert (tmp_path / "out/compare.png").read_bytes()[:4] == b"\x89PNG"
    drawn = (tmp_path / "out/compare.svg").read_text()
    assert len(set(re.findall(r"stroke: #([0-9a-f]{6}); stroke-width: 1.5", drawn))) == 3
    again = run("compare", *sorted(runs.iterdir()), "-o", tmp_path / "out")
    assert again.exit_code == 0
    assert (tmp_path / "out/compare.svg").read_text() == drawn


@pytest.mark.parametrize(
    ("name", "exit_code", "reason"),
    [
        ("nowhere", 1, "is no training run with an epoch done"),
        ("empty", 1, "tells of no epoch"),
        ("damaged", 1, "is damaged"),
        ("nameless", 1, "unknown model"),
        (None, 2, "Missing argument 'RUN...'"),
    ],
)
def test_what_is_no_run_ends_in_one_line(run, runs, tmp_path, name, exit_code, reason):
    header = "epoch,train_loss,test_loss,train_iou,test_iou,train_dice,test_dice,seconds\n"
    for folder, text in (
        ("empty", header),
        ("damaged", header + "1,x,y\n"),
        ("nameless", header + "0" + ",1" * 7),
    ):
        (runs / folder).mkdir()
        (runs / folder / "log.csv").write_text(text)
    result = run("compare", *([] if name is None else [runs / "a", runs / name]), "-o", tmp_path / "out")
    assert result.exit_code == exit_code, result.output
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr
    assert not (tmp_path / "out").exists()

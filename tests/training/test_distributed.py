"""Processes that train together end in the same weights: those of one process that sees all their batches."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import temtrack
from temtrack.datasets.labelled import LabelledImage
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.dense_maps import encode
from temtrack.training.config import TrainConfig, TrainingData, TrainingRun
from temtrack.training.distributed import agree, is_main_process, n_processes, parallel, process_group, rank
from temtrack.training.history import read_rows
from temtrack.training.loop import train
from temtrack.training.segmentation_task import SegmentationTask

CONFIG = TrainConfig(
    crop_px=32, batch_size=2, n_steps=4, steps_per_epoch=2, n_prompts=1, learning_rate=1e-3, n_test_crops=2
)
CPU = torch.device("cpu")


class NormedSam(EfficientSam):
    """The tiny network with batch normalisation before it, whose statistics are each process's own."""

    def __init__(self):
        super().__init__(dim=48, depth=1, n_heads=3, prompt_dim=32)
        self.norm = torch.nn.BatchNorm2d(3)

    def embed(self, images):
        return super().embed(images + 0.01 * self.norm(images))


def draw(rng):
    labels = np.zeros((32, 32), np.int32)
    y, x = rng.integers(2, 16, 2)
    labels[y : y + 12, x : x + 12] = 1
    image = (0.8 - 0.6 * (labels > 0) + rng.normal(0, 0.05, labels.shape)).astype(np.float32)
    assert encode(labels).any()
    return LabelledImage(image, labels)


def run(folder, config):
    """Train the tiny network and keep the weights that this process ended with."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    net = NormedSam()
    with process_group(CPU):
        train(net, SegmentationTask(draw, draw, config), TrainingRun(TrainingData(), config, folder, CPU))
    torch.save(net.state_dict(), folder / f"rank{rank()}.pt")


def run_together(folder, n):
    """Run this file's `run` in ``n`` processes, as torchrun does."""
    paths = os.pathsep.join([str(Path(temtrack.__file__).parents[1]), str(Path(__file__).parents[1])])
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += [f"--nproc-per-node={n}", __file__, folder]
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(n)]


@pytest.mark.slow
def test_two_processes_end_in_the_weights_of_one_with_twice_the_batches(tmp_path):
    first, second = run_together(tmp_path / "two", 2)
    for name, _ in NormedSam().named_parameters():
        assert torch.equal(first[name], second[name]), name
    run(tmp_path / "one", replace(CONFIG, accumulate=2))
    one = torch.load(tmp_path / "one" / "rank0.pt", weights_only=True)
    torch.manual_seed(0)
    moved = []
    for name, started in NormedSam().named_parameters():  # two halves in turn have other statistics
        torch.testing.assert_close(first[name], one[name], rtol=0, atol=2e-4)
        moved.append(float((one[name] - started).detach().abs().max()))
    assert max(moved) > 10 * 2e-4  # by far more than the tolerance
    assert len(read_rows(tmp_path / "two")) == 2
    assert {path.name for path in (tmp_path / "two").iterdir()} == {
        "best.safetensors", "curves.png", "last.safetensors", "log.csv", "state.pt", "rank0.pt", "rank1.pt",
    }  # fmt: skip


def test_one_process_alone_changes_nothing():
    net = torch.nn.Linear(2, 1)
    assert parallel(net) is net
    assert agree(True, CPU)
    assert not agree(False, CPU)


def test_torchrun_says_which_process_this_is(monkeypatch):
    assert (rank(), n_processes(), is_main_process()) == (0, 1, True)
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (rank(), n_processes(), is_main_process()) == (3, 4, False)


if __name__ == "__main__":
    run(Path(sys.argv[1]), CONFIG)

"""YOLO as a particle detector: any number of particles and classes, any shape, foreign checkpoints."""

import numpy as np
import pytest
import torch
from needs import need_module
from typer.testing import CliRunner

from temtrack.cli.app import app
from temtrack.models.catalog import find_architecture
from temtrack.models.import_checkpoint import import_checkpoint
from temtrack.models.registry import new_model_folder
from temtrack.segmentation.segmenter import Segmenter

YoloSeg = need_module("temtrack.nets.yolo").YoloSeg


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "cache"))


def output_of(xy, score, n_classes=1, side=12.0, cells=(40, 48)):
    """What a head in evaluation tells of anchors at xy (N, 2): boxes of one side, one prototype."""
    n = len(xy)
    told = torch.cat(
        [xy.T, torch.full((2, n), side), score.expand(n_classes, n), torch.eye(32)[:, :1].expand(32, n)]
    )
    return (told[None], torch.ones(1, 32, *cells)), {}


def test_the_network_has_the_papers_parameters_and_answers_on_a_quarter_of_any_shape():
    assert sum(p.numel() for p in YoloSeg("yolov8n-seg.yaml", 80).parameters()) == 3_409_968
    net = find_architecture("yolov8n-seg").build()
    assert sum(p.numel() for p in net.parameters()) == 3_263_811
    net.eval()
    with torch.inference_mode():
        (told, prototypes), _ = net(torch.zeros(1, 3, 64, 160))
    assert prototypes.shape == (1, 32, 16, 40)
    assert told.shape == (1, 4 + 1 + 32, (64 * 160) * (1 + 1 / 4 + 1 / 16) / 64)


def test_a_thousand_particles_are_a_thousand_and_one_told_twice_is_one():
    net = find_architecture("yolov8n-seg").build().eval()
    y, x = np.divmod(np.arange(1000), 40)
    xy = torch.from_numpy(np.stack([x, y], 1) * 20.0).float()
    (found,) = net.read(output_of(torch.cat([xy, xy + 0.5]), torch.tensor(0.9)))
    assert len(found.boxes) == len(found.masks) == 1000
    (none,) = net.read(output_of(xy, torch.tensor(0.1)))
    assert len(none.boxes) == 0


def test_training_and_evaluation_tell_the_same():
    torch.manual_seed(0)
    net = find_architecture("yolov8n-seg").build()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # so that the statistics kept are those of the one batch
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        for level in net.model[-1].cv3:
            level[-1].bias.fill_(0.0)  # every anchor is about as sure as not
        net.train().read(net(images))
        (taught,), (told,) = net.read(net(images)), net.eval().read(net(images))
    assert len(taught.boxes) > 5
    assert abs(len(taught.boxes) - len(told.boxes)) <= 0.2 * len(told.boxes)


@pytest.mark.parametrize("how", ["whole", "state_dict"])
def test_a_users_own_weights_of_any_classes_are_added_and_segment(cache, tmp_path, how):
    torch.manual_seed(1)
    theirs = YoloSeg("yolov8n-seg.yaml", 3).half()
    saved = {"model": theirs, "ema": None, "epoch": -1} if how == "whole" else theirs.state_dict()
    torch.save(saved, tmp_path / "best.pt")
    folder = new_model_folder("mine", force=False)
    import_checkpoint(folder, "yolov8n-seg", find_architecture("yolov8n-seg").build(), tmp_path / "best.pt")
    segmenter = Segmenter("mine", "cpu")
    assert segmenter.model.net.model[-1].nc == 3
    mine = segmenter.model.net.state_dict()
    assert all(
        torch.equal(mine[name], tensor.float())
        for name, tensor in theirs.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )
    noise = np.random.default_rng(0).normal(size=(70, 300))
    labels = segmenter.segment(noise, 1.0).labels
    assert (labels.shape, labels.dtype) == ((70, 300), np.int32)


def test_a_checkpoint_of_another_size_is_refused_in_one_line(cache, tmp_path):
    torch.save({"model": YoloSeg("yolov8s-seg.yaml", 1)}, tmp_path / "s.pt")
    result = CliRunner().invoke(
        app, ["models", "import", "yolov8n-seg", str(tmp_path / "s.pt"), "--name", "mine"]
    )
    assert result.exit_code == 1
    assert "is no checkpoint of yolov8n-seg: size mismatch" in result.stderr
    assert result.stderr.count("\n") == 1

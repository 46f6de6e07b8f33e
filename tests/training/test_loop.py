"""Training learns, resumes to the same weights, and stops where the loss is no number."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.draw import disk

from temtrack.datasets.labelled import LabelledImage
from temtrack.errors import TrainingError
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.nets.swin_unet import SwinUNet
from temtrack.nets.vm_unet import VmUNet
from temtrack.training.config import TrainConfig, TrainingData, TrainingRun
from temtrack.training.history import read_rows
from temtrack.training.loop import freeze_norms, learning_rate, parameter_groups, train, update_ema
from temtrack.training.segmentation_task import SegmentationTask

CONFIG = TrainConfig(
    crop_px=32, batch_size=2, n_steps=6, steps_per_epoch=2, n_prompts=1, learning_rate=1e-3, n_test_crops=2
)


def draw(rng):
    labels = np.zeros((32, 32), np.int32)
    labels[disk(rng.uniform(10, 22, 2), 7)] = 1
    image = (0.8 - 0.6 * (labels > 0) + rng.normal(0, 0.05, labels.shape)).astype(np.float32)
    return LabelledImage(image, labels)


def tiny_net():
    torch.manual_seed(0)
    return EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)


def tiny_swin_unet():
    torch.manual_seed(0)
    return SwinUNet(8, (1, 2), (1, 2))


def tiny_vm_unet():
    torch.manual_seed(0)
    return VmUNet(8, (1, 1), (1, 1))


def training_run(folder, config):
    return TrainingRun(TrainingData(), config, folder, torch.device("cpu"))


def run(folder, config, source=draw, build=tiny_net):
    folder.mkdir(exist_ok=True)
    net = build()
    train(net, SegmentationTask(source, draw, config), training_run(folder, config))
    return net


def test_the_loss_falls_and_everything_is_written(tmp_path):
    run(
        tmp_path,
        replace(CONFIG, n_steps=40, steps_per_epoch=10, learning_rate=2e-3),
    )
    rows = read_rows(tmp_path)
    assert len(rows) == 4
    assert rows[-1].train_loss < 0.8 * rows[0].train_loss
    assert {p.name for p in tmp_path.iterdir()} == {
        "best.safetensors", "curves.png", "last.safetensors", "log.csv", "state.pt",
    }  # fmt: skip


@pytest.mark.parametrize("build", [tiny_net, tiny_swin_unet, tiny_vm_unet])
def test_a_resumed_run_ends_in_the_same_weights(tmp_path, build):
    whole = run(tmp_path / "whole", CONFIG, build=build)

    class Stop(Exception):
        pass

    n_drawn = 0

    def breaking(rng):
        nonlocal n_drawn
        n_drawn += 1
        if n_drawn > 2 * CONFIG.batch_size * CONFIG.steps_per_epoch - 1:
            raise Stop
        return draw(rng)

    with pytest.raises(Stop):
        run(tmp_path / "broken", CONFIG, breaking, build)
    resumed = run(tmp_path / "broken", CONFIG, build=build)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert len(read_rows(tmp_path / "broken")) == 3


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(tmp_path):
    def poisoned(rng):
        sample = draw(rng)
        return LabelledImage(sample.image * np.float32("nan"), sample.labels)

    with pytest.raises(TrainingError, match="step 0"):
        run(tmp_path, CONFIG, poisoned)


def test_patience_ends_a_run_that_no_longer_gains(tmp_path):
    run(tmp_path, replace(CONFIG, n_steps=40, learning_rate=0.0, patience_epochs=2))
    assert len(read_rows(tmp_path)) < 20


def test_a_state_of_another_network_is_refused(tmp_path):
    run(tmp_path, CONFIG)
    other = EfficientSam(dim=24, depth=1, n_heads=3, prompt_dim=32)
    with pytest.raises(TrainingError, match=r"does not fit.*start anew in another folder$"):
        train(other, SegmentationTask(draw, draw, CONFIG), training_run(tmp_path, CONFIG))


def test_the_learning_rate_warms_up_and_falls():
    rates = [learning_rate(step, TrainConfig(n_steps=1000, learning_rate=1.0)) for step in range(1000)]
    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(1, abs=0.03)
    assert rates[-1] == pytest.approx(0.01, abs=0.001)


def test_weight_decay_spares_what_it_would_spoil():
    nets = (tiny_net(), tiny_swin_unet(), tiny_vm_unet())
    names = {id(p): name.rpartition(".")[2] for net in nets for name, p in net.named_parameters()}
    groups = [group for net in nets for group in parameter_groups(net, 0.05)]
    decayed, kept = ({names[id(p)] for g in groups[i::2] for p in g["params"]} for i in (0, 1))
    assert [group["weight_decay"] for group in groups] == [0.05, 0.0] * 3
    assert decayed.isdisjoint({"bias", "pos_embed", "relative_position_bias_table", "A_logs", "Ds"})
    assert {"pos_embed", "relative_position_bias_table", "A_logs", "Ds", "dt_projs_bias"} <= kept
    assert {"weight", "x_proj_weight", "dt_projs_weight"} <= decayed


def test_frozen_norms_keep_their_statistics_and_the_average_follows_those_of_live_ones():
    live, frozen = (torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)) for _ in range(2))
    freeze_norms(frozen)
    for net in (live, frozen):
        net(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)) + 5)
    assert torch.equal(frozen[1].running_mean, torch.zeros(2))
    assert frozen[0].training
    assert (live[1].running_mean != 0).all()
    average = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    update_ema(average, live, decay=0.5)
    torch.testing.assert_close(average[1].running_mean, live[1].running_mean / 2)
    assert average[1].num_batches_tracked == 1

"""What a detector is taught: boxes and masks of single particles, through the loop of all networks."""

import numpy as np
import pytest
import torch
from needs import need_module
from skimage.draw import disk

from temtrack.datasets.labelled import LabelledImage
from temtrack.training.config import TrainConfig, TrainingData, TrainingRun
from temtrack.training.detection_task import DetectionTask, collate_particles
from temtrack.training.history import read_rows
from temtrack.training.loop import train


def draw(rng, n_particles=2):
    labels = np.zeros((64, 64), np.int32)
    for i in range(n_particles):
        labels[disk((rng.uniform(12, 52), 16 + 32 * i), 11, shape=labels.shape)] = i + 1
    image = (0.8 - 0.6 * (labels > 0) + rng.normal(0, 0.05, labels.shape)).astype(np.float32)
    return LabelledImage(image, labels)


def draw_some_or_none(rng):
    return draw(rng, int(rng.integers(3)))


def test_boxes_are_the_particles_in_fractions_and_masks_their_numbers():
    labels = np.zeros((64, 64), np.int32)
    labels[8:24, 4:12] = 1
    labels[40:64, 32:64] = 2
    sample, empty = (
        LabelledImage(np.zeros((64, 64), np.float32), labels, False),
        draw(np.random.default_rng(0), 0),
    )
    batch = collate_particles([empty, sample, sample], np.random.default_rng(0))
    assert batch.image_of.tolist() == [1, 1, 2, 2]
    assert (64 * batch.boxes[:2]).tolist() == [[8, 16, 8, 16], [48, 52, 32, 24]]
    fine = batch.masks[1].repeat_interleave(4, 0).repeat_interleave(4, 1)
    assert torch.equal(fine, torch.from_numpy(labels))
    assert not batch.masks[0].any()
    assert batch.images.shape == (3, 3, 64, 64)


def test_a_batch_without_particles_is_one():
    batch = collate_particles([draw(np.random.default_rng(0), 0)], np.random.default_rng(0))
    assert (batch.boxes.shape, batch.image_of.shape) == ((0, 4), (0,))


@pytest.mark.slow
def test_a_detector_learns_and_a_resumed_run_ends_in_the_same_weights(tmp_path):
    need_module("ultralytics")
    from temtrack.models.catalog import find_architecture

    def run(folder, n_steps):
        folder.mkdir(exist_ok=True)
        torch.manual_seed(0)
        net = find_architecture("yolov8n-seg").build()
        # rates that the number of steps does not change
        config = TrainConfig(
            "yolov8n-seg",
            64,
            2,
            1,
            n_steps,
            2,
            1e-3,
            warmup_fraction=0.0,
            n_prompts=0,
            clip_norm=10.0,
            n_test_crops=3,
        )
        train(
            net,
            DetectionTask(draw, draw_some_or_none, config),
            TrainingRun(TrainingData(), config, folder, torch.device("cpu")),
        )
        return net

    whole = run(tmp_path / "whole", 8)
    rows = read_rows(tmp_path / "whole")
    assert rows[-1].train_loss < rows[0].train_loss
    assert all(np.isfinite([row.test_loss for row in rows]))
    again = run(tmp_path / "whole", 8)  # nothing is left to do: it ends in what was saved
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)

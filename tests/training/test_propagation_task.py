"""A propagator learns from clips through the same loop, and goes on after a break as if there was none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.draw import disk

from temtrack.nets.deaot.model import deaot_t
from temtrack.training.config import TrainingData, TrainingRun, preset
from temtrack.training.curriculum import EVALUATION_STEP, HARDEST_FRACTION, draw_curriculum_step
from temtrack.training.data.clip_source import ClipSource
from temtrack.training.history import read_rows
from temtrack.training.loop import train
from temtrack.training.propagation_task import PropagationTask, unroll

CONFIG = replace(
    preset("deaot-t"),
    crop_px=65,
    n_steps=4,
    steps_per_epoch=2,
    n_test_crops=2,
    freeze_norms_fraction=0.5,
    clip_frames=3,
    test_clip_frames=3,
    buffer_size=2,
    source_frames=8,
)


def two_discs(rng):
    """Two discs that wander."""
    start = rng.uniform(20, 60, (2, 2))

    def labels(t):
        out = np.zeros((80, 80), np.int32)
        for i, place in enumerate(start + t):
            out[disk(place, 9, shape=out.shape)] = i + 1
        return out

    return ClipSource(8, lambda t: ((0.8 - 0.6 * (labels(t) > 0)).astype(np.float32), labels(t)), 1.0)


def new_task(kind=PropagationTask):
    return kind(two_discs, two_discs, CONFIG)


@pytest.fixture
def task():
    return new_task()


@pytest.fixture
def net():
    torch.manual_seed(0)
    return deaot_t()


def run(net, task, folder, n_steps):
    folder.mkdir(exist_ok=True)
    config = replace(CONFIG, n_steps=n_steps)
    train(net, task, TrainingRun(TrainingData(), config, folder, torch.device("cpu")))
    return net


def test_a_step_depends_on_seed_and_step_alone(task):
    for _ in range(2):
        task.draw_batch(3, 0)
    a, b = task.draw_batch(2, 0), new_task().draw_batch(2, 0)
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.allowed, b.allowed)
    assert a.curriculum == b.curriculum
    assert not torch.equal(a.images, task.draw_batch(3, 0).images)


@pytest.mark.parametrize("feedback", ["truth", "hard", "soft"])
@pytest.mark.parametrize("references", [(0,), (0, 1)])
def test_every_part_of_the_network_learns_at_every_step_of_the_curriculum(net, task, feedback, references):
    batch = task.draw_batch(0, 0)
    batch = replace(batch, curriculum=replace(batch.curriculum, feedback=feedback, references=references))
    loss, counts = task.loss(net, batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert counts[2] > 0
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_colours_that_no_reference_gave_are_never_painted(net, task):
    batch = task.test_batches[0]
    given = {k for k in range(11) if k == 0 or (batch.colours[0, 0] == k).any()}
    for logits in unroll(net.eval(), batch):
        assert set(logits[0].argmax(0).unique().tolist()) <= given


def test_only_feedback_of_the_truth_looks_at_later_colours(net, task):
    batch = replace(task.draw_batch(0, 0), curriculum=EVALUATION_STEP)
    other = replace(batch, colours=torch.cat([batch.colours[:, :1], 0 * batch.colours[:, 1:]], dim=1))
    net.eval()
    assert torch.equal(unroll(net, batch)[-1], unroll(net, other)[-1])
    fed = [
        unroll(net, replace(b, curriculum=replace(b.curriculum, feedback="truth")))[-1]
        for b in (batch, other)
    ]
    assert not torch.equal(*fed)


def test_a_broken_run_ends_in_the_same_weights_and_statistics(net, task, tmp_path):
    whole = run(net, task, tmp_path / "whole", 4)
    torch.manual_seed(0)

    class Stop(Exception):
        pass

    class Breaking(PropagationTask):
        def draw_batch(self, step, part):
            if step == 3:
                raise Stop
            return super().draw_batch(step, part)

    with pytest.raises(Stop):
        run(deaot_t(), new_task(Breaking), tmp_path / "broken", 4)
    resumed = run(deaot_t(), task, tmp_path / "broken", 4)
    assert len(read_rows(tmp_path / "broken")) == 2
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_the_curriculum_grows_harder():
    def steps(done):
        rng = np.random.default_rng(0)
        return [draw_curriculum_step(done, rng, preset("deaot-t")) for _ in range(50)]

    first, last = steps(0.0), steps(1.0)
    assert {step.feedback for step in first} == {"truth"}
    assert {step.feedback for step in last} == {"hard", "soft"}
    assert first[0].hardest_fraction == 1
    assert last[0].hardest_fraction == pytest.approx(HARDEST_FRACTION)
    assert {step.references[0] for step in first + last} == {0}
    assert max(max(step.references) for step in last) < preset("deaot-t").clip_frames - 1

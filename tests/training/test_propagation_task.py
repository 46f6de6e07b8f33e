"""A propagator learns from clips through the same loop, and goes on after a break as if there was none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.draw import disk

from temtrack.nets.deaot import deaot_t
from temtrack.training.config import ClipConfig, preset
from temtrack.training.curriculum import draw_lesson, examination
from temtrack.training.data.clip_source import Footage, Shelf
from temtrack.training.history import read_rows
from temtrack.training.loop import train
from temtrack.training.propagation_task import propagating, propagating_loss, unroll

CLIPS = ClipConfig(n_frames=3, n_test_frames=3, n_films=2, film_frames=8)
CONFIG = replace(
    preset("deaot-t"), crop_px=65, n_steps=4, steps_per_epoch=2, n_test_crops=2, freeze_norms_share=0.5
)


def two_discs(rng):
    """Two discs that wander."""
    start = rng.uniform(20, 60, (2, 2))

    def labels(t):
        out = np.zeros((80, 80), np.int32)
        for i, place in enumerate(start + t):
            out[disk(place, 9, shape=out.shape)] = i + 1
        return out

    return Footage(8, lambda t: (0.8 - 0.6 * (labels(t) > 0)).astype(np.float32), labels, 1.0)


@pytest.fixture
def task():
    return propagating(Shelf(two_discs, CLIPS, (0, 1)), Shelf(two_discs, CLIPS, (0, 2)), CONFIG, CLIPS)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return deaot_t()


def run(net, task, folder, n_steps):
    folder.mkdir(exist_ok=True)
    train(net, task, replace(CONFIG, n_steps=n_steps), folder, torch.device("cpu"), lambda row: None)
    return net


def test_a_step_depends_on_seed_and_step_alone(task):
    for _ in range(2):
        task.draw(3, 0)
    again = propagating(Shelf(two_discs, CLIPS, (0, 1)), Shelf(two_discs, CLIPS, (0, 2)), CONFIG, CLIPS)
    a, b = task.draw(2, 0), again.draw(2, 0)
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.allowed, b.allowed)
    assert a.lesson == b.lesson
    assert not torch.equal(a.images, task.draw(3, 0).images)


@pytest.mark.parametrize("feedback", ["truth", "decided", "soft"])
@pytest.mark.parametrize("references", [(0,), (0, 1)])
def test_every_part_of_the_network_learns_from_every_lesson(net, task, feedback, references):
    batch = task.draw(0, 0)
    batch = replace(batch, lesson=replace(batch.lesson, feedback=feedback, references=references))
    loss, counts = propagating_loss(net, batch)
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
    batch = replace(task.draw(0, 0), lesson=examination(CLIPS))
    other = replace(batch, colours=torch.cat([batch.colours[:, :1], 0 * batch.colours[:, 1:]], dim=1))
    net.eval()
    assert torch.equal(unroll(net, batch)[-1], unroll(net, other)[-1])
    told = [unroll(net, replace(b, lesson=replace(b.lesson, feedback="truth")))[-1] for b in (batch, other)]
    assert not torch.equal(*told)


def test_a_broken_run_ends_in_the_same_weights_and_statistics(net, task, tmp_path):
    whole = run(net, task, tmp_path / "whole", 4)
    torch.manual_seed(0)

    class Stop(Exception):
        pass

    def breaking(step, part):
        if step == 3:
            raise Stop
        return task.draw(step, part)

    with pytest.raises(Stop):
        run(deaot_t(), replace(task, draw=breaking), tmp_path / "broken", 4)
    resumed = run(deaot_t(), task, tmp_path / "broken", 4)
    assert len(read_rows(tmp_path / "broken")) == 2
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_lessons_grow_harder():
    def lessons(done):
        rng = np.random.default_rng(0)
        return [draw_lesson(done, rng, ClipConfig()) for _ in range(50)]

    first, last = lessons(0.0), lessons(1.0)
    assert {lesson.feedback for lesson in first} == {"truth"}
    assert {lesson.feedback for lesson in last} == {"decided", "soft"}
    assert first[0].hard_share == 1
    assert last[0].hard_share == pytest.approx(ClipConfig().hard_share)
    assert {lesson.references[0] for lesson in first + last} == {0}
    assert max(max(lesson.references) for lesson in last) < ClipConfig().n_frames - 1

from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from temtrack.formats.store.state import read_state, write_state
from temtrack.imaging.labels import LabelImage, measure_regions
from temtrack.linking.motion import MotionModel, Prediction
from temtrack.nets.deaot.memory import LayerMemory, LayerView, Memory, View
from temtrack.nets.deaot.model import Pyramid
from temtrack.tracking.deaot.state import STATE_CLASSES
from temtrack.tracking.deaot.tracker import (
    DeaotConfig,
    DeaotTracker,
    find_doubts,
    find_successors,
    measure_agreement,
)
from temtrack.tracking.drift import DriftEstimator


class FakeNet(torch.nn.Module):
    """Takes dark pixels for particles, and of each the colour that was nearest in the frame before.

    A token's memory is the one-hot of its 4 x 4 nodes. It notes the colours it was asked to remember.
    """

    def __init__(self):
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        self.n_passes = 0

    def encode(self, images):
        dark = (images[:, :1, ::4, ::4] < images.mean() - images.std()).float()
        return Pyramid(dark, dark, dark, torch.zeros(1, 256, *((n - 1) // 16 + 1 for n in images.shape[2:])))

    def embed_ids(self, one_hot):
        nodes = F.pad(one_hot[:, :, ::4, ::4], (0, 3, 0, 3))
        tokens = nodes.unflatten(3, (-1, 4)).unflatten(2, (-1, 4))  # 1x11xhx4xwx4
        return tokens.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    def observe(self, tokens, id_embedding):
        return self._memory(id_embedding, tuple(tokens.shape[2:]))

    def write(self, view, id_embedding):
        return self._memory(id_embedding, view.grid)

    def propagate(self, pyramid, long, short, long_radius=None):
        self.n_passes += 1
        h, w = short.grid
        value = short.layers[0].value.clone()
        if short.valid is not None:
            value[~short.valid] = 0
        tokens = value.view(1, h, w, 11, 4, 4).permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
        colours = F.max_pool2d(tokens[:, 1:, : 4 * h - 3, : 4 * w - 3], 5, 1, 2)
        logits = torch.cat([1.01 - pyramid.fine, colours * pyramid.fine], 1) * 10
        none = torch.zeros(1, h * w, 1)
        return logits, View((LayerView(none, none, none, None),), (h, w))

    def _memory(self, id_embedding, grid):
        return Memory((LayerMemory(id_embedding[..., :1], id_embedding),), grid)


def lattice(n_rows, n_columns, spacing=30, side=14, step=(0, 0)):
    """Labels of squares on a lattice, shifted as a whole."""
    labels = np.zeros((n_rows * spacing + 20, n_columns * spacing + 20), np.int32)
    for i in range(n_rows * n_columns):
        y, x = 20 + spacing * (i // n_columns) + step[0], 20 + spacing * (i % n_columns) + step[1]
        labels[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = i + 1
    return labels


def picture(labels, seed=0):
    return np.where(labels > 0, 60.0, 200.0) + np.random.default_rng(seed).normal(0, 4, labels.shape)


class Driven:
    """A tracker that is given the predictions that the engine would give, without a linker."""

    def __init__(self, **config):
        config = DeaotConfig(**{"target_diameter_px": 16, "only_in_doubt": False, **config})
        self.tracker = DeaotTracker(FakeNet(), torch.device("cpu"), config)
        self.drift, self.motion = DriftEstimator(), MotionModel()
        self.registration = None

    @property
    def state(self):
        return self.tracker.state()

    def add_reference(self, frame, labels):
        self.registration = self.registration or self.drift.measure(frame, True)
        self.tracker.add_reference(frame, LabelImage(labels))
        self.motion.learn(LabelImage(labels), self.registration.is_jump)

    def propagate(self, frame, is_good=True, detections=None):
        self.registration = self.drift.measure(frame, is_good)
        prediction = self.motion.predict(self.registration.step_px)
        found = None if detections is None else LabelImage(detections)
        return self.tracker.propagate(frame, found, prediction).labels


@pytest.fixture
def tracker():
    return Driven()


def all_right(labels, truth):
    """Tell whether each true particle has an IoU above a half with its own id."""
    ious = [
        ((labels == i) & (truth == i)).sum() / ((labels == i) | (truth == i)).sum()
        for i in np.unique(truth[truth > 0])
    ]
    return min(ious) > 0.5


def test_forty_particles_are_propagated_in_one_pass(tracker):
    truth = lattice(5, 8)
    tracker.add_reference(picture(truth), truth)
    for t in range(1, 6):
        truth = lattice(5, 8, step=(t, -t // 2))
        labels = tracker.propagate(picture(truth, t))
        assert all_right(labels, truth)
        assert set(np.unique(labels)) == set(range(41))
        tracker.add_reference(picture(truth, t), labels)
    assert tracker.tracker.net.n_passes == 5
    assert max(tracker.state.colour_of_id.values()) <= 10


def test_the_network_is_asked_only_where_a_particle_was_not_found():
    tracker, net_is_asked = Driven(only_in_doubt=True), []
    truth = lattice(3, 4)
    tracker.add_reference(picture(truth), truth)
    for t in range(1, 6):
        truth = lattice(3, 4, step=(t, 0))
        n_before = tracker.tracker.net.n_passes
        labels = tracker.propagate(picture(truth, t), detections=np.where((truth == 5) & (t == 4), 0, truth))
        net_is_asked.append(tracker.tracker.net.n_passes > n_before)
        assert all_right(labels, truth)
        tracker.add_reference(picture(truth, t), truth)
    assert net_is_asked == [False, False, False, True, False]


def asked_with(ids_of, **config):
    """Tell for each frame whether the network is asked where ids of a lattice are found as others."""
    tracker, is_asked = Driven(only_in_doubt=True, **config), []
    truth = lattice(3, 4)
    tracker.add_reference(picture(truth), truth)
    for t, ids in enumerate(ids_of, start=1):
        n_before = tracker.tracker.net.n_passes
        found = truth.copy()
        for one, other in ids.items():
            found[truth == one] = other
        tracker.propagate(picture(truth, t), detections=found)
        is_asked.append(tracker.tracker.net.n_passes > n_before)
        tracker.add_reference(picture(truth, t), truth)
    return is_asked


def test_of_several_in_one_detection_it_rests_where_it_finds_what_is_predicted():
    two, others, none = {5: 6}, {9: 10}, {}
    ids_of = [two, two, two, two, others, others, none, others, others]
    expected = [True, False, False, True, True, False, False, True, False]
    assert asked_with(ids_of, n_settled_frames=2) == expected
    assert asked_with(ids_of, n_settled_frames=2, min_agreement=1.1) == [bool(ids) for ids in ids_of]


def test_it_never_rests_while_no_detection_holds_a_particle():
    assert asked_with([{5: 0}] * 4, n_settled_frames=2) == [True] * 4


def test_agreement_is_that_of_each_id_with_itself():
    truth = lattice(1, 3)
    found = LabelImage(np.where(truth == 3, 2, truth))
    assert measure_agreement(LabelImage(truth), found) == {
        1: 1.0,
        2: pytest.approx(2 / 3),
        3: 0.0,
    }


def test_a_doubt_is_of_all_in_one_detection():
    truth = lattice(2, 2)
    expected = LabelImage(truth)
    assert find_doubts(expected, LabelImage(np.where(truth == 0, 0, truth + 7))) == set()
    assert find_doubts(expected, LabelImage(np.where(truth == 3, 0, truth))) == {(3,)}
    assert find_doubts(expected, LabelImage(np.where(truth > 2, 3, truth))) == {(3, 4)}
    assert find_doubts(expected, LabelImage(np.minimum(truth, 1))) == {(1, 2, 3, 4)}
    outside = truth.copy()
    outside[0, 0] = 9
    assert find_doubts(LabelImage(outside), expected) == set()


def test_a_crowd_of_more_neighbours_than_colours_takes_more_passes():
    truth, moved = lattice(3, 8), lattice(3, 8, step=(2, 1))
    tracker = Driven(reach_tokens=6)
    tracker.add_reference(picture(truth), truth)
    assert all_right(tracker.propagate(picture(moved, 1)), moved)
    assert tracker.tracker.net.n_passes == 2


def test_ids_survive_drift_over_many_times_the_reach(tracker):
    rng = np.random.default_rng(0)
    world = np.zeros((400, 700), np.int32)
    for i, (y, x) in enumerate((y, x) for y in range(10, 380, 34) for x in range(10, 680, 34)):
        dy, dx = rng.integers(0, 12, 2)
        world[y + dy : y + dy + 13, x + dx : x + dx + 13] = i + 1
    corner = np.array([20, 20])
    view = lambda: world[corner[0] : corner[0] + 160, corner[1] : corner[1] + 200]  # noqa: E731
    truth = view()
    tracker.add_reference(picture(truth), truth)
    for t, step in enumerate([(3, 5)] * 8 + [(40, 31), (0, 0), (3, 5), (-2, 60)], 1):
        corner += step
        whole = np.setdiff1d(truth, [0, *measure_regions(truth).ids_at_border])
        truth = view()
        labels = tracker.propagate(picture(truth, t))
        whole = np.setdiff1d(whole, measure_regions(truth).ids_at_border)
        assert all_right(labels, np.where(np.isin(truth, whole), truth, 0)), t
        tracker.add_reference(picture(truth, t), truth)
    assert tracker.state.drift_px == pytest.approx((-65, -136), abs=1)


def test_a_blank_frame_loses_no_id(tracker):
    truth = lattice(3, 4)
    tracker.add_reference(picture(truth), truth)
    assert np.array_equal(tracker.propagate(np.full(truth.shape, 200.0), is_good=False), truth)
    labels = tracker.propagate(picture(truth, 2))
    assert all_right(labels, truth)


def test_a_child_inherits_its_parents_place_and_colour(tracker):
    truth = lattice(2, 3)
    tracker.add_reference(picture(truth), truth)
    colours = dict(tracker.state.colour_of_id)
    tracker.propagate(picture(truth, 1))
    merged = np.where(np.isin(truth, (1, 2)), 7, truth)
    tracker.add_reference(picture(truth, 1), merged)
    state = tracker.state
    assert state.colour_of_id[7] in (colours[1], colours[2])
    assert {i: c for i, c in state.colour_of_id.items() if i < 7} == {i: colours[i] for i in range(3, 7)}
    assert set(np.unique(state.references[0].labels)) == {0, *range(3, 8)}
    assert all_right(tracker.propagate(picture(truth, 2)), merged)


def test_a_new_particle_is_unknown_in_older_frames(tracker):
    truth = lattice(2, 3)
    without = np.where(truth == 5, 0, truth)
    tracker.add_reference(picture(truth), without)
    tracker.propagate(picture(truth, 1))
    tracker.add_reference(picture(truth, 1), truth)
    first = tracker.state.references[0]
    assert set(np.unique(first.newer)) == {0, 5}
    assert all_right(tracker.propagate(picture(truth, 2)), truth)
    assert first.valid is not None


def test_memory_has_a_bound_and_ids_have_none():
    tracker = Driven(n_reference_frames=3)
    for t in range(12):
        truth = np.where(lattice(2, 2) > 0, lattice(2, 2) + 69_990 + 10 * t, 0)
        if t:
            tracker.propagate(picture(truth, t))
        tracker.add_reference(picture(truth, t), truth)
    state = tracker.state
    assert len(state.references) == 3
    assert state.references[0].number == 0
    labels = tracker.propagate(picture(truth, 99))
    assert labels.dtype == np.int32
    assert all_right(labels, truth)


def test_a_restored_tracker_goes_on_with_the_same_bytes(tracker, tmp_path):
    frames = [lattice(3, 4, step=(t, t)) for t in range(5)]
    tracker.add_reference(picture(frames[0]), frames[0])
    for t in (1, 2):
        tracker.add_reference(picture(frames[t], t), tracker.propagate(picture(frames[t], t)))
    write_state(tmp_path / "state", {"all": tracker.state}, STATE_CLASSES)
    other = Driven()
    (state,) = read_state(tmp_path / "state", ["all"], STATE_CLASSES)
    other.tracker.restore(state)
    other.drift, other.motion = deepcopy(tracker.drift), deepcopy(tracker.motion)
    for t in (3, 4):
        frame = picture(frames[t], t)
        one, two = tracker.propagate(frame), other.propagate(frame)
        assert np.array_equal(one, two)
        tracker.add_reference(frame, one)
        other.add_reference(frame, two)


def test_without_particles_nothing_is_propagated_and_later_ones_are(tracker):
    truth = lattice(2, 2)
    empty = np.zeros_like(truth)
    with pytest.raises(ValueError, match="call add_reference first"):
        tracker.tracker.propagate(picture(truth), None, Prediction(LabelImage(empty), (0.0, 0.0)))
    tracker.add_reference(picture(empty), empty)
    assert not tracker.propagate(picture(truth, 1)).any()
    tracker.add_reference(picture(truth, 1), truth)
    assert all_right(tracker.propagate(picture(truth, 2)), truth)


def test_successors_are_those_who_hold_the_place():
    expected = lattice(1, 3)
    labels = np.where(expected == 1, 8, np.where(expected == 2, 0, expected))
    labels[expected == 2] = np.resize([8, 0, 0], (expected == 2).sum())
    assert find_successors(LabelImage(expected), labels, {1, 2}) == {1: 8}
    assert find_successors(LabelImage(expected), labels, set()) == {}
    assert find_successors(None, labels, {1, 2}) == {}


def test_a_reference_is_the_frame_that_was_propagated_to(tracker):
    truth = lattice(2, 2)
    tracker.add_reference(picture(truth), truth)
    with pytest.raises(ValueError, match="propagated to last"):
        tracker.add_reference(picture(truth), truth)

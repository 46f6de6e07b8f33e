from itertools import pairwise

import numpy as np
import pytest
import torch

from temtrack.nets.deaot.memory import LayerMemory, Memory
from temtrack.nets.deaot.model import deaot_t
from temtrack.tracking.deaot.memory import MemoryEntry, embed, evict, shift_memory
from temtrack.tracking.deaot.padding import pad_input

SHAPE = (114, 146)  # the padded input is 129 x 161


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return deaot_t().eval()


@pytest.fixture
def entry():
    """A frame with three particles: 5 and 6 beside each other, 9 far away."""
    padded = pad_input(SHAPE, 1.0, (0.0, 0.0))
    labels = np.zeros(padded.shape, np.int32)
    labels[20:40, 20:40], labels[20:40, 44:64], labels[90:110, 100:130] = 5, 6, 9
    tokens = torch.zeros(1, 256, (padded.shape[0] - 1) // 16 + 1, (padded.shape[1] - 1) // 16 + 1)
    return MemoryEntry(0, padded, labels, np.zeros_like(labels), tokens, [])


@torch.inference_mode()
def test_a_change_of_colour_is_embedded_in_its_own_region_only(net, entry, monkeypatch):
    entry.recolour(net, {5: 1, 6: 2, 9: 3}, 1)
    before = entry.embeddings[0]
    seen = []
    whole = net.embed_ids
    monkeypatch.setattr(net, "embed_ids", lambda one_hot: seen.append(one_hot.shape) or whole(one_hot))
    entry.recolour(net, {5: 1, 6: 2, 9: 4}, 1)
    after = entry.embeddings[0]
    assert all(a < b for a, b in zip(seen[0][-2:], entry.padded.shape, strict=True))
    assert torch.allclose(after, embed(net, entry.colours, 0), atol=1e-5)
    changed = (after != before).any(-1).view(9, 11)
    assert changed[6, 7]
    assert not changed[:5].any()
    n_seen = len(seen)
    entry.recolour(net, {5: 1, 6: 2, 9: 4}, 1)
    assert len(seen) == n_seen


@torch.inference_mode()
def test_a_merge_lets_old_frames_show_the_child(net, entry):
    entry.rename({5: 12, 6: 12})
    entry.recolour(net, {12: 7, 9: 3}, 1)
    assert set(np.unique(entry.colours[20:40, 20:64])) == {0, 7}
    assert entry.valid is None


@torch.inference_mode()
def test_where_an_id_ended_or_came_up_later_nothing_is_known(net, entry):
    new_objects = np.zeros_like(entry.labels)
    new_objects[60:90, 20:50] = 30
    entry.add_new_objects(new_objects, entry.padded)
    entry.recolour(net, {5: 1, 6: 2, 30: 4}, 1)  # 9 has ended
    assert not entry.valid[4, 2]
    assert not entry.valid[6, 7]
    assert entry.valid[1, 1]
    assert entry.read(net, 0, entry.padded).valid is not None
    entry.recolour(net, {5: 1, 6: 2, 9: 3}, 1)  # 30 was none, 9 is back
    assert entry.valid is None


@torch.inference_mode()
def test_a_second_pass_sees_its_own_ids_only(net, entry):
    entry.recolour(net, {5: 1, 6: 12, 9: 2}, 2)
    own = np.where(entry.labels == 6, 2, 0).astype(np.uint16)
    assert torch.equal(entry.embeddings[1], embed(net, own, 0))


def test_a_shifted_memory_leaves_out_what_comes_in_from_outside():
    key = torch.arange(12.0).view(1, 12, 1)
    memory = Memory((LayerMemory(key, key),), (3, 4))
    shifted = shift_memory(memory, None, (1, -2))
    assert shifted.valid.view(3, 4).tolist() == [[False] * 4] + [[True, True, False, False]] * 2
    assert shifted.layers[0].key.view(3, 4)[1, :2].tolist() == [2.0, 3.0]
    assert not shift_memory(memory, None, (9, 0)).valid.any()
    assert shift_memory(memory, None, (0, 0)) is memory


def test_references_thin_out_with_age_and_never_grow_in_number():
    kept = []
    for number in range(300):
        kept = evict([*kept, MemoryEntry(number, None, None, None, None, [])], 5, number + 1)
    ages = [300 - frame.number for frame in kept]
    assert len(kept) == 5
    assert ages[0] == 300
    assert ages[-1] <= 3
    assert all(a > b for a, b in pairwise(ages))
    assert max(a / b for a, b in pairwise(ages)) < 12

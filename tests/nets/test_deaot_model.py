"""DeAOT against the published network's numbers under a known filling."""

from pathlib import Path

import numpy as np
import pytest
import torch
from golden_fill import fill, image

from temtrack.models.catalog import find_architecture
from temtrack.nets.deaot.encoder import BatchNorm
from temtrack.nets.deaot.memory import Memory
from temtrack.nets.deaot.model import N_CHANNELS, Pyramid, deaot_s, mask_unused_ids, to_image_size
from temtrack.nets.layers import imagenet_normalize

GOLDEN = Path(__file__).parent.parent / "golden"
CORNERS = ((40, 40), (40, 160), (150, 60), (170, 180))


def normalised(seed, side=257):
    return imagenet_normalize(image((1, 3, side, side), seed=seed))


def one_hot(ids):
    return torch.nn.functional.one_hot(ids, N_CHANNELS).movedim(-1, 1).float()


@pytest.mark.parametrize("size", ["t", "s"])
@torch.inference_mode()
def test_the_golden_numbers(size):
    golden = np.load(GOLDEN / f"deaot_{size}.npz")
    net = find_architecture(f"deaot-{size}").build().eval()
    fill(net)
    ids = torch.zeros(1, 257, 257, dtype=torch.long)
    for k, (y, x) in enumerate(CORNERS, 1):
        ids[:, y : y + 40, x : x + 48] = k
    long = short = net.observe(net.encode(normalised(0)).tokens, net.embed_ids(one_hot(ids)))
    used = torch.arange(N_CHANNELS)[None] <= len(CORNERS)
    for frame in (1, 2):
        logits, view = net.propagate(net.encode(normalised(frame)), long, short)
        logits = to_image_size(mask_unused_ids(logits, used), ids.shape[1:])
        np.testing.assert_allclose(logits[0, :5, ::16, ::16], golden[f"logits_frame{frame}"], atol=1e-4)
        short = net.write(view, net.embed_ids(one_hot(logits.argmax(1))))


@pytest.mark.parametrize(
    ("name", "n_params"),
    [
        ("deaot-t", 7_238_188),
        ("deaot-s", 10_202_765),
        ("deaot-b", 13_167_342),
        ("deaot-l", 13_167_342),
        ("r50-deaot-l", 19_814_894),
    ],
)
def test_the_number_of_parameters_that_learn_with_fixed_norms(name, n_params):
    with torch.device("meta"):
        net = find_architecture(name).build()
    n_fixed = sum(
        p.numel() for m in net.encoder.modules() if isinstance(m, BatchNorm) for p in m.parameters()
    )
    assert sum(p.numel() for p in net.parameters()) - n_fixed == n_params


@pytest.fixture(scope="module")
def net():
    network = deaot_s().eval()
    fill(network)
    return network


@pytest.fixture(scope="module")
def scene(net):
    """Two frames of two images, of unequal sides, and the memory of the first under some ids."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        frames = [net.encode(torch.randn(2, 3, 81, 113, generator=rng)) for _ in range(2)]
        ids = torch.randint(0, N_CHANNELS, (2, 6, 8), generator=rng)
        one_hot_ids = one_hot(ids.repeat_interleave(16, 1).repeat_interleave(16, 2)[:, :81, :113])
        memory = net.observe(frames[0].tokens, net.embed_ids(one_hot_ids))
    return frames, one_hot_ids, memory


def logits_of(net, pyramid, long, short, long_radius=None):
    with torch.inference_mode():
        return net.propagate(pyramid, long, short, long_radius)[0]


def assert_close(ours, expected):
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


def test_images_of_a_batch_do_not_meet(net, scene):
    frames, one_hot_ids, memory = scene
    alone = Pyramid(*(level[1:] for level in vars(frames[1]).values()))
    memory_alone = net.observe(frames[0].tokens[1:], net.embed_ids(one_hot_ids[1:]))
    both = logits_of(net, frames[1], memory, memory)
    assert both.shape == (2, N_CHANNELS, 21, 29)
    assert_close(both[1:], logits_of(net, alone, memory_alone, memory_alone))


def test_a_frame_remembered_twice_weighs_as_one(net, scene):
    frames, _, memory = scene
    twice = Memory.join([memory, memory])
    assert (twice.n_frames, twice.grid) == (2, (6, 8))
    assert_close(logits_of(net, frames[1], twice, memory), logits_of(net, frames[1], memory, memory))


@pytest.mark.parametrize("long_radius", [None, 4])
def test_a_frame_left_out_weighs_nothing(net, scene, long_radius):
    frames, one_hot_ids, memory = scene
    other = net.observe(frames[1].tokens, net.embed_ids(one_hot_ids.flip(1)))
    left_out = other.with_valid(torch.zeros(2, 1, 6, 8, dtype=torch.bool))
    alone = logits_of(net, frames[1], memory, memory, long_radius)
    joined = logits_of(net, frames[1], Memory.join([memory, left_out]), memory, long_radius)
    assert_close(joined, alone)
    heard = logits_of(net, frames[1], Memory.join([memory, other]), memory, long_radius)
    assert (heard - alone).abs().max() > 1e-3


def test_a_radius_beyond_the_frame_limits_nothing_and_a_smaller_one_does(net, scene):
    frames, _, memory = scene
    free = logits_of(net, frames[1], memory, memory)
    assert_close(logits_of(net, frames[1], memory, memory, long_radius=7), free)
    assert (logits_of(net, frames[1], memory, memory, long_radius=1) - free).abs().max() > 1e-3


def test_gradients_reach_every_parameter_through_a_carried_frame():
    net = deaot_s()
    images = torch.randn(2, 2, 3, 49, 65)
    ids = one_hot(torch.randint(0, N_CHANNELS, (2, 49, 65)))
    memory = net.observe(net.encode(images[0]).tokens, net.embed_ids(ids))
    logits, view = net.propagate(net.encode(images[1]), memory, memory)
    probabilities = to_image_size(logits, (49, 65)).softmax(1)
    carried = net.write(view, net.embed_ids(probabilities))
    logits, _ = net.propagate(net.encode(images[1]), memory, carried)
    logits.square().mean().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_ids_that_no_object_has_never_win():
    logits = mask_unused_ids(torch.randn(1, N_CHANNELS, 5, 5), torch.arange(N_CHANNELS)[None] < 3)
    assert logits.argmax(1).max() < 3


def test_sides_other_than_16k_plus_1_are_refused(net):
    with pytest.raises(ValueError, match=r"16k\+1, got \(64, 65\)"):
        net.encode(torch.zeros(1, 3, 64, 65))

"""Swin-UNet against the published network's numbers under a known filling."""

from pathlib import Path

import numpy as np
import pytest
import torch
from golden_fill import fill, image

from temtrack.nets.patches import mirror_out
from temtrack.nets.swin_unet import SwinUNet, join, shift_mask, split, swin_unet, swin_unet_base

GOLDEN = Path(__file__).parent.parent / "golden"
CASES = [("swin_unet_tiny", swin_unet_base, 3), ("swin_unet_e32", swin_unet, 1)]


@pytest.mark.parametrize(("name", "build", "num_classes"), CASES)
@torch.inference_mode()
def test_the_golden_numbers(name, build, num_classes):
    net = build(num_classes).eval()
    fill(net)
    golden = np.load(GOLDEN / f"{name}.npz")
    assert sum(p.numel() for p in net.parameters()) == golden["n_params"]
    logits = net(image((1, 3, 224, 224)))
    np.testing.assert_allclose(logits[0, :, ::8, ::8], golden["logits"], atol=1e-4)


@pytest.mark.parametrize(("name", "build", "num_classes"), CASES)
def test_the_published_names_but_for_masks_that_belong_to_one_input_size(name, build, num_classes):
    lines = (GOLDEN / f"{name}.keys.txt").read_text().splitlines()
    published = dict(line.split(" ", 1) for line in lines if "attn_mask" not in line)
    state = build(num_classes).state_dict()
    assert {key: str(tuple(value.shape)) for key, value in state.items()} == published


def test_split_and_join_are_inverse():
    x = torch.arange(2 * 14 * 21 * 3).view(2, 14, 21, 3)
    assert split(x).shape == (12, 49, 3)
    assert torch.equal(join(split(x), 14, 21), x)


def test_the_shift_keeps_far_sides_apart():
    mask = shift_mask(14, 21)
    assert mask.shape == (6, 49, 49)
    assert not mask[0].any()  # rolled by 3, the first window is whole
    assert mask[-1, 0, 48] == -100  # the last one holds the image's four corners
    assert mask[-1, 0, 1] == 0


@torch.inference_mode()
def test_any_size_is_the_mirrored_one_cut_out():
    net = SwinUNet(8, (2, 2, 2, 2), (1, 1, 1, 1)).eval()
    images = image((2, 3, 230, 100))
    logits = net(images)
    assert logits.shape == (2, 3, 230, 100)
    whole = net(mirror_out(images, 224))
    assert whole.shape == (2, 3, 448, 224)
    torch.testing.assert_close(logits, whole[:, :, :230, :100])


def test_mirroring_out():
    row = torch.tensor([[[[1.0, 2, 3]]]])
    assert mirror_out(row, 8)[0, 0].tolist() == [[1, 2, 3, 2, 1, 2, 3, 2]] * 8
    wide = torch.rand(1, 2, 5, 6)
    torch.testing.assert_close(mirror_out(wide, 4), torch.nn.functional.pad(wide, (0, 2, 0, 3), "reflect"))


def test_every_parameter_learns():
    torch.manual_seed(0)
    net = SwinUNet(8, (2, 2, 2, 2), (1, 1, 1, 1))
    net(image((1, 3, 448, 448))).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

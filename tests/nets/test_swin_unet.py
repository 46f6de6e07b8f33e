"""Swin-UNet: windows, shifts, and pictures of any size."""

import torch
from golden_fill import image

from temtrack.nets.layers import mirror_out
from temtrack.nets.swin_unet import SwinUNet, join, shift_mask, split


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

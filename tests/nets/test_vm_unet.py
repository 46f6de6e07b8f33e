"""VM-UNet: scans in four directions, and pictures of any size."""

import torch
import torch.nn.functional as F
from golden_fill import image

from temtrack.nets.vm_unet import Scan2d, VmUNet, gather, spread


def test_the_four_directions():
    x = torch.arange(6.0).view(1, 2, 3, 1)
    sequences = spread(x)[:, 0, :, 0].T
    assert sequences.tolist() == [
        [0, 1, 2, 3, 4, 5],
        [0, 3, 1, 4, 2, 5],
        [5, 4, 3, 2, 1, 0],
        [5, 2, 4, 1, 3, 0],
    ]


def test_gathering_brings_every_token_home():
    x = torch.rand(2, 3, 5, 4)
    torch.testing.assert_close(gather(spread(x), 3, 5), 4 * x)


def test_a_fresh_scan_starts_with_the_published_decays_and_steps():
    scan = Scan2d(8)
    step = F.softplus(scan.dt_projs_bias)
    assert step.min() > 0.99e-3
    assert step.max() < 0.101
    torch.testing.assert_close(scan.A_logs.exp()[5], torch.arange(1.0, 17))
    assert (scan.Ds == 1).all()


@torch.inference_mode()
def test_any_size():
    net = VmUNet(8, (1, 1, 1, 1), (1, 1, 1, 1)).eval()
    images = image((2, 3, 70, 21))
    logits = net(images)
    assert logits.shape == (2, 3, 70, 21)
    mirrored = net(F.pad(images, (0, 11, 0, 26), "reflect"))
    torch.testing.assert_close(logits, mirrored[:, :, :70, :21])


def test_every_parameter_learns():
    torch.manual_seed(0)
    net = VmUNet(8, (1, 1, 1, 1), (1, 1, 1, 1))
    net(image((1, 3, 64, 64))).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []

"""The encoders' levels, names and norms."""

import pytest
import torch
import torch.nn.functional as F
from golden_fill import fill

from temtrack.nets.deaot.encoder import BatchNorm, MobileNetV2, ResNet50, normed_conv


@pytest.mark.parametrize("encoder_of", [MobileNetV2, ResNet50])
@torch.inference_mode()
def test_levels_keep_the_corners_of_an_image_of_16k_plus_1(encoder_of):
    encoder = encoder_of().eval()
    levels = encoder(torch.zeros(1, 3, 65, 97))
    assert tuple(level.shape[1] for level in levels) == encoder.dims
    assert [tuple(level.shape[2:]) for level in levels] == [(17, 25), (9, 13), (5, 7), (5, 7)]


def test_the_usual_names_of_resnet_50():
    names = set(ResNet50().state_dict())
    norm = {"weight", "bias", "running_mean", "running_var"}
    assert {name for name in names if name.startswith(("conv1", "bn1"))} == {"conv1.weight"} | {
        f"bn1.{part}" for part in norm
    }
    assert {name.rsplit(".", 1)[0] for name in names if name.startswith("layer2.0.")} == {
        f"layer2.0.{part}"
        for part in ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1")
    }
    assert {name.split(".")[1] for name in names if name.startswith("layer3")} == set("012345")
    assert not any(name.startswith("layer4") for name in names)


@torch.inference_mode()
def test_a_fixed_norm_within_the_convolution_is_the_norm_after_it():
    conv, norm = torch.nn.Conv2d(3, 6, 3, padding=1, bias=False), BatchNorm(6).eval()
    fill(torch.nn.Sequential(conv, norm))
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(normed_conv(x, conv, norm), norm(conv(x)), atol=1e-5, rtol=0)


def test_norms_learn_from_the_batch_until_they_are_fixed():
    conv, norm = torch.nn.Conv2d(3, 6, 1, bias=False), BatchNorm(6)
    x = 5 + 3 * torch.randn(4, 3, 9, 9)
    y = normed_conv(x, conv, norm)
    torch.testing.assert_close(y, F.batch_norm(conv(x), None, None, training=True))
    learned = {name: value.clone() for name, value in norm.state_dict().items()}
    assert learned["running_mean"].abs().max() > 0.01
    norm.eval()
    normed_conv(2 * x, conv, norm).sum().backward()
    for name, value in norm.state_dict().items():
        assert torch.equal(value, learned[name]), name
    assert conv.weight.grad is not None

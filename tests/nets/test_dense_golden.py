"""The dense networks against the published ones' numbers under a known filling."""

from pathlib import Path

import numpy as np
import pytest
import torch
from golden_fill import fill, image

from temtrack.nets.swin_unet import swin_unet, swin_unet_base
from temtrack.nets.vm_unet import vm_unet, vm_unet_base

GOLDEN = Path(__file__).parent.parent / "golden"
CASES = pytest.mark.parametrize(
    ("name", "build", "num_classes"),
    [
        ("swin_unet_tiny", swin_unet_base, 3),
        ("swin_unet_e32", swin_unet, 1),
        ("vm_unet_tiny", vm_unet_base, 3),
        ("vm_unet_d32", vm_unet, 1),
    ],
)


@CASES
@torch.inference_mode()
def test_the_golden_numbers(name, build, num_classes):
    net = build(num_classes).eval()
    fill(net)
    golden = np.load(GOLDEN / f"{name}.npz")
    assert sum(p.numel() for p in net.parameters()) == golden["n_params"]
    side, step = (224, 8) if name.startswith("swin") else (128, 4)
    logits = net(image((1, 3, side, side)))
    np.testing.assert_allclose(logits[0, :, ::step, ::step], golden["logits"], atol=1e-4)


@CASES
def test_the_published_names_but_for_masks_that_belong_to_one_input_size(name, build, num_classes):
    lines = (GOLDEN / f"{name}.keys.txt").read_text().splitlines()
    published = dict(line.split(" ", 1) for line in lines if "attn_mask" not in line)
    state = build(num_classes).state_dict()
    assert {key: str(tuple(value.shape)) for key, value in state.items()} == published

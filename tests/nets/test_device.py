import pytest
import torch

from temtrack.errors import UsageError
from temtrack.nets.device import bf16_where_native, find_device, has_native_bf16, round_weights_once
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.adapters import predict_without_points


def test_auto_takes_the_best_device_and_others_must_be_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    with pytest.raises(UsageError, match="--device cuda: this machine has none"):
        find_device("cuda")
    with pytest.raises(UsageError, match="--device tpu: allowed are auto, cpu"):
        find_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device("auto").type == "cuda"


@torch.inference_mode()
def test_weights_rounded_once_give_the_same_bits():
    cpu = torch.device("cpu")
    torch.manual_seed(0)
    net = EfficientSam(dim=24, depth=2, n_heads=3, prompt_dim=64).eval()
    image = torch.rand(1, 3, 48, 64)
    with bf16_where_native(cpu):
        before = predict_without_points(net, image)
        round_weights_once(net, cpu)
        torch.testing.assert_close(predict_without_points(net, image), before, rtol=0, atol=0)
    rounded = net.image_encoder.neck[0].weight.dtype == torch.bfloat16
    assert rounded == has_native_bf16(cpu)

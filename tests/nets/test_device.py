import pytest
import torch

from temtrack.errors import UsageError
from temtrack.nets.device import find_device


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

"""A network saved as an object is read without its class, and nothing that its file names is called."""

import os

import pytest
import torch

from temtrack.errors import ModelError
from temtrack.models.checkpoints import read_checkpoint


class Block(torch.nn.Module):
    """A class that only whoever saved it knows."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.norm = torch.nn.BatchNorm2d(2)
        self.names = {0: "particle"}

    def __setstate__(self, state):
        raise AssertionError("code of the checkpoint ran")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("key", ["model", "ema"])
def test_a_network_saved_whole_is_read_tensor_by_tensor(tmp_path, key):
    net = torch.nn.Sequential(Block(), torch.nn.ReLU())
    around = {"epoch": 3, "ema": None, "model": None, "train_args": {"lr": 0.1}}
    torch.save(around | {key: net}, tmp_path / "a.pt")
    found = read_checkpoint(tmp_path / "a.pt")
    assert found.keys() == net.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in net.state_dict().items())
    assert all(type(tensor) is torch.Tensor and not tensor.requires_grad for tensor in found.values())


def test_nothing_in_it_is_run(tmp_path):
    torch.save({"model": Block(), "extra": Bomb(tmp_path / "made")}, tmp_path / "a.pt")
    assert "conv.weight" in read_checkpoint(tmp_path / "a.pt")
    torch.save({"model": Bomb(tmp_path / "made")}, tmp_path / "b.pt")
    with pytest.raises(ModelError, match="holds more than tensors and is not opened"):
        read_checkpoint(tmp_path / "b.pt")
    assert not (tmp_path / "made").exists()


def test_a_network_without_tensors_is_refused(tmp_path):
    torch.save({"model": torch.nn.ReLU()}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="save its state_dict alone"):
        read_checkpoint(tmp_path / "a.pt")

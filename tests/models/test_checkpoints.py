"""Checkpoints are read tensor by tensor, and nothing that a file names is called."""

import os
import pickle
import tempfile

import pytest
import torch
from safetensors.torch import save_file

from temtrack.errors import ModelError
from temtrack.models.checkpoints import read_checkpoint

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return eval, ("1/0",)


def assert_read(path):
    found = read_checkpoint(path)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)


def test_safetensors_are_read(tmp_path):
    save_file(TENSORS, tmp_path / "net.safetensors")
    assert_read(tmp_path / "net.safetensors")


@pytest.mark.parametrize("wrapping", [None, "state_dict", "model"])
@pytest.mark.parametrize("before", ["", "module."])
def test_tensors_are_found_where_training_programs_put_them(tmp_path, wrapping, before):
    state = {before + name: tensor for name, tensor in TENSORS.items()}
    saved = state if wrapping is None else {wrapping: state, "optimizer": {"lr": 0.1}, "step": 7}
    torch.save(saved, tmp_path / "net.pth")
    assert_read(tmp_path / "net.pth")


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"state_dict": TENSORS, "extra": Bomb()}, tmp_path / "net.pth")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("net.pth", "plain.pt"):
        with pytest.raises(ModelError, match="could run code"):
            read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(ModelError, match="there is no such file"):
        read_checkpoint(path)
    for content in (b"", b"no weights at all", b"PK\x03\x04 half a zip"):
        path.write_bytes(content)
        with pytest.raises(ModelError) as refused:
            read_checkpoint(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("saved", [{"epoch": 3}, {"state_dict": {}}, [1, 2], {"a": torch.ones(1), "lr": 1.0}])
def test_other_things_than_a_networks_tensors_are_refused(tmp_path, saved):
    torch.save(saved, tmp_path / "net.pt")
    with pytest.raises(ModelError, match="holds no network's tensors"):
        read_checkpoint(tmp_path / "net.pt")


class Block(torch.nn.Module):
    """A class that only whoever saved it knows."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3)
        self.norm = torch.nn.BatchNorm2d(2)
        self.names = {0: "particle"}

    def __setstate__(self, state):
        raise AssertionError("code of the checkpoint ran")


class Caller:
    def __init__(self, path, call):
        self.path, self.call = path, call

    def __reduce__(self):
        return self.call, (str(self.path),)


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
    torch.save({"model": Block(), "extra": Caller(tmp_path / "made", tempfile.mkdtemp)}, tmp_path / "a.pt")
    assert "conv.weight" in read_checkpoint(tmp_path / "a.pt")
    for saved in (
        {"model": Caller(tmp_path / "made", tempfile.mkdtemp)},
        {"model": Block(), "extra": Caller(tmp_path / "made", os.mkdir)},
    ):
        torch.save(saved, tmp_path / "b.pt")
        with pytest.raises(ModelError, match="holds more than tensors and is not opened"):
            read_checkpoint(tmp_path / "b.pt")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_network_without_tensors_is_refused(tmp_path):
    torch.save({"model": torch.nn.ReLU()}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="save its state_dict alone"):
        read_checkpoint(tmp_path / "a.pt")

import pytest
import torch
from safetensors.torch import save_file

from temtrack.errors import ModelError, UsageError
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.registry import ModelSpec, find_model, write_run_spec
from temtrack.segmentation import load
from temtrack.segmentation.load import build_network, find_device, load_segmenter, load_weights


def tiny_net():
    return EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A training run of a tiny network."""
    monkeypatch.setattr(load, "NETWORKS", {"tiny": (tiny_net.__module__, "tiny_net")})
    monkeypatch.setattr(load, "import_module", lambda name: type("module", (), {"tiny_net": tiny_net}))
    save_file(
        {name: tensor.half() for name, tensor in tiny_net().state_dict().items()},
        tmp_path / "best.safetensors",
    )
    write_run_spec(tmp_path, "tiny", "temtrack train")
    return tmp_path


def test_a_runs_folder_becomes_a_segmenter_with_its_weights(run_folder):
    segmenter = load_segmenter(str(run_folder), "cpu")
    assert len(segmenter.sha256) == 64
    assert not segmenter.net.training
    other = tiny_net()
    load_weights(other, find_model(str(run_folder)))
    for mine, theirs in zip(segmenter.net.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("damage", ["other network", "truncated", "text"])
def test_weights_that_do_not_fit_are_refused_in_one_line(run_folder, damage):
    weights = run_folder / "best.safetensors"
    if damage == "other network":
        save_file(EfficientSam(dim=24, depth=1, n_heads=3, prompt_dim=32).state_dict(), weights)
    else:
        weights.write_bytes(weights.read_bytes()[:1000] if damage == "truncated" else b"no weights at all")
    with pytest.raises(ModelError, match="does not fit the network tiny") as refused:
        load_segmenter(str(run_folder), "cpu")
    assert "\n" not in str(refused.value)


def test_an_unknown_architecture_is_refused_with_those_known():
    with pytest.raises(ModelError, match="'effsam-huge': known are effsam-tiny"):
        build_network("effsam-huge")


def test_weights_that_are_missing_are_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(tiny_net(), ModelSpec("lost", "tiny", tmp_path / "none", None, {}))


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

import pytest
import torch
from safetensors.torch import save_file

from temtrack import loading
from temtrack.errors import ModelError
from temtrack.loading import load_weights
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.registry import find_model, write_run_spec
from temtrack.segmentation.adapters import ADAPTERS, EFFICIENT_SAM
from temtrack.segmentation.load import load_segmenter


def tiny_net():
    return EfficientSam(dim=48, depth=1, n_heads=3, prompt_dim=32)


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A training run of a tiny network."""
    monkeypatch.setattr(loading, "SEGMENTERS", {"tiny": (tiny_net.__module__, "tiny_net")})
    monkeypatch.setitem(ADAPTERS, "tiny", EFFICIENT_SAM)
    monkeypatch.setattr(loading, "import_module", lambda name: type("module", (), {"tiny_net": tiny_net}))
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

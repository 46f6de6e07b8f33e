import pytest
import torch
from safetensors.torch import save_file

from temtrack.errors import ModelError
from temtrack.models import catalog as loading
from temtrack.models.catalog import load_weights
from temtrack.models.registry import find_model, write_run_spec
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.adapters import ADAPTERS, EFFICIENT_SAM, YOLO
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


def test_a_model_of_one_magnification_looks_at_its_own_scale(run_folder):
    assert load_segmenter(str(run_folder), "cpu", tta=True).scale is None
    write_run_spec(run_folder, "tiny", "temtrack train", {"scale": 2.0, "min_area_px": 7})
    segmenter = load_segmenter(str(run_folder), "cpu", tta=True)
    assert (segmenter.scale, segmenter.min_area_px) == (2.0, 7.0)
    assert segmenter.twice
    assert not load_segmenter(str(run_folder), "cpu").twice


@pytest.mark.parametrize("tta", [True, False])
def test_only_a_network_that_predicts_maps_takes_test_time_augmentation(run_folder, monkeypatch, tta):
    assert load_segmenter(str(run_folder), "cpu", tta=tta).twice is tta
    monkeypatch.setitem(ADAPTERS, "tiny", YOLO)
    assert not load_segmenter(str(run_folder), "cpu", tta=tta).twice


def test_a_model_finds_the_level_of_an_image_after_the_blur_it_was_trained_with(run_folder):
    assert load_segmenter(str(run_folder), "cpu").centring_blur_px == 2.0
    write_run_spec(run_folder, "tiny", "temtrack train", {"centring_blur_px": 5.0})
    assert load_segmenter(str(run_folder), "cpu").centring_blur_px == 5.0


@pytest.mark.parametrize("number", ["0", "-1.0", "nan", "inf", '"large"', "[1]"])
def test_a_scale_that_is_none_is_refused(run_folder, number):
    with (run_folder / "model.toml").open("a") as file:
        file.write(f"scale = {number}\n")
    with pytest.raises(ModelError, match=r"states scale = .* needs a positive number"):
        load_segmenter(str(run_folder), "cpu")

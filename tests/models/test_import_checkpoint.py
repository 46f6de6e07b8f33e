import pytest
import torch

from temtrack.errors import ModelError, OutputError, UsageError
from temtrack.models import registry
from temtrack.models.checkpoints import load_weights
from temtrack.models.import_checkpoint import import_checkpoint
from temtrack.models.registry import find_model, new_model_folder, read_imported, verify


def small():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def checkpoint(tmp_path):
    """What a training program of another house saved, counters of batch normalisation included."""
    path = tmp_path / "theirs.pth"
    torch.save({"state_dict": small().state_dict()}, path)
    return path


class Norm(torch.nn.Module):
    """Keeps no counters, as the networks here."""

    def __init__(self):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.zeros(2))


def net():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), Norm())


def test_an_imported_model_is_found_by_its_name_and_loads(cache, checkpoint):
    weights = import_checkpoint(new_model_folder("mine", force=False), "net", net(), checkpoint)
    spec = find_model("mine")
    assert (spec.name, spec.architecture, spec.weights) == ("mine", "net", weights)
    assert verify(spec) == spec.sha256
    assert spec.facts["source"] == "theirs.pth"
    loaded = net()
    load_weights(loaded, spec)
    theirs = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(t, theirs[name]) for name, t in loaded.state_dict().items())


def test_a_model_is_replaced_whole_and_only_when_told(cache, checkpoint):
    first = import_checkpoint(new_model_folder("mine", force=False), "net", net(), checkpoint)
    with pytest.raises(UsageError, match="is there already: give --force"):
        new_model_folder("mine", force=False)
    torch.save(small().state_dict(), checkpoint)
    second = import_checkpoint(new_model_folder("mine", force=True), "net", net(), checkpoint)
    assert second != first
    assert list(second.parent.glob("*.safetensors")) == [second]
    assert list(read_imported()) == ["mine"]
    verify(find_model("mine"))


@pytest.mark.parametrize("name", ["../out", "", "a/b", ".hidden", "effsam-tiny"])
def test_names_that_cannot_be_are_refused(cache, name):
    with pytest.raises(UsageError):
        new_model_folder(name, force=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.pop("0.bias"), 'Missing key.*"0.bias"'),
        (lambda t: t.update(odd=torch.ones(1)), 'Unexpected key.*"odd"'),
        (lambda t: t.update({"0.bias": torch.ones(5)}), "size mismatch for 0.bias"),
    ],
)
def test_a_checkpoint_of_another_network_is_told_key_by_key(cache, checkpoint, change, reason):
    tensors = small().state_dict()
    change(tensors)
    torch.save(tensors, checkpoint)
    with pytest.raises(ModelError, match=reason) as refused:
        import_checkpoint(registry.imported_models_folder() / "mine", "net", net(), checkpoint)
    assert "\n" not in str(refused.value)
    assert not read_imported()


def test_a_cache_that_cannot_be_made_is_told(tmp_path, monkeypatch, checkpoint):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="set TEMTRACK_CACHE"):
        import_checkpoint(new_model_folder("mine", force=False), "net", net(), checkpoint)

import hashlib
import math

import pytest
from safetensors.torch import load_file

from temtrack.errors import ModelError
from temtrack.models import registry
from temtrack.models.catalog import Kind, kind_of
from temtrack.models.registry import find_model, read_registry, verify, write_run_spec

MODELS = read_registry()
NETWORKS = {name: spec for name, spec in MODELS.items() if spec.weights}
COMMAND = 'temtrack train "Größe=0.5" -o \\runs\\x 🔬'
RIGHT = b"the weights that were scored"


@pytest.fixture
def run_folder(tmp_path):
    write_run_spec(tmp_path, "effsam-tiny", COMMAND)
    (tmp_path / "best.safetensors").write_bytes(RIGHT)
    return tmp_path


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Path of the weights, not yet there, of the only model of another registry."""
    (tmp_path / "models" / "weights").mkdir(parents=True)
    (tmp_path / "models.toml").write_text(
        f'[small]\narchitecture = "a"\nfile = "small.st"\nsha256 = "{hashlib.sha256(RIGHT).hexdigest()}"\n'
    )
    monkeypatch.setattr(registry, "PACKAGE", tmp_path)
    return tmp_path / "models" / "weights" / "small.st"


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS)
def test_every_registered_model_is_whole(spec):
    assert verify(spec) == spec.sha256


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=NETWORKS)
def test_every_registered_model_has_the_parameters_that_are_told(spec):
    tensors = load_file(spec.weights)
    constants = (
        "positional_encoding_gaussian_matrix",
        "relative_position_index",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    )
    norms = tuple(name.removesuffix("running_mean") for name in tensors if name.endswith("running_mean"))
    frozen = norms if kind_of(spec.architecture) is Kind.tracker else ()
    counted = [name for name in tensors if not name.endswith(constants) and not name.startswith(frozen)]
    n = sum(math.prod(tensors[name].shape) for name in counted)
    assert n == spec.facts["parameters"]


@pytest.mark.parametrize("fact", ["licence", "data", "command"])
@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_every_registered_model_tells_how_it_came_to_be(spec, fact):
    assert spec.facts.get(fact), f"models.toml: [{spec.name}] lacks '{fact}'"


def test_a_model_is_found_by_name_and_a_run_by_its_folder(run_folder):
    assert find_model("effsam-tiny") == MODELS["effsam-tiny"]
    run = find_model(str(run_folder))
    assert (run.architecture, run.weights) == ("effsam-tiny", run_folder / "best.safetensors")
    assert run.facts["command"] == COMMAND
    assert verify(run) == hashlib.sha256(RIGHT).hexdigest()


def test_a_name_misspelt_is_refused_with_the_near_one():
    with pytest.raises(ModelError, match="Did you mean 'effsam-tiny'"):
        find_model("effsam-tny")
    with pytest.raises(ModelError, match=r"unknown model 'no/such'.*folder\.$"):
        find_model("no/such")


def test_missing_and_damaged_weights_are_refused(weights):
    with pytest.raises(ModelError, match="No such file"):
        verify(find_model("small"))
    weights.write_bytes(RIGHT[:-1] + b"?")
    with pytest.raises(ModelError, match="damaged: sha256"):
        verify(find_model("small"))
    weights.write_bytes(RIGHT)
    verify(find_model("small"))


@pytest.mark.parametrize(
    "text",
    [b"architecture = ", b'architecture = "effsam-tiny"', b'architecture = "a"\nfile = 3', b"\xff\xfe"],
)
def test_a_damaged_run_description_is_refused(run_folder, text):
    (run_folder / "model.toml").write_bytes(text)
    with pytest.raises(ModelError, match="no model description"):
        find_model(str(run_folder))

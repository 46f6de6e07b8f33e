"""One table of architectures: each builds what it says, and what does not fit is refused."""

import sys

import pytest
import torch

from temtrack.errors import ModelError
from temtrack.models.catalog import ARCHITECTURES, PLAIN_METHODS, SEGMENTING, Kind, find_architecture, kind_of
from temtrack.models.checkpoints import load_weights
from temtrack.models.registry import ModelSpec, names_for, read_registry
from temtrack.segmentation.adapters import ADAPTERS


def test_weights_that_are_missing_are_told(tmp_path):
    with pytest.raises(ModelError, match="weights of 'lost' cannot be read"):
        load_weights(torch.nn.Linear(1, 1), ModelSpec("lost", "tiny", tmp_path / "none", None, {}))


@pytest.mark.parametrize(
    ("name", "kinds", "reason"),
    [
        ("effsam-huge", (), "unknown network 'effsam-huge': known are effsam-tiny, swin-unet"),
        ("deaot-tt", (), "Did you mean 'deaot-t'"),
        ("deaot-t", SEGMENTING, "'deaot-t' is no segmenter or detector: those are effsam-tiny"),
        ("effsam-tiny", (Kind.tracker,), "'effsam-tiny' is no tracker: those are deaot-t"),
    ],
)
def test_an_architecture_of_the_wrong_kind_is_refused_with_those_that_fit(name, kinds, reason):
    with pytest.raises(ModelError, match=reason):
        find_architecture(name, *kinds)


@pytest.mark.parametrize("name", PLAIN_METHODS)
def test_what_is_no_network_cannot_be_built(name):
    with pytest.raises(ModelError, match=f"'{name}' is no network: it has no weights, and nothing to train"):
        find_architecture(name).build()


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("yolov8n-seg", "ultralytics.nn.tasks", "yolo"), ("sam-vit-b", "segment_anything", "sam")],
)
def test_a_network_whose_package_is_missing_says_how_to_get_it(monkeypatch, name, package, extra):
    architecture = ARCHITECTURES[name]
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, f"temtrack.nets.{architecture.family}", raising=False)
    with pytest.raises(ModelError) as refused:
        architecture.build()
    assert str(refused.value).endswith(f"pip install 'temtrack[{extra}]'")


@pytest.mark.parametrize(
    "name", [each.name for each in ARCHITECTURES.values() if each.builder and not each.extra]
)
def test_every_network_without_a_package_of_its_own_is_built(name):
    assert isinstance(ARCHITECTURES[name].build(), torch.nn.Module)


def test_every_family_that_segments_has_an_adapter():
    families = {each.family for each in ARCHITECTURES.values() if each.kind in SEGMENTING and each.family}
    assert families == ADAPTERS.keys()


def test_every_registered_model_is_of_a_known_architecture():
    assert all(kind_of(spec.architecture) is not None for spec in read_registry().values())
    assert kind_of("effsam-huge") is None


def test_models_and_methods_are_listed_by_what_they_are_for(monkeypatch, tmp_path):
    monkeypatch.setenv("TEMTRACK_CACHE", str(tmp_path))
    assert names_for(Kind.tracker)[:3] == ["overlap", "trackpy", "deaot-t"]
    found = names_for(*SEGMENTING)
    assert found.count("otsu") == 1
    assert {"effsam-tiny", "yolov8n-seg"} <= set(found)
    assert "deaot-t" not in found

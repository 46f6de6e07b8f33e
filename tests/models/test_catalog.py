import sys

import pytest
import torch

from temtrack.errors import ModelError, UsageError
from temtrack.models.catalog import (
    SEGMENTERS,
    build_network,
    build_propagator,
    build_segmenter,
    find_device,
    load_weights,
)
from temtrack.models.registry import ModelSpec


def test_weights_that_are_missing_are_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        load_weights(torch.nn.Linear(1, 1), ModelSpec("lost", "tiny", tmp_path / "none", None, {}))


@pytest.mark.parametrize(
    ("build", "name", "reason"),
    [
        (build_network, "effsam-huge", "unknown network 'effsam-huge': known are effsam-tiny, swin-unet"),
        (build_network, "deaot-tt", "Did you mean 'deaot-t'"),
        (build_network, "otsu", "'otsu' is no network: it has no weights, and nothing to train"),
        (build_segmenter, "deaot-t", "'deaot-t' is no network that segments: those are effsam-tiny"),
        (build_propagator, "effsam-tiny", "'effsam-tiny' is no network that carries ids: those are deaot-t"),
    ],
)
def test_a_network_of_the_wrong_kind_is_refused_with_those_that_fit(build, name, reason):
    with pytest.raises(ModelError, match=reason):
        build(name)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("yolov8n-seg", "ultralytics.nn.tasks", "yolo"), ("sam-vit-b", "segment_anything", "sam")],
)
def test_a_network_whose_package_is_missing_says_how_to_get_it(monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, SEGMENTERS[name][0], raising=False)
    with pytest.raises(ModelError) as refused:
        build_segmenter(name)
    assert str(refused.value).endswith(f"pip install 'temtrack[{extra}]'")


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

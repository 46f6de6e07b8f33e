"""A network written as ONNX predicts for other programs what it predicts here."""

import numpy as np
import pytest
import torch
from needs import need_module

from temtrack.errors import ModelError
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.adapters import EFFICIENT_SAM
from temtrack.segmentation.onnx_export import MapsNetwork, load_maps_network, write_onnx
from temtrack.segmentation.tiling import View, predict_logits


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = EfficientSam(dim=24, depth=1, n_heads=3, prompt_dim=64)
    return MapsNetwork(net, EFFICIENT_SAM.predict_dense).eval()


@torch.inference_mode()
def test_maps_are_those_that_segment_makes(network):
    grey = np.random.default_rng(0).random((48, 64), np.float32)
    logits = predict_logits(
        lambda tile: network.predict(network.net, tile),
        grey,
        View(1.0),
        EFFICIENT_SAM.tiling,
        torch.device("cpu"),
    )
    maps = network(torch.from_numpy(grey)[None, None])[0]
    np.testing.assert_allclose(maps, logits.probabilities(grey.shape), atol=1e-5)


def test_another_program_predicts_the_same_at_any_size(network, tmp_path):
    need_module("onnx")
    onnxruntime = need_module("onnxruntime")
    write_onnx(tmp_path / "net.onnx", network, 64)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    for shape in ((64, 96), (32, 48), (112, 80)):
        image = torch.rand(1, 1, *shape)
        (maps,) = session.run(None, {"image": image.numpy()})
        with torch.inference_mode():
            np.testing.assert_allclose(maps, network(image), atol=1e-3)


def test_without_the_package_the_extra_is_named(network, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'temtrack\[onnx\]'"):
        write_onnx(tmp_path / "net.onnx", network)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["otsu", "yolov8n-seg+effsam-tiny"])
def test_what_predicts_no_maps_is_refused(name):
    with pytest.raises(ModelError, match="export"):
        load_maps_network(name)

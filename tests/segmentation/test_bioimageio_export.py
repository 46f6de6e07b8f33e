"""A network as a model of bioimage.io: what ilastik, Fiji and QuPath read, with a test of its own."""

import json
import zipfile

import numpy as np
import pytest
import torch
from needs import need_module

from temtrack.imaging.intensity import rescale_intensity
from temtrack.models.registry import sha256_of
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.segmentation.adapters import EFFICIENT_SAM
from temtrack.segmentation.bioimageio_export import DESCRIPTION, MAPS, write_bioimageio
from temtrack.segmentation.onnx_export import MapsNetwork


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder of a zip file that was written of a small network."""
    need_module("onnx")
    torch.manual_seed(0)
    net = EfficientSam(dim=24, depth=1, n_heads=3, prompt_dim=64)
    folder = tmp_path_factory.mktemp("bioimageio")
    path = folder / "small.bioimageio.zip"
    write_bioimageio(path, "effsam-tiny", MapsNetwork(net, EFFICIENT_SAM.predict_dense).eval())
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "in")
    return folder / "in"


@pytest.fixture
def described(exported):
    return json.loads((exported / DESCRIPTION).read_text(encoding="utf-8"))


def test_the_test_output_is_what_another_program_makes_of_the_test_input(exported, described):
    session = need_module("onnxruntime").InferenceSession(exported / described["weights"]["onnx"]["source"])
    (told,), (answer,) = described["inputs"], described["outputs"]
    image = np.load(exported / told["test_tensor"]["source"])
    scale, clip = told["preprocessing"]
    low, high = np.percentile(
        image, [scale["kwargs"]["min_percentile"], scale["kwargs"]["max_percentile"]], axis=(1, 2, 3)
    )
    grey = np.clip((image - low) / (high - low), clip["kwargs"]["min"], clip["kwargs"]["max"])
    np.testing.assert_allclose(grey[0, 0], rescale_intensity(image[0, 0]), atol=1e-5)
    (maps,) = session.run(None, {told["id"]: grey.astype(np.float32)})
    np.testing.assert_allclose(maps, np.load(exported / answer["test_tensor"]["source"]), atol=1e-3)
    assert maps.shape[1] == len(MAPS)


def test_every_file_is_told_with_its_checksum(exported, described):
    parts = [described["weights"]["onnx"]]
    parts += [one["test_tensor"] for one in (*described["inputs"], *described["outputs"])]
    assert [sha256_of(exported / part["source"]) for part in parts] == [part["sha256"] for part in parts]
    told = {part["source"] for part in parts} | {described["documentation"], DESCRIPTION}
    assert told == {path.name for path in exported.iterdir()}


def test_sides_and_licence_are_told(described):
    sides = [axis for axis in described["inputs"][0]["axes"] if axis["type"] == "space"]
    assert [side["size"]["step"] for side in sides] == [16, 16]
    assert described["license"] == "BSD-3-Clause"

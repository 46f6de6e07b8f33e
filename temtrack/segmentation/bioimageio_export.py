"""Networks for ilastik, Fiji and QuPath: a model description of bioimage.io with all that belongs to it.

It is a zip file with the network as ONNX, a test image with the maps that it gives of it, and a description,
version 0.5 of https://bioimage.io/docs, which also says how an image is brought to the network's grey values.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from temtrack import __version__
from temtrack.formats.store.atomic import whole_file
from temtrack.imaging.intensity import HIGH_PERCENTILE, LOW_PERCENTILE, rescale_intensity
from temtrack.models.registry import find_model, sha256_of
from temtrack.nets.efficient_sam import PATCH
from temtrack.segmentation.onnx_export import INPUT, OPSET, OUTPUT, MapsNetwork, write_onnx

SUFFIX = ".bioimageio.zip"

#: Of the description, which is JSON, as each YAML parser reads it.
DESCRIPTION = "rdf.yaml"

MAPS = ("foreground", "marker", "boundary")

_FORMAT_VERSION = "0.5.4"

_TEST_SIDE_PX, _TEST_DIAMETER_PX = 256, 40

_SUMMARY = "Particles in images of transmission electron microscopes, dark on a brighter background."

_DOCUMENTATION = """# {name}

{summary}

Three maps, 0 to 1: foreground; a marker inside each particle; the boundary where two particles touch.
Particles are the foreground above 0.5, divided by a watershed from the markers.

- Particles should be about 40 px wide: resize the image before. Invert it where they are bright.
- Grey values are scaled between the {low} and {high} percentiles. Outlines are drawn where the grey value is
  0.5: shift the image where the level halfway between background and particles lies elsewhere.
- Sides are multiples of {patch} px.

# Validation

`temtrack models show {name}` tells scores on images that it was not trained on. Outline some particles of
your own images and compare.

temtrack resizes, centres and divides by itself. Written by temtrack {version} from weights of sha256
{sha256}.
"""


def write_bioimageio(path: Path, name: str, network: MapsNetwork) -> None:
    """Write a network as a model of bioimage.io.

    Parameters
    ----------
    path
        The zip file.
    name
        The model of the network, whose licence and checksum are told.
    network
        See `temtrack.segmentation.onnx_export.load_maps_network`.

    Raises
    ------
    ModelError
        As `write_onnx`.
    OutputError
        If it cannot be written.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_onnx(folder / "weights.onnx", network)
        image = _test_image()
        with torch.inference_mode():
            maps = network(torch.from_numpy(rescale_intensity(image[0, 0]))[None, None]).numpy()
        np.save(folder / "test_input.npy", image)
        np.save(folder / "test_output.npy", maps)
        spec = find_model(name)
        licence = spec.facts.get("licence")
        told = {
            "name": Path(name).name,
            "summary": _SUMMARY,
            "low": LOW_PERCENTILE,
            "high": HIGH_PERCENTILE,
            "patch": PATCH,
            "version": __version__,
            "sha256": "unknown" if spec.weights is None else sha256_of(spec.weights),
        }
        (folder / "README.md").write_text(_DOCUMENTATION.format(**told), encoding="utf-8")
        described = describe(folder, Path(name).name, str(licence) if licence else None)
        (folder / DESCRIPTION).write_text(json.dumps(described, indent=1), encoding="utf-8")
        with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)


def describe(folder: Path, name: str, licence: str | None) -> dict[str, Any]:
    """Return the description of a model whose files lie in a folder; ``licence`` by its SPDX identifier."""
    space = [{"type": "space", "id": side, "size": {"min": 4 * PATCH, "step": PATCH}} for side in "yx"]
    same = [{**axis, "size": {"tensor_id": INPUT, "axis_id": axis["id"]}} for axis in space]
    percentiles = {"min_percentile": LOW_PERCENTILE, "max_percentile": HIGH_PERCENTILE}
    described = {
        "format_version": _FORMAT_VERSION,
        "type": "model",
        "name": name,
        "description": _SUMMARY,
        "authors": [{"name": "The temtrack developers"}],
        "cite": [
            {
                "text": "Xiong et al. 2023, EfficientSAM: Leveraged Masked Image Pretraining for Efficient "
                "Segment Anything",
                "doi": "10.48550/arXiv.2312.00863",
            }
        ],
        "tags": ["TEM", "electron-microscopy", "nanoparticles", "instance-segmentation", "2d"],
        "documentation": "README.md",
        "timestamp": datetime.now(UTC).isoformat(),
        "inputs": [
            {
                "id": INPUT,
                "description": "grey values of any scale; particles about 40 px wide and dark",
                "axes": [
                    {"type": "batch", "size": 1},
                    {"type": "channel", "channel_names": ["grey"]},
                    *space,
                ],
                "data": {"type": "float32"},
                "test_tensor": _file(folder / "test_input.npy"),
                "preprocessing": [
                    {"id": "scale_range", "kwargs": {"axes": ["channel", "y", "x"], **percentiles}},
                    {"id": "clip", "kwargs": {"min": 0.0, "max": 1.0}},
                ],
            }
        ],
        "outputs": [
            {
                "id": OUTPUT,
                "description": "probabilities of foreground, particle marker and touching boundary",
                "axes": [
                    {"type": "batch", "size": 1},
                    {"type": "channel", "channel_names": list(MAPS)},
                    *same,
                ],
                "data": {"type": "float32"},
                "test_tensor": _file(folder / "test_output.npy"),
            }
        ],
        "weights": {"onnx": {**_file(folder / "weights.onnx"), "opset_version": OPSET}},
    }
    return described | ({"license": licence} if licence else {})


def _file(path: Path) -> dict[str, str]:
    return {"source": path.name, "sha256": sha256_of(path)}


def _test_image() -> NDArray[np.float32]:
    """Draw dark discs with noise, two of which touch, (1, 1, Y, X)."""
    y, x = np.mgrid[:_TEST_SIDE_PX, :_TEST_SIDE_PX]
    image = np.random.default_rng(0).normal(200.0, 8.0, y.shape)
    for cy, cx in ((60, 60), (60, 60 + _TEST_DIAMETER_PX), (180, 90), (150, 200)):
        image -= 100.0 * (np.hypot(y - cy, x - cx) < _TEST_DIAMETER_PX / 2)
    return np.asarray(image[None, None], np.float32)

"""Networks for other programs: from a centred image to the maps of its particles, as ONNX."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.onnx import errors

from temtrack.errors import ModelError
from temtrack.formats.store.atomic import whole_file
from temtrack.models.catalog import SEGMENTING, find_architecture
from temtrack.models.checkpoints import load_weights
from temtrack.models.registry import find_model, parts_of
from temtrack.segmentation.adapters import ADAPTERS, DenseAdapter

#: Side of the image (px) for which a network is written down; it takes others, of the multiple, all the same.
TRACED_PX = 512

#: The version of ONNX's operators, which programs of 2022 and later know.
OPSET = 17

INPUT, OUTPUT = "image", "maps"


class MapsNetwork(nn.Module):
    """A network from an image to the maps of particles, both at one size.

    Parameters
    ----------
    net, predict
        The network, and what it is asked: see `temtrack.segmentation.adapters.DenseAdapter`.
    """

    def __init__(self, net: nn.Module, predict: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.net = net
        self.predict = predict

    def forward(self, image: Tensor) -> Tensor:
        """Predict probabilities (1, 3, Y, X) of an image (1, 1, Y, X) of centred grey values."""
        logits = self.predict(self.net, image.expand(-1, 3, -1, -1)).float()
        return F.interpolate(logits, image.shape[-2:], mode="bilinear", align_corners=False).sigmoid()


def load_maps_network(name: str) -> MapsNetwork:
    """Load a model as a network from image to maps, in float32.

    Raises
    ------
    ModelError
        Where there is no such model, or it predicts no maps.
    """
    if len(parts_of(name)) > 1:
        raise ModelError(f"'{name}' is two models; export one of them")
    spec = find_model(name)
    architecture = find_architecture(spec.architecture, *SEGMENTING)
    adapter = None if architecture.family is None else ADAPTERS[architecture.family]
    if not isinstance(adapter, DenseAdapter):
        raise ModelError(
            f"'{name}' predicts no maps of an image; export effsam-tiny, or a run trained from it"
        )
    net = architecture.build()
    load_weights(net, spec)
    return MapsNetwork(net, adapter.predict_dense).eval()


def write_onnx(path: Path, network: MapsNetwork, traced_px: int = TRACED_PX) -> None:
    """Write a network as ONNX, for images of any height and width that fit it.

    Raises
    ------
    ModelError
        Where the package ``onnx`` is missing, or the network holds what ONNX has no words for.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ModelError("--to onnx needs the package onnx: pip install 'temtrack[onnx]'")
    example = torch.zeros(1, 1, traced_px, traced_px + traced_px // 2)
    sides = {2: "height", 3: "width"}
    with warnings.catch_warnings(), torch.no_grad(), whole_file(path) as part:
        # The exporter that torch recommends takes half a minute for what this one does in a second.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                network,
                (example,),
                str(part),
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: sides, OUTPUT: sides},
            )
        except (errors.UnsupportedOperatorError, errors.SymbolicValueError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(
                f"this network cannot be written as ONNX: {reason}; export effsam-tiny"
            ) from error

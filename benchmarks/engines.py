"""Time the network of one tile by torch, compiled or not, ONNX Runtime and OpenVINO in turns, on one core.

Run ``python benchmarks/engines.py`` where the packages onnx, onnxruntime and openvino are. The engines take
turns, and processor time is counted, so that whatever else the machine does slows down all.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.nets.device import bf16_where_native
from temtrack.segmentation.onnx_export import INPUT, load_maps_network, write_onnx

CPU = torch.device("cpu")
SEED = 0

Maps = NDArray[np.float32]
Engine = Callable[[], Maps]
Network = Callable[[torch.Tensor], torch.Tensor]


def by_torch(network: Network, image: torch.Tensor, *, used: bool) -> Engine:
    """Return torch in float32, or as ``segment`` runs it."""

    def predict() -> Maps:
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            if not used:
                return network(image).numpy()
        with torch.inference_mode(), bf16_where_native(CPU):
            return network(image).numpy()

    return predict


def compiled(model: str) -> Network:
    """Return a network that torch compiles when it is first asked; that needs a compiler of C++."""
    network: Network = torch.compile(load_maps_network(model))
    return network


def by_onnx_runtime(path: Path, image: Maps) -> Engine:
    """Return ONNX Runtime on one core."""
    import onnxruntime  # not an extra: only this benchmark needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    return lambda: session.run(None, {INPUT: image})[0]


def by_openvino(path: Path, image: Maps, precision: str) -> Engine:
    """Return OpenVINO on one core, in a precision as it calls them."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(image.shape)
    how = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = core.compile_model(model, "CPU", how).create_infer_request()
    return lambda: request.infer({0: image})[0]


def engines(folder: Path, model: str, side: int) -> dict[str, Engine]:
    """Return every engine by name, on one random image; the first is what others are compared with."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    torch.set_num_threads(1)
    image = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(SEED))
    path, small = folder / "net.onnx", folder / "int8.onnx"
    network = load_maps_network(model)
    write_onnx(path, network)
    quantize_dynamic(path, small, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
    return {
        "torch, as segment runs it": by_torch(load_maps_network(model), image, used=True),
        "torch.compile, as segment runs it": by_torch(compiled(model), image, used=True),
        "torch, float32": by_torch(network, image, used=False),
        "ONNX Runtime, float32": by_onnx_runtime(path, image.numpy()),
        "ONNX Runtime, int8 weights": by_onnx_runtime(small, image.numpy()),
        "OpenVINO, float32": by_openvino(path, image.numpy(), "f32"),
        "OpenVINO, bfloat16": by_openvino(path, image.numpy(), "bf16"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="effsam-tiny")
    parser.add_argument("--side", type=int, default=512, metavar="PX")
    parser.add_argument("--repeats", type=int, default=7, metavar="N")
    add_json_option(parser)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = engines(Path(folder), words.model, words.side)
        exact = ways["torch, float32"]()
        errors = {name: float(np.abs(run() - exact).max()) for name, run in ways.items()}
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(words.repeats):
            for name, run in ways.items():
                begun = time.process_time()
                run()
                spent[name].append(time.process_time() - begun)
    used = np.median(spent["torch, as segment runs it"])
    rows = [
        {"engine": name, "times as fast": float(used / np.median(spent[name])), "greatest difference": error}
        for name, error in errors.items()
    ]
    note = "The difference is that of probabilities to those of torch in float32."
    result = BenchmarkResult(
        title="Engines of the segmentation network",
        data=f"a random image of {words.side} px",
        split="-",
        seed=str(SEED),
        tables=[ResultTable(f"The network of {words.model} beside torch as segment runs it", rows, note)],
    )
    publish(result, words.json)


if __name__ == "__main__":
    main()

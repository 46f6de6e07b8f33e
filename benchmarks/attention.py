"""Time the encoder at 1024 px as `segment` runs it beside attention that is spelt out, in one run.

Run ``python benchmarks/attention.py --threads 2``. *used* computes in bfloat16 where the device does, as
`segment`; *fused* and *explicit* compute in float32, *explicit* as published. They take turns, so that
whatever else the machine does slows down all.
"""

from __future__ import annotations

import argparse
import time
from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
import torch
from results import BenchmarkResult, ResultTable, add_json_option, publish

from temtrack.nets import layers
from temtrack.nets.device import bf16_where_native
from temtrack.nets.efficient_sam import EfficientSam

WAYS = ("used", "fused", "explicit")


def embed(net: EfficientSam, image: torch.Tensor, way: str) -> torch.Tensor:
    """Embed an image one way."""
    attend = layers.attend_explicitly if way == "explicit" else layers.attend
    precision = bf16_where_native(image.device) if way == "used" else nullcontext()
    with precision, patch.object(layers, "attend", attend):
        return net.embed(image)


def seconds(net: EfficientSam, image: torch.Tensor, way: str) -> float:
    """Time one embedding."""
    start = time.perf_counter()
    embed(net, image, way)
    if image.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


@torch.inference_mode()
def measure(device: torch.device, side: int, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of ``repeats`` embeddings of each way, in turns, after one to warm up."""
    torch.manual_seed(0)
    net = EfficientSam().to(device).eval()
    image = torch.rand(1, 3, side, side, device=device)
    difference = (embed(net, image, "fused") - embed(net, image, "explicit")).abs().max()
    if difference > 1e-3:
        raise ValueError(f"fused and explicit attention differ by {difference:g}")
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(repeats + 1):
        for way in WAYS:
            taken = seconds(net, image, way)
            if turn:
                times[way].append(taken)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024, help="px")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    add_json_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    times = measure(torch.device(arguments.device), arguments.side, arguments.repeats)
    explicit_s = np.median(times["explicit"])
    rows = [
        {
            "attention": way,
            "median (s)": float(np.median(taken)),
            "least (s)": min(taken),
            "times as fast as explicit": float(explicit_s / np.median(taken)),
        }
        for way, taken in times.items()
    ]
    title = f"Encoder of EfficientSAM-tiny at {arguments.side} px, {arguments.device}"
    result = BenchmarkResult(
        title="Speed of the encoder",
        data="a random image and random weights",
        split="-",
        seed="0",
        tables=[ResultTable(title, rows, "*used* is as `segment` runs it; the others compute in float32.")],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

"""Time the encoder at 1024 px with fused attention beside the formula spelt out, in one run.

Run ``python benchmarks/attention.py --threads 2``; the ratio is that of the README. The two take turns, so
that whatever else the machine does slows down both.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from temtrack.nets.efficient_sam import Attention, EfficientSam

KINDS: tuple[Attention, ...] = ("fused", "explicit")


def encoders(device: torch.device) -> dict[Attention, EfficientSam]:
    """Build the network with each kind of attention and the same weights."""
    torch.manual_seed(0)
    nets: dict[Attention, EfficientSam] = {kind: EfficientSam(kind=kind).to(device).eval() for kind in KINDS}
    nets["explicit"].load_state_dict(nets["fused"].state_dict())
    return nets


def seconds(net: EfficientSam, image: torch.Tensor) -> float:
    """Time one embedding."""
    start = time.perf_counter()
    net.embed(image)
    if image.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


@torch.inference_mode()
def measure(device: torch.device, side: int, repeats: int) -> dict[Attention, list[float]]:
    """Return the seconds of ``repeats`` embeddings of each kind, in turns, after one to warm up."""
    nets = encoders(device)
    image = torch.rand(1, 3, side, side, device=device)
    difference = (nets["fused"].embed(image) - nets["explicit"].embed(image)).abs().max()
    if difference > 1e-3:
        raise ValueError(f"the two kinds differ by {difference:g}")
    times: dict[Attention, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(repeats):
        for kind in KINDS:
            times[kind].append(seconds(nets[kind], image))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024, help="px")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    times = measure(torch.device(arguments.device), arguments.side, arguments.repeats)
    print(f"encoder at {arguments.side} px, {arguments.device}, {arguments.threads} threads")
    print(f"{'attention':12s} {'median s':>9s} {'least s':>9s}")
    for kind in KINDS:
        print(f"{kind:12s} {np.median(times[kind]):9.3f} {min(times[kind]):9.3f}")
    print(f"ratio of medians: {np.median(times['explicit']) / np.median(times['fused']):.2f}")


if __name__ == "__main__":
    main()

"""Time and peak memory of the chunked selective scan beside a plain step-by-step one, in one run.

Run ``python benchmarks/scan.py --threads 1``; which tells by how much. Sizes are those of the
finest level of ``vmamba`` (64 channels) and ``vmamba-base`` (192) at 512 px: 128 x 128 positions, four
directions, 16 states. The two take turns, so that whatever else the machine does slows down both. Memory is
that of one forward and backward pass in a process of its own, beyond what the operands took.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from results import BenchmarkResult, ResultTable, add_json_option, publish
from torch import Tensor

from temtrack.nets.selective_scan import selective_scan, stepwise_scan

SCANS: dict[str, Callable[..., Tensor]] = {"chunked": selective_scan, "step by step": stepwise_scan}
N_DIRECTIONS, N_STATES = 4, 16


def operands(side: int, dim: int) -> list[Tensor]:
    """Draw operands for ``side`` x ``side`` px: decays and step sizes as at the start of a training."""
    rng = torch.Generator().manual_seed(0)
    shape = ((side // 4) ** 2, 1, N_DIRECTIONS)
    u = torch.randn(*shape, dim, generator=rng)
    delta = torch.exp(torch.empty_like(u).uniform_(np.log(1e-3), np.log(0.1), generator=rng))
    a = -torch.arange(1.0, N_STATES + 1).view(1, -1, 1).repeat(N_DIRECTIONS, 1, dim)
    b, c = torch.randn(2, *shape, N_STATES, generator=rng)
    return [u, delta, a, b, c, torch.ones(N_DIRECTIONS, dim)]


@torch.inference_mode()
def forward_seconds(side: int, dim: int, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of ``repeats`` forward passes of each scan, in turns, after one to warm up."""
    inputs = operands(side, dim)
    torch.testing.assert_close(*(scan(*inputs) for scan in SCANS.values()), atol=1e-4, rtol=1e-4)
    times: dict[str, list[float]] = {name: [] for name in SCANS}
    for _ in range(repeats):
        for name, scan in SCANS.items():
            start = time.perf_counter()
            scan(*inputs)
            times[name].append(time.perf_counter() - start)
    return times


def training_mib(name: str, side: int, dim: int) -> float:
    """Return by how much a forward and backward pass raises the peak memory of a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_rise_mib, (name, side, dim))


def _peak_rise_mib(name: str, side: int, dim: int) -> float:
    torch.set_num_threads(1)
    inputs = [x.requires_grad_() for x in operands(side, dim)]
    before = _status_mib("VmRSS")
    SCANS[name](*inputs).square().mean().backward()
    return _status_mib("VmHWM") - before


def _status_mib(field: str) -> float:
    """Return this process's memory now (VmRSS) or at its peak (VmHWM) by the kernel's own count (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{field}:\s+(\d+) kB", status)[0]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="px")
    parser.add_argument("--dims", type=int, nargs="+", default=(64, 192), help="channels of a direction")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    add_json_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for dim in arguments.dims:
        times = forward_seconds(arguments.side, dim, arguments.repeats)
        peaks = {name: training_mib(name, arguments.side, dim) for name in SCANS}
        for name in SCANS:
            median_s = {"median (s)": float(np.median(times[name])), "least (s)": min(times[name])}
            rows.append({"channels": dim, "scan": name, **median_s, "training (MiB)": peaks[name]})
    result = BenchmarkResult(
        title="Selective scan of VM-UNet",
        data=f"random operands of an image of {arguments.side} px",
        split="-",
        seed="0",
        tables=[ResultTable("One scan, and the memory of a forward and backward pass", rows)],
    )
    publish(result, arguments.json)


if __name__ == "__main__":
    main()

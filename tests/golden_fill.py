"""Fill a network with known numbers by its parameter names, so that it can be compared without weights."""

import zlib

import numpy as np
import torch


def fill(module: torch.nn.Module) -> None:
    """Fill every floating tensor in place; each depends on its name and shape alone."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(np.asarray(_values(name, tuple(tensor.shape)))))


def image(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Smooth blobs plus noise in [0, 1]."""
    rng = np.random.default_rng(seed)
    *_, h, w = shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    a = np.zeros((h, w), np.float32)
    for _ in range(12):
        cy, cx, r = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0.03, 0.12) * h
        a += np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / r**2)
    a = np.clip(1 - 0.5 * a + rng.normal(0, 0.05, (h, w)), 0, 1).astype(np.float32)
    return torch.from_numpy(np.broadcast_to(a, shape).copy())


def _values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    n = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, dtype=np.float32)
    if name.endswith("running_var"):
        return 1 + 0.1 * np.abs(n)
    if len(shape) <= 1:
        return 1 + 0.05 * n if name.endswith("weight") else 0.05 * n
    if name.endswith("A_logs"):
        return np.log(np.arange(1, shape[-1] + 1, dtype=np.float32)) + 0.01 * n
    return n / np.sqrt(int(np.prod(shape[1:])), dtype=np.float32)

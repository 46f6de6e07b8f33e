"""The training loop, in the open: draw, predict, lose, step, average, test, write."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from temtrack.errors import TrainingError
from temtrack.nets.efficient_sam import EfficientSam
from temtrack.training.batches import Batch, collate
from temtrack.training.checkpoints import load_state, save_state, save_weights
from temtrack.training.config import TrainConfig
from temtrack.training.dataset import Sample, Source
from temtrack.training.history import EpochRow, read_rows, write_rows
from temtrack.training.losses import foreground_counts, iou_loss, map_loss


@dataclass(frozen=True)
class Score:
    """Loss, and IoU and Dice of the foreground pooled over pixels."""

    loss: float
    iou: float
    dice: float


class ScoreSum:
    """Sum of losses and pixel counts over batches."""

    def __init__(self) -> None:
        self.loss, self.n, self.counts = 0.0, 0, torch.zeros(3, dtype=torch.float64)

    def add(self, loss: Tensor, counts: Tensor) -> None:
        """Add one batch's loss and its overlap, found and true pixel counts."""
        self.loss, self.n = self.loss + float(loss), self.n + 1
        self.counts += counts.cpu()

    def score(self) -> Score:
        """Return the mean loss and the pooled scores; NaN where nothing was counted."""
        overlap, found, true = self.counts.tolist()
        union, total = found + true - overlap, found + true
        return Score(
            self.loss / max(self.n, 1),
            overlap / union if union else math.nan,
            2 * overlap / total if total else math.nan,
        )


def train(
    net: EfficientSam,
    draw: Source,
    test_samples: Sequence[Sample],
    config: TrainConfig,
    folder: Path,
    device: torch.device,
    report: Callable[[EpochRow], None],
) -> None:
    """Train ``net`` and write weights, state and log into ``folder``, or go on from its ``state.pt``.

    Each step's samples depend on the seed and the step alone, so a resumed run repeats an unbroken one.

    Raises
    ------
    TrainingError
        Where the loss is no longer finite; the last good weights stay in the folder.
    """
    net.to(device)
    average = copy.deepcopy(net).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(_parameter_groups(net, config.weight_decay), lr=config.learning_rate)
    start = load_state(folder, net, average, optimizer)
    rows = read_rows(folder) if start else []
    test_batches = _test_batches(test_samples, config)
    batches = _batches(draw, config, start)
    running, since = ScoreSum(), time.monotonic()
    for step in range(start, config.n_steps):
        batch = next(batches).to(device)
        loss, counts = _loss(net, batch, config.prompt_weight, device)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"loss is {loss.item()} at step {step}: {folder} keeps the last good weights; lower --lr"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), config.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        optimizer.step()
        _follow(average, net, min(config.ema_decay, (1 + step) / (10 + step)))
        running.add(loss.detach(), counts)
        if (step + 1) % config.steps_per_epoch and step + 1 < config.n_steps:
            continue
        test = _test(average, test_batches, config.prompt_weight, device)
        rows.append(_epoch_row(len(rows), running.score(), test, time.monotonic() - since))
        best = min(range(len(rows)), key=lambda epoch: rows[epoch].test_loss)
        if best == len(rows) - 1:
            save_weights(folder / "best.safetensors", average)
        save_weights(folder / "last.safetensors", average)
        save_state(folder, step + 1, net, average, optimizer)
        write_rows(folder, rows)
        report(rows[-1])
        running, since = ScoreSum(), time.monotonic()
        if config.patience_epochs and len(rows) - 1 - best >= config.patience_epochs:
            break


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine down to a hundredth."""
    warmup = max(1, round(config.warmup_share * config.n_steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, config.n_steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def bf16_where_native(device: torch.device) -> AbstractContextManager[None]:
    """Return an autocast context to bfloat16 where the device computes in it."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported()
    else:
        native = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def _batches(draw: Source, config: TrainConfig, start: int) -> Iterator[Batch]:
    """Yield the batches of the steps from ``start`` on; the next is drawn while the last is learned."""

    def batch_of(step: int) -> Batch:
        rng = np.random.default_rng([config.seed, step])
        return collate([draw(rng) for _ in range(config.batch_size)], config.n_prompts, rng)

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(batch_of, start)
        for step in range(start, config.n_steps):
            batch = coming.result()
            coming = pool.submit(batch_of, step + 1)
            yield batch


def _loss(
    net: EfficientSam, batch: Batch, prompt_weight: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the loss and the foreground's overlap, found and true pixel counts.

    Maps are compared at half the input's side: finer than the network's own grid, and cheap.
    """
    with bf16_where_native(device):
        logits, iou = net.decode(net.embed(batch.images), batch.xy, batch.point_labels)
    queries = logits.flatten(0, 1).float()
    fine = F.interpolate(queries, scale_factor=2, mode="bilinear", align_corners=False)
    fine = fine.view(*logits.shape[:3], *fine.shape[-2:])
    targets = F.avg_pool2d(batch.targets.flatten(0, 1), 2).view_as(fine)
    loss = map_loss(fine[:, :1], targets[:, :1], batch.weights[:, :1])
    if targets.shape[1] > 1:
        loss = loss + prompt_weight * map_loss(fine[:, 1:], targets[:, 1:], batch.weights[:, 1:])
    loss = loss + iou_loss(iou, fine, targets, batch.weights)
    return loss, foreground_counts(fine.detach(), targets, batch.weights)


@torch.no_grad()
def _test(net: EfficientSam, batches: Sequence[Batch], prompt_weight: float, device: torch.device) -> Score:
    total = ScoreSum()
    for batch in batches:
        total.add(*_loss(net, batch.to(device), prompt_weight, device))
    return total.score()


def _test_batches(samples: Sequence[Sample], config: TrainConfig) -> list[Batch]:
    rng = np.random.default_rng(config.seed)
    size = config.batch_size
    return [collate(samples[i : i + size], config.n_prompts, rng) for i in range(0, len(samples), size)]


@torch.no_grad()
def _follow(average: EfficientSam, net: EfficientSam, decay: float) -> None:
    """Move the averaged weights towards the trained ones."""
    for slow, fast in zip(average.parameters(), net.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def _parameter_groups(net: EfficientSam, weight_decay: float) -> list[dict[str, object]]:
    """Decay matrices and kernels, not biases, norms and embeddings of position."""
    decayed = [p for name, p in net.named_parameters() if p.ndim >= 2 and "pos_embed" not in name]
    kept = [p for name, p in net.named_parameters() if p.ndim < 2 or "pos_embed" in name]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]


def _epoch_row(epoch: int, train: Score, test: Score, seconds: float) -> EpochRow:
    return EpochRow(
        epoch, train.loss, test.loss, train.iou, test.iou, train.dice, test.dice, round(seconds, 2)
    )

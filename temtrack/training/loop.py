"""The training loop, in the open: draw, predict, lose, step, average, test, write."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import torch
from torch import Tensor, nn

from temtrack.errors import TrainingError
from temtrack.training.checkpoints import Progress, load_state, save_state, save_weights
from temtrack.training.config import TrainConfig
from temtrack.training.distributed import Ranks, find_ranks
from temtrack.training.history import EpochRow, read_rows, write_rows
from temtrack.training.task import AnyBatch, Net, Task

#: Parameters that weight decay would spoil though they have the shape of a matrix.
NEVER_DECAYED = ("pos_embed", "relative_position_bias_table", "A_logs", "dt_projs_bias")


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
    net: Net,
    task: Task[Net, AnyBatch],
    config: TrainConfig,
    folder: Path,
    device: torch.device,
    report: Callable[[EpochRow], None],
) -> None:
    """Train ``net`` and write weights, state and log into ``folder``, or go on from its ``state.pt``.

    Each step's batches depend on the seed and the step alone, so a resumed run repeats an unbroken one. Where
    several processes train together, each loss and score of training is the first one's.

    Raises
    ------
    TrainingError
        Where the loss is no longer finite; the last good weights stay in the folder.
    """
    ranks = find_ranks()
    net.to(device).train()
    average = copy.deepcopy(net).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(parameter_groups(net, config.weight_decay), lr=config.learning_rate)
    done = load_state(folder, net, average, optimizer)
    rows = read_rows(folder)[: done.n_epochs]  # a run killed between log and state has one more
    batches = _batches(task.draw, done.step, config, ranks)
    running, since = ScoreSum(), time.monotonic()
    for step in range(done.step, config.n_steps):
        if step >= config.freeze_norms_share * config.n_steps:
            freeze_norms(net)
        optimizer.zero_grad(set_to_none=True)
        for batch in islice(batches, config.accumulate):
            loss, counts = task.loss(net, batch.to(device))
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"loss is {loss.item()} at step {step}: {folder} keeps the last good weights; lower --lr"
                )
            (loss / config.accumulate).backward()  # type: ignore[no-untyped-call]
            running.add(loss.detach(), counts)
        ranks.average(net)
        nn.utils.clip_grad_norm_(net.parameters(), config.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        optimizer.step()
        follow(average, net, min(config.ema_decay, (1 + step) / (10 + step)))
        if (step + 1) % config.steps_per_epoch and step + 1 < config.n_steps:
            continue
        if ranks.leads:
            test = _test(average, task, device)
            rows.append(_epoch_row(len(rows), running.score(), test, time.monotonic() - since))
            if _best(rows) == len(rows) - 1:
                save_weights(folder / "best.safetensors", average)
            save_weights(folder / "last.safetensors", average)
            write_rows(folder, rows)  # before the state, which says how many of them count
            save_state(folder, Progress(step + 1, len(rows)), net, average, optimizer)
            report(rows[-1])
        running, since = ScoreSum(), time.monotonic()
        if config.patience_epochs and ranks.agree(_n_without_gain(rows) >= config.patience_epochs, device):
            break


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine down to a hundredth."""
    warmup = max(1, round(config.warmup_share * config.n_steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, config.n_steps - warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def freeze_norms(net: nn.Module) -> None:
    """Let batch normalisation use and keep the statistics that it has."""
    for module in net.modules():
        if isinstance(getattr(module, "running_mean", None), Tensor):
            module.eval()


def _batches(
    draw: Callable[[int, int], AnyBatch], start: int, config: TrainConfig, ranks: Ranks
) -> Iterator[AnyBatch]:
    """Yield this process's batches from step ``start`` on; the next is drawn while the last is learned."""
    own = range(ranks.rank, config.accumulate * ranks.n, ranks.n)
    wanted = product(range(start, config.n_steps), own)
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = [pool.submit(draw, *place) for place in islice(wanted, 1)]
        while coming:
            batch = coming.pop().result()
            coming += [pool.submit(draw, *place) for place in islice(wanted, 1)]
            yield batch


def _best(rows: Sequence[EpochRow]) -> int:
    """Return the epoch of the lowest loss on the test samples."""
    return min(range(len(rows)), key=lambda epoch: rows[epoch].test_loss)


def _n_without_gain(rows: Sequence[EpochRow]) -> int:
    """Return how many epochs there were since the best one."""
    return len(rows) - 1 - _best(rows) if rows else 0


@torch.no_grad()
def _test(net: Net, task: Task[Net, AnyBatch], device: torch.device) -> Score:
    total = ScoreSum()
    for batch in task.test_batches:
        total.add(*task.loss(net, batch.to(device)))
    return total.score()


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move the averaged weights, and statistics of batch normalisation, towards the trained ones."""
    trained = net.state_dict()
    for name, slow in average.state_dict().items():
        if slow.is_floating_point():
            slow.lerp_(trained[name], 1 - decay)
        else:
            slow.copy_(trained[name])


def parameter_groups(net: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay matrices and kernels, not biases, norms, embeddings of position and rates of a scan."""
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in net.named_parameters():
        exempt = parameter.ndim < 2 or name.rpartition(".")[2] in NEVER_DECAYED
        (kept if exempt else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]


def _epoch_row(epoch: int, train: Score, test: Score, seconds: float) -> EpochRow:
    return EpochRow(
        epoch, train.loss, test.loss, train.iou, test.iou, train.dice, test.dice, round(seconds, 2)
    )

"""The training loop, in the open: draw, predict, lose, step, average, test, write."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product

import torch
from torch import Tensor, nn

from temtrack.errors import TrainingError
from temtrack.metrics.pooling import fraction
from temtrack.training import distributed
from temtrack.training.checkpoints import Progress, load_state, save_state, save_weights
from temtrack.training.config import TrainConfig, TrainingRun
from temtrack.training.history import EpochRow, best_row, read_rows, write_rows
from temtrack.training.task import AnyTask, TensorBatch, WithLoss

#: Parameters that weight decay would spoil though they have the shape of a matrix.
NEVER_DECAYED = ("pos_embed", "relative_position_bias_table", "A_logs", "dt_projs_bias")


class RunningMetrics:
    """Mean loss, and IoU and Dice of the foreground pooled over pixels, of the batches so far."""

    def __init__(self) -> None:
        self._loss, self._n, self._counts = 0.0, 0, torch.zeros(3, dtype=torch.float64)

    def add(self, loss: Tensor, counts: Tensor) -> None:
        """Add one batch's loss and its overlap, found and true pixel counts."""
        self._loss, self._n = self._loss + float(loss), self._n + 1
        self._counts += counts.cpu()

    def scores(self) -> tuple[float, float, float]:
        """Return mean loss, IoU and Dice; NaN where nothing was counted."""
        overlap, found, true = self._counts.tolist()
        iou, dice = fraction(overlap, found + true - overlap), fraction(2 * overlap, found + true)
        return self._loss / max(self._n, 1), iou, dice


def train(net: nn.Module, task: AnyTask, run: TrainingRun) -> None:
    """Train ``net`` and write weights, state and log into the run's folder, or go on from its ``state.pt``.

    Each step's batches depend on the seed and the step alone, so a resumed run repeats an unbroken one. Where
    several processes train together, each loss and score of training is the main one's.

    Raises
    ------
    TrainingError
        Where the loss is no longer finite; the last good weights stay in the folder.
    """
    config, folder, device = run.config, run.folder, run.device
    net.to(device).train()
    ema = copy.deepcopy(net).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(parameter_groups(net, config.weight_decay), lr=config.learning_rate)
    done = load_state(folder, net, ema, optimizer)
    rows = read_rows(folder)[: done.n_epochs]  # a run killed between log and state has one more
    learner = distributed.parallel(WithLoss(net, task))
    batches = _batches(task.draw_batch, done.step, config)
    metrics, since = RunningMetrics(), time.monotonic()
    for step in range(done.step, config.n_steps):
        if step >= config.freeze_norms_fraction * config.n_steps:
            freeze_norms(net)
        optimizer.zero_grad(set_to_none=True)
        for batch in islice(batches, config.accumulate):
            loss, counts = learner(batch.to(device))
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"loss is {loss.item()} at step {step}: {folder} keeps the last good weights; lower --lr"
                )
            (loss / config.accumulate).backward()
            metrics.add(loss.detach(), counts)
        nn.utils.clip_grad_norm_(net.parameters(), config.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        optimizer.step()
        update_ema(ema, net, min(config.ema_decay, (1 + step) / (10 + step)))
        if (step + 1) % config.steps_per_epoch and step + 1 < config.n_steps:
            continue
        if distributed.is_main_process():
            loss, iou, dice = metrics.scores()
            test_loss, test_iou, test_dice = _test(ema, task, device).scores()
            seconds = round(time.monotonic() - since, 2)
            rows.append(EpochRow(len(rows), loss, test_loss, iou, test_iou, dice, test_dice, seconds))
            if best_row(rows) is rows[-1]:
                save_weights(folder / "best.safetensors", ema)
            save_weights(folder / "last.safetensors", ema)
            write_rows(folder, rows)  # before the state, which says how many of them count
            save_state(folder, Progress(step + 1, len(rows)), net, ema, optimizer)
            run.report(rows[-1])
        metrics, since = RunningMetrics(), time.monotonic()
        if config.patience_epochs and distributed.agree(_is_patience_over(rows, config), device):
            break


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then half a cosine down to a hundredth."""
    warmup = max(1, round(config.warmup_fraction * config.n_steps))
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
    draw: Callable[[int, int], TensorBatch], start: int, config: TrainConfig
) -> Iterator[TensorBatch]:
    """Yield this process's batches from step ``start`` on; the next is drawn while the last is learned."""
    n = distributed.n_processes()
    wanted = product(range(start, config.n_steps), range(distributed.rank(), config.accumulate * n, n))
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = [pool.submit(draw, *place) for place in islice(wanted, 1)]
        while coming:
            batch = coming.pop().result()
            coming += [pool.submit(draw, *place) for place in islice(wanted, 1)]
            yield batch


def _is_patience_over(rows: list[EpochRow], config: TrainConfig) -> bool:
    """Whether as many epochs as the user waits for have passed since the best one."""
    return bool(rows) and len(rows) - 1 - best_row(rows).epoch >= config.patience_epochs


@torch.no_grad()
def _test(net: nn.Module, task: AnyTask, device: torch.device) -> RunningMetrics:
    metrics = RunningMetrics()
    for batch in task.test_batches:
        metrics.add(*task.loss(net, batch.to(device)))
    return metrics


@torch.no_grad()
def update_ema(ema: nn.Module, net: nn.Module, decay: float) -> None:
    """Move the averaged weights, and statistics of batch normalisation, towards the trained ones."""
    trained = net.state_dict()
    for name, slow in ema.state_dict().items():
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

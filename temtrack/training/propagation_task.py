"""What a propagator is trained for: to propagate colours from a reference through the frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from temtrack.nets.deaot.memory import Memory
from temtrack.nets.deaot.model import N_CHANNELS, Deaot, Pyramid, mask_unused_ids, to_image_size
from temtrack.nets.device import bf16_where_native
from temtrack.nets.layers import imagenet_normalize
from temtrack.training.config import TrainConfig
from temtrack.training.curriculum import EVALUATION_STEP, CurriculumStep, draw_curriculum_step
from temtrack.training.data.clip_source import ClipSource, ReplayBuffer
from temtrack.training.data.clips import Clip, cut_clip
from temtrack.training.data.samples import Draw
from temtrack.training.losses import clip_loss, colour_counts
from temtrack.training.task import Task, TensorBatch

#: Side of the map on which colours are compared, per side of the image: every second pixel.
STEP_PX = 2


@dataclass(frozen=True)
class ClipBatch(TensorBatch):
    """B clips of T frames, and what is given and fed back on the way.

    ``images`` BxTxSxS float32 in [0, 1]; ``colours`` BxTxSxS int64, the truth to give; ``allowed`` BxTxsxs
    int16, bits of the colours that are right in every second pixel.
    """

    images: Tensor
    colours: Tensor
    allowed: Tensor
    curriculum: CurriculumStep


class PropagationTask(Task[Deaot, ClipBatch]):
    """To propagate colours through clips."""

    def __init__(self, draw: Draw[ClipSource], test_draw: Draw[ClipSource], config: TrainConfig) -> None:
        self._config = config
        self._buffer = ReplayBuffer(draw, config, 1)
        rng, buffer = np.random.default_rng([config.seed, 2**31]), ReplayBuffer(test_draw, config, 2)
        apart = config.steps_per_source * config.buffer_size  # so that each clip has a source of its own
        shape, references = (config.test_clip_frames, config.crop_px), EVALUATION_STEP.references
        clips = [
            cut_clip(buffer.sample(k * apart, rng), shape, references, rng)
            for k in range(config.n_test_crops)
        ]
        self.test_batches = [
            collate_clips(clips[i : i + config.batch_size], EVALUATION_STEP)
            for i in range(0, config.n_test_crops, config.batch_size)
        ]

    def draw_batch(self, step: int, part: int) -> ClipBatch:
        """Return a batch of clips."""
        config = self._config
        rng = np.random.default_rng([config.seed, step, part])
        curriculum = draw_curriculum_step(step / config.n_steps, rng, config)
        sources = [self._buffer.sample(step, rng) for _ in range(config.batch_size)]
        shape = config.clip_frames, config.crop_px
        clips = [cut_clip(source, shape, curriculum.references, rng) for source in sources]
        return collate_clips(clips, curriculum)

    def loss(self, net: Deaot, batch: ClipBatch) -> tuple[Tensor, Tensor]:
        """Return the loss over the frames after the first, and pixels of colour right, found and true."""
        logits = torch.stack(unroll(net, batch), dim=1).flatten(0, 1)  # B(T-1) x 11 x s x s
        bits = batch.allowed[:, 1:].flatten(0, 1).to(torch.int32)
        colours = torch.arange(N_CHANNELS, device=bits.device, dtype=torch.int32)[:, None, None]
        allowed = (bits[:, None] >> colours) & 1 > 0
        loss = clip_loss(logits, allowed, batch.curriculum.hardest_fraction)
        return loss, colour_counts(logits.detach(), allowed)


def collate_clips(clips: Sequence[Clip], curriculum: CurriculumStep) -> ClipBatch:
    """Build a batch of clips."""
    return ClipBatch(
        torch.from_numpy(np.stack([clip.images for clip in clips])),
        torch.from_numpy(np.stack([clip.colours for clip in clips])).long(),
        torch.from_numpy(np.stack([clip.allowed[:, ::STEP_PX, ::STEP_PX] for clip in clips])),
        curriculum,
    )


def unroll(net: Deaot, batch: ClipBatch) -> list[Tensor]:
    """Propagate through the clips; return the logits Bx11xsxs, float32, of every frame but the first."""
    with bf16_where_native(batch.images.device):
        pyramids = _encode(net, batch.images)
        short = net.observe(pyramids[0].tokens, net.embed_ids(_one_hot(batch.colours[:, 0])))
        long, given, predicted = short, _given(batch), []
        for t in range(1, batch.images.shape[1]):
            coarse, view = net.propagate(pyramids[t], long, short, batch.curriculum.long_radius)
            logits = mask_unused_ids(coarse.float(), given)
            predicted.append(to_image_size(logits, _size(batch.allowed)))
            short = net.write(view, net.embed_ids(_fed_back(logits, batch, t)))
            if t in batch.curriculum.references:
                long = Memory.join([long, short])
    return predicted


def _encode(net: Deaot, images: Tensor) -> list[Pyramid]:
    """Encode all frames at once, so that batch normalisation sees many, and return them frame by frame."""
    n_clips, n_frames = images.shape[:2]
    grey = images.transpose(0, 1).flatten(0, 1)[:, None]  # TB x 1 x S x S
    whole = net.encode(imagenet_normalize(grey))
    levels = [getattr(whole, field.name).unflatten(0, (n_frames, n_clips)) for field in fields(whole)]
    return [Pyramid(*(level[t] for level in levels)) for t in range(n_frames)]


def _fed_back(logits: Tensor, batch: ClipBatch, t: int) -> Tensor:
    """Return what the short-term memory is fed after frame ``t``, Bx11xSxS: the truth or a prediction."""
    if t in batch.curriculum.references or batch.curriculum.feedback == "truth":
        return _one_hot(batch.colours[:, t])
    full = to_image_size(logits, _size(batch.images))
    return full.softmax(dim=1) if batch.curriculum.feedback == "soft" else _one_hot(full.argmax(dim=1))


def _given(batch: ClipBatch) -> Tensor:
    """Return which colours a reference gave, Bx11 bool, background included."""
    shown = [_one_hot(batch.colours[:, t]).amax((-2, -1)) for t in batch.curriculum.references]
    given = torch.stack(shown).amax(0) > 0
    given[:, 0] = True
    return given


def _size(pictures: Tensor) -> tuple[int, int]:
    return pictures.shape[-2], pictures.shape[-1]


def _one_hot(colours: Tensor) -> Tensor:
    """BxSxS -> Bx11xSxS float32."""
    return F.one_hot(colours, N_CHANNELS).movedim(-1, 1).float()

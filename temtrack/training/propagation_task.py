"""What a propagator is trained for: carrying colours from a reference through the frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from temtrack.nets.deaot import (
    N_CHANNELS,
    Deaot,
    Memory,
    Pyramid,
    mask_unused_ids,
    to_image_size,
)
from temtrack.nets.imagenet import imagenet_normalize
from temtrack.nets.precision import bf16_where_native
from temtrack.training.clip_losses import clip_loss, colour_counts
from temtrack.training.config import ClipConfig, TrainConfig
from temtrack.training.curriculum import Lesson, draw_lesson, examination
from temtrack.training.data.clip_source import Shelf
from temtrack.training.data.clips import Clip, Window, cut_clip
from temtrack.training.task import Task

#: Side of the map on which colours are compared, per side of the image: every second pixel.
STEP_PX = 2


@dataclass(frozen=True)
class ClipBatch:
    """B clips of T frames.

    Parameters
    ----------
    images
        BxTxSxS float32 in [0, 1].
    colours
        BxTxSxS int64, the truth to tell.
    allowed
        BxTxsxs int16, bits of the colours that are right in every second pixel.
    lesson
        What is told on the way.
    """

    images: Tensor
    colours: Tensor
    allowed: Tensor
    lesson: Lesson

    def to(self, device: torch.device) -> ClipBatch:
        """Return the batch on a device."""
        images, colours, allowed = (
            tensor.to(device, non_blocking=True) for tensor in (self.images, self.colours, self.allowed)
        )
        return ClipBatch(images, colours, allowed, self.lesson)


def propagating(
    shelf: Shelf, test_shelf: Shelf, config: TrainConfig, clips: ClipConfig
) -> Task[Deaot, ClipBatch]:
    """Return the task of learning to carry colours through clips of the shelves' footage."""

    def batch_of(step: int, part: int) -> ClipBatch:
        rng = np.random.default_rng([config.seed, step, part])
        lesson = draw_lesson(step / config.n_steps, rng, clips)
        films = [shelf.pick(step, rng) for _ in range(config.batch_size)]
        window = Window(config.crop_px, clips.n_frames)
        return collate_clips(
            [cut_clip(film, window, lesson.references, rng, clips) for film in films], lesson
        )

    return Task(batch_of, _test_batches(test_shelf, config, clips), propagating_loss)


def collate_clips(clips: Sequence[Clip], lesson: Lesson) -> ClipBatch:
    """Build a batch of clips."""
    return ClipBatch(
        torch.from_numpy(np.stack([clip.images for clip in clips])),
        torch.from_numpy(np.stack([clip.colours for clip in clips])).long(),
        torch.from_numpy(np.stack([clip.allowed[:, ::STEP_PX, ::STEP_PX] for clip in clips])),
        lesson,
    )


def propagating_loss(net: Deaot, batch: ClipBatch) -> tuple[Tensor, Tensor]:
    """Return the loss over the frames after the first, and pixels of colour right, found and true."""
    logits = torch.stack(unroll(net, batch), dim=1).flatten(0, 1)  # B(T-1) x 11 x s x s
    bits = batch.allowed[:, 1:].flatten(0, 1).to(torch.int32)
    colours = torch.arange(N_CHANNELS, device=bits.device, dtype=torch.int32)[:, None, None]
    allowed = (bits[:, None] >> colours) & 1 > 0
    return clip_loss(logits, allowed, batch.lesson.hard_share), colour_counts(logits.detach(), allowed)


def unroll(net: Deaot, batch: ClipBatch) -> list[Tensor]:
    """Propagate through the clips; return the logits Bx11xsxs, float32, of every frame but the first."""
    with bf16_where_native(batch.images.device):
        pyramids = _encode(net, batch.images)
        short = net.observe(pyramids[0].tokens, net.embed_ids(_one_hot(batch.colours[:, 0])))
        long, given, predicted = short, _given(batch), []
        for t in range(1, batch.images.shape[1]):
            coarse, view = net.propagate(pyramids[t], long, short, batch.lesson.long_radius)
            logits = mask_unused_ids(coarse.float(), given)
            predicted.append(to_image_size(logits, _size(batch.allowed)))
            told = _tell(logits, batch, t)
            short = net.write(view, net.embed_ids(told))
            if t in batch.lesson.references:
                long = Memory.join([long, short])
    return predicted


def _encode(net: Deaot, images: Tensor) -> list[Pyramid]:
    """Encode all frames at once, so that batch normalisation sees many, and return them frame by frame."""
    n_clips, n_frames = images.shape[:2]
    grey = images.transpose(0, 1).flatten(0, 1)[:, None]  # TB x 1 x S x S
    whole = net.encode(imagenet_normalize(grey))
    levels = [getattr(whole, field.name).unflatten(0, (n_frames, n_clips)) for field in fields(whole)]
    return [Pyramid(*(level[t] for level in levels)) for t in range(n_frames)]


def _tell(logits: Tensor, batch: ClipBatch, t: int) -> Tensor:
    """Return what the short-term memory is told of frame ``t``, Bx11xSxS: the truth or a prediction."""
    if t in batch.lesson.references or batch.lesson.feedback == "truth":
        return _one_hot(batch.colours[:, t])
    full = to_image_size(logits, _size(batch.images))
    return full.softmax(dim=1) if batch.lesson.feedback == "soft" else _one_hot(full.argmax(dim=1))


def _given(batch: ClipBatch) -> Tensor:
    """Tell Bx11 bool which colours a reference gave, background included."""
    given = (
        torch.stack([_one_hot(batch.colours[:, t]).amax((-2, -1)) for t in batch.lesson.references]).amax(0)
        > 0
    )
    given[:, 0] = True
    return given


def _size(pictures: Tensor) -> tuple[int, int]:
    return pictures.shape[-2], pictures.shape[-1]


def _one_hot(colours: Tensor) -> Tensor:
    """BxSxS -> Bx11xSxS float32."""
    return F.one_hot(colours, N_CHANNELS).movedim(-1, 1).float()


def _test_batches(shelf: Shelf, config: TrainConfig, clips: ClipConfig) -> list[ClipBatch]:
    """Draw fixed test clips, each from a film of its own."""
    rng = np.random.default_rng([config.seed, 2**31])
    lesson, window = examination(clips), Window(config.crop_px, clips.n_test_frames)
    films = (shelf.pick(k * clips.steps_per_film * clips.n_films, rng) for k in range(config.n_test_crops))
    cut = [cut_clip(film, window, lesson.references, rng, clips) for film in films]
    return [
        collate_clips(cut[i : i + config.batch_size], lesson) for i in range(0, len(cut), config.batch_size)
    ]

"""Lessons: what a batch of clips tells the network on the way, harder as training goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from temtrack.training.config import ClipConfig

Feedback = Literal["truth", "decided", "soft"]


@dataclass(frozen=True)
class Lesson:
    """How a batch of clips is taught.

    Parameters
    ----------
    references
        Frames that tell the truth and stay in the long-term memory; the first is 0.
    feedback
        What the others tell the short-term memory: the truth, the predicted colours, or their probabilities.
    hard_share
        Share of the pixels, the hardest ones, that the cross-entropy counts.
    long_radius
        Tokens within which the long-term memory is searched, None for everywhere.
    """

    references: tuple[int, ...]
    feedback: Feedback
    hard_share: float
    long_radius: int | None


def draw_lesson(done: float, rng: np.random.Generator, config: ClipConfig) -> Lesson:
    """Draw the lesson of a batch when the share ``done`` of the steps is done."""
    second = int(rng.integers(1, config.n_frames - 1))
    radius = int(rng.integers(config.long_radius[0], config.long_radius[1] + 1))
    return Lesson(
        references=(0, second) if rng.random() < config.second_reference_share else (0,),
        feedback=_draw_feedback(done, rng, config),
        hard_share=1 - (1 - config.hard_share) * min(1.0, done / config.hard_from),
        long_radius=None if rng.random() < config.long_everywhere_share else radius,
    )


def examination(config: ClipConfig) -> Lesson:
    """Return the lesson that tests are held in: only the first frame tells the truth."""
    return Lesson((0,), "decided", config.hard_share, config.long_radius[1])


def _draw_feedback(done: float, rng: np.random.Generator, config: ClipConfig) -> Feedback:
    """Draw what is fed back: at first the truth, later predictions."""
    span = config.feedback_until - config.feedback_from
    if rng.random() * span >= done - config.feedback_from:
        return "truth"
    return "soft" if rng.random() < config.soft_share else "decided"

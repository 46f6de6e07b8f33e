"""The curriculum: what a batch of clips feeds back to the network on the way, harder as training goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from temtrack.training.config import ClipConfig

#: What the memory is fed after a frame: the truth (teacher forcing), or the prediction (scheduled sampling,
#: doi:10.48550/arXiv.1506.03099), each pixel's one colour (hard) or the probabilities of all (soft).
Feedback = Literal["truth", "hard", "soft"]


@dataclass(frozen=True)
class CurriculumStep:
    """How a batch of clips is taught.

    Parameters
    ----------
    references
        Frames whose truth is given and stays in the long-term memory; the first is 0.
    feedback
        What the short-term memory is fed after the other frames.
    hardest_fraction
        Fraction of the pixels, the hardest ones, that the cross-entropy counts.
    long_radius
        Tokens within which the long-term memory is searched, None for everywhere.
    """

    references: tuple[int, ...]
    feedback: Feedback
    hardest_fraction: float
    long_radius: int | None


def draw_curriculum_step(done: float, rng: np.random.Generator, config: ClipConfig) -> CurriculumStep:
    """Draw how a batch is taught when the fraction ``done`` of the steps is done."""
    second = int(rng.integers(1, config.n_frames - 1))
    radius = int(rng.integers(config.long_radius[0], config.long_radius[1] + 1))
    return CurriculumStep(
        references=(0, second) if rng.random() < config.second_reference_fraction else (0,),
        feedback=_draw_feedback(done, rng, config),
        hardest_fraction=1 - (1 - config.hardest_fraction) * min(1.0, done / config.hardest_from),
        long_radius=None if rng.random() < config.long_everywhere_fraction else radius,
    )


def evaluation_step(config: ClipConfig) -> CurriculumStep:
    """Return how clips are tested: only the first frame's truth is given."""
    return CurriculumStep((0,), "hard", config.hardest_fraction, config.long_radius[1])


def _draw_feedback(done: float, rng: np.random.Generator, config: ClipConfig) -> Feedback:
    """Draw what is fed back: at first the truth, later predictions."""
    span = config.scheduled_sampling_until - config.scheduled_sampling_from
    if rng.random() * span >= done - config.scheduled_sampling_from:
        return "truth"
    return "soft" if rng.random() < config.soft_fraction else "hard"

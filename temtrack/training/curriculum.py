"""The curriculum: what a batch of clips feeds back to the network on the way, harder as training goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from temtrack.training.config import TrainConfig

#: What the memory is fed after a frame: the truth (teacher forcing), or the prediction (scheduled sampling,
#: doi:10.48550/arXiv.1506.03099), each pixel's one colour (hard) or the probabilities of all (soft).
Feedback = Literal["truth", "hard", "soft"]

#: Fractions of the steps from which on some clips, and then all, are fed predictions.
SCHEDULED_SAMPLING_FROM, SCHEDULED_SAMPLING_UNTIL = 0.45, 0.75
#: Fraction of those that are fed probabilities.
SOFT_FRACTION = 0.3
#: Fraction of the clips that are given the truth once more on the way.
SECOND_REFERENCE_FRACTION = 0.3
#: Least and greatest reach, in tokens, of the search in the long-term memory; some batches search everywhere.
LONG_RADIUS, LONG_EVERYWHERE_FRACTION = (4, 8), 0.25
#: Fraction of the pixels, the hardest, that the loss counts, from that fraction of the steps on.
HARDEST_FRACTION, HARDEST_FROM = 0.15, 0.4


@dataclass(frozen=True)
class CurriculumStep:
    """How a batch of clips is taught.

    ``references`` are the frames whose truth is given and stays in the long-term memory, the first 0;
    ``feedback`` is what the short-term memory is fed after the others. The cross-entropy counts the
    ``hardest_fraction`` of the pixels. The long-term memory is searched within ``long_radius`` tokens, None
    for everywhere.
    """

    references: tuple[int, ...]
    feedback: Feedback
    hardest_fraction: float
    long_radius: int | None


#: How clips are tested: only the first frame's truth is given.
EVALUATION_STEP = CurriculumStep((0,), "hard", HARDEST_FRACTION, LONG_RADIUS[1])


def draw_curriculum_step(done: float, rng: np.random.Generator, config: TrainConfig) -> CurriculumStep:
    """Draw how a batch is taught when the fraction ``done`` of the steps is done."""
    second = int(rng.integers(1, config.clip_frames - 1))
    radius = int(rng.integers(LONG_RADIUS[0], LONG_RADIUS[1] + 1))
    return CurriculumStep(
        references=(0, second) if rng.random() < SECOND_REFERENCE_FRACTION else (0,),
        feedback=_draw_feedback(done, rng),
        hardest_fraction=1 - (1 - HARDEST_FRACTION) * min(1.0, done / HARDEST_FROM),
        long_radius=None if rng.random() < LONG_EVERYWHERE_FRACTION else radius,
    )


def _draw_feedback(done: float, rng: np.random.Generator) -> Feedback:
    """Draw what is fed back: at first the truth, later predictions."""
    span = SCHEDULED_SAMPLING_UNTIL - SCHEDULED_SAMPLING_FROM
    if rng.random() * span >= done - SCHEDULED_SAMPLING_FROM:
        return "truth"
    return "soft" if rng.random() < SOFT_FRACTION else "hard"

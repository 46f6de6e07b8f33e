"""True masks as a tracker would get them: ids that tell nothing, and the faults of a poor segmentation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import measure_gaps

#: Chance, in each frame, that a particle is missed or broken in two, and that a pair in contact is joined.
MISSED_SHARE, BROKEN_SHARE, JOINED_SHARE = 0.01, 0.005, 0.1


def shuffled(masks: list[NDArray[np.int32]], rng: np.random.Generator) -> Iterator[NDArray[np.int32]]:
    """Yield the masks with ids permuted in every frame, so that no id tells anything."""
    for labels in masks:
        ids = np.unique(labels[labels != 0])
        table = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
        table[ids] = rng.permutation(ids.size) + 1
        yield table[labels]


def disturbed(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int32]:
    """Return a mask as a poor segmentation would give it: some missed, some broken, touching ones joined."""
    out = labels.copy()
    for a, b, _ in measure_gaps(labels, max_gap_px=1).tolist():
        if rng.random() < JOINED_SHARE:
            out[out == b] = a
    for i in np.unique(out[out != 0]).tolist():
        chance = rng.random()
        if chance < MISSED_SHARE:
            out[out == i] = 0
        elif chance < MISSED_SHARE + BROKEN_SHARE:
            y, x = np.nonzero(out == i)
            half = y > y.mean()
            out[y[half], x[half]] = out.max() + 1
    return out

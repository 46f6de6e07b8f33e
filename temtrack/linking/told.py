"""What a person said of the particles of a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage


@dataclass(frozen=True)
class Told:
    """The particles of a frame that a person pointed at or outlined.

    Parameters
    ----------
    mask
        Their pixels (Y, X).
    is_all
        Whether nothing else is there, so that no track that lacks is drawn where it is expected.
    """

    mask: NDArray[np.bool_]
    is_all: bool = False

    def ids_in(self, image: LabelImage) -> set[int]:
        """Return the ids of labels that mostly lie in these pixels."""
        n_told = np.bincount(image.labels[self.mask], minlength=1)
        n_px = np.bincount(image.labels.ravel(), minlength=n_told.size)[: n_told.size]
        return set(np.flatnonzero(2 * n_told > n_px).tolist()) - {0}


#: Returns what was told of a frame once it is segmented, by its number; ``None`` of most.
ToldOf = Callable[[int], Told | None]

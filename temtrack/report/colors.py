"""One colour per particle: stable, safe for colour-blind eyes, and new for the child of a merge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from temtrack.lineage import Lineage

#: Okabe and Ito's colours without black and dark blue, which drown on a grey image: (6, 3) uint8.
PALETTE: NDArray[np.uint8] = np.array(
    [
        (86, 180, 233),  # sky blue
        (230, 159, 0),  # orange
        (0, 190, 140),  # bluish green, a little lighter than theirs
        (240, 228, 66),  # yellow
        (230, 105, 30),  # vermilion, a little lighter than theirs
        (225, 140, 190),  # reddish purple, a little lighter than theirs
    ],
    dtype=np.uint8,
)


class TrackColors:
    """The colour of each id.

    Ids take the colours in turn; a particle that shares a merge with one of the same colour moves on to the
    next, so that parents and child are told apart.

    Parameters
    ----------
    lineage
        Family tree; without it the colours follow from the ids alone.
    """

    def __init__(self, lineage: Lineage | None = None) -> None:
        self._moved: dict[int, int] = {}
        for merge in lineage.merges if lineage else ():
            family = (*merge.parents, *(() if merge.child in merge.parents else (merge.child,)))
            self._tell_apart(family)

    def __call__(self, particle_id: int) -> tuple[int, int, int]:
        """Return the RGB colour (0 to 255) of an id."""
        red, green, blue = PALETTE[self._index(particle_id)].tolist()
        return red, green, blue

    def table(self, ids: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the colours of ids (N,) as (N, 3) uint8."""
        return PALETTE[[self._index(one) for one in ids.tolist()]]

    def _index(self, particle_id: int) -> int:
        return self._moved.get(particle_id, (particle_id - 1) % len(PALETTE))

    def _tell_apart(self, family: tuple[int, ...]) -> None:
        taken = {self._moved[one] for one in family if one in self._moved}  # an earlier merge's stay
        for one in family:
            if one in self._moved:
                continue
            index = self._index(one)
            while index in taken and len(taken) < len(PALETTE):
                index = (index + 1) % len(PALETTE)
            taken.add(index)
            self._moved[one] = index

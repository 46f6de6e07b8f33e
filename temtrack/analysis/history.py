"""What was measured of each particle in each of its frames, found by id."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from temtrack.analysis.particles import Columns


class ParticleHistory:
    """Looks up a particle's measured columns before and since a frame.

    Parameters
    ----------
    particles
        The measured columns of all frames, as `measure_particles` gives them, one after another.
    """

    def __init__(self, particles: Columns) -> None:
        self._order = np.lexsort((particles["frame"], particles["particle_id"]))
        self._ids = particles["particle_id"][self._order]
        self.columns = particles

    def before(self, particle_id: int, frame: int, column: str) -> NDArray[Any]:
        """Return a column's values in the frames before ``frame``, oldest first."""
        rows = self._rows(particle_id)
        return self.columns[column][rows[self.columns["frame"][rows] < frame]]

    def since(self, particle_id: int, frame: int, column: str) -> NDArray[Any]:
        """Return a column's values from ``frame`` on."""
        rows = self._rows(particle_id)
        return self.columns[column][rows[self.columns["frame"][rows] >= frame]]

    def _rows(self, particle_id: int) -> NDArray[np.intp]:
        start, stop = np.searchsorted(self._ids, [particle_id, particle_id + 1])
        return self._order[start:stop]

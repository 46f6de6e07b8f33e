"""Places of a movie, by which corrections name particles in any run of it, and what lies there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: What lies at a place is another particle where its area differs by more: models outline a particle of a
#: few pixels twice as wide as others do.
MAX_AREA_FACTOR = 4.0

#: What is deleted is as large as what was seen, but for so much: a speck may lie where a particle is.
MAX_SURE_FACTOR = 2.5

#: How far a difference in area outweighs one in place: the logarithm of a factor, in radii.
_RADII_PER_LOG_AREA = 0.5

#: Where a particle is looked for, in frames from that of its place, the likeliest first: where it lacks in
#: the very frame, the nearest in time will do for most corrections.
HERE, BEFORE, AFTER = (0,), (0, -1, -2, -3), (0, 1, 2, 3)
AROUND = (0, -1, 1, -2, 2, -3, 3)


class Stale(Exception):  # noqa: N818 - no error: it says why a correction does not apply
    """Why a correction does not apply to a run."""


class Missing(Stale):
    """No particle lies at a place."""


class Covered(Stale):
    """A much larger particle covers a place, so what was noted there lacks."""


class Needless(Stale):
    """The run is as the correction tells without it."""


@dataclass(frozen=True)
class Place:
    """A particle of a movie, wherever it is called what: its centre in a frame of the whole movie.

    Parameters
    ----------
    frame
        From 0, of the movie, also where the run is of a part of it.
    y_px, x_px
        Its centroid, or any point well within it.
    area_px
        Its area, by which another particle at that place is told; ``None`` takes any.
    """

    frame: int
    y_px: float
    x_px: float
    area_px: float | None = None

    def __str__(self) -> str:
        return f"frame {self.frame} at y={self.y_px:.0f}, x={self.x_px:.0f}"


def particle_at(
    place: Place,
    particles: Mapping[int, tuple[float, float, float]],
    max_area_factor: float = MAX_AREA_FACTOR,
) -> int:
    """Return which of a frame's particles, each a centre (y, x) and an area, lies at a place.

    Its centre is less than a radius away, by the larger of both areas. Of several the nearest counts, and the
    one of a like area where they are about as near. `Missing` where there is none, `Stale` where the only one
    is of another size, `Covered` where that is larger by more than `MAX_AREA_FACTOR`.
    """
    found = []
    for one, (y, x, area) in particles.items():
        noted = place.area_px or area
        away = float(np.hypot(y - place.y_px, x - place.x_px)) / max(np.sqrt(max(area, noted) / np.pi), 1.0)
        if away <= 1:
            factor = max(area / noted, noted / area)
            unlike = away + _RADII_PER_LOG_AREA * float(np.log(factor))
            found.append((factor > max_area_factor, unlike, one, factor, area))
    if not found:
        raise Missing(f"no particle in {place}")
    is_other, _, one, factor, area = min(found)
    if is_other:
        is_covered = place.area_px is not None and area > MAX_AREA_FACTOR * place.area_px
        kind = Covered if is_covered else Stale
        raise kind(f"the particle in {place} differs in area by a factor of {factor:.1f}")
    return one

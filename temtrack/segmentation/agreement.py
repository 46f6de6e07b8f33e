"""Whether two ways of showing images to a network find the same particles with the same outlines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from temtrack.imaging.labels import LabelImage, match_regions

#: So many of either way's particles must be the other's too.
MIN_SHARED_FRACTION = 0.995

#: Outlines may lie apart by so many pixels, and by this fraction of the diameter: the median over particles
#: of a mean along each.
MAX_APART_PX, MAX_APART_DIAMETERS = 0.5, 0.01

#: Areas may differ by this fraction, in the median.
MAX_AREA_BIAS = 0.01

#: Fewer particles tell nothing.
MIN_PARTICLES = 20


def _nothing() -> NDArray[np.int64]:
    return np.zeros((0, 3), np.int64)


@dataclass(frozen=True)
class Agreement:
    """How far two label images of one picture agree; add them to pool several.

    Parameters
    ----------
    n_one, n_other
        Particles of each.
    shared
        (N, 3) area in the one, area in the other and shared area (px) of each particle that is in both.
    """

    n_one: int = 0
    n_other: int = 0
    shared: NDArray[np.int64] = field(default_factory=_nothing)

    @classmethod
    def of(cls, one: NDArray[np.integer], other: NDArray[np.integer]) -> Agreement:
        """Compare labels (Y, X) with others of the same picture."""
        first, second = LabelImage(one), LabelImage(other)
        i, j, both_px = match_regions(first, second)
        shared = np.stack([first.regions.area_px[i], second.regions.area_px[j], both_px], axis=1)
        return cls(first.ids.size, second.ids.size, shared)

    def __add__(self, more: Agreement) -> Agreement:
        """Return the agreement over both pictures."""
        return Agreement(
            self.n_one + more.n_one, self.n_other + more.n_other, np.concatenate([self.shared, more.shared])
        )

    @property
    def shared_fraction(self) -> float:
        """Share of the particles that both have, of the one that has more; 1 where there are none."""
        return len(self.shared) / max(1, self.n_one, self.n_other)

    @property
    def apart_px(self) -> NDArray[np.float64]:
        """By how much the outlines of each particle in both lie apart, a mean along them, (N,).

        That is the area in one of both alone, over the circumference of the disc of equal area.
        """
        area_px, other_px, both_px = self.shared.T
        return np.asarray((area_px + other_px - 2 * both_px) / (2 * np.sqrt(np.pi * area_px)))

    @property
    def area_bias(self) -> float:
        """By what fraction areas in the other are larger, the median; NaN without particles in both."""
        area_px, other_px, _ = self.shared.T
        return float(np.median(other_px / area_px) - 1) if len(self.shared) else float("nan")

    @property
    def is_close(self) -> bool:
        """Whether the other way serves as well as the one."""
        if not len(self.shared) or self.shared_fraction < MIN_SHARED_FRACTION:
            return False
        diameter_px = 2 * np.sqrt(self.shared[:, 0] / np.pi)
        allowed = min(MAX_APART_PX, MAX_APART_DIAMETERS * float(np.median(diameter_px)))
        return float(np.median(self.apart_px)) <= allowed and abs(self.area_bias) <= MAX_AREA_BIAS

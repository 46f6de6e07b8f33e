"""What a scenario is asked to be (`Regime`) and what it is (`Scenario`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from temtrack.lineage import Lineage

Labels = NDArray[np.int32]
Floats = NDArray[np.float64]
#: How a frame may be bad: two shifted copies; nothing at all; lower part of the frame before; no lower part.
Fault = Literal["double", "blank", "torn", "half"]


@dataclass(frozen=True)
class Regime:
    """One kind of movie; every generator reads it in its own physics.

    Parameters
    ----------
    n_frames, n_particles, diameter_px, size_spread
        Length; particles in the first frame; their mean diameter, and its relative standard deviation.
    side_px
        Side of the square field; None makes it as large as ``gap`` asks.
    step
        Root mean square way of a particle in one frame, in mean diameters.
    gap
        Free way from a particle to its nearest neighbour (median), in mean diameters.
    lattice_px
        Pitch of a dense lattice of particles instead of loose ones.
    confined
        Particles turn back at the edge of the field rather than leave it.
    rod_aspect
        Length over width; 1 for discs. ``diameter_px`` is then the width.
    merges, cascades, at_once, touch_and_merge, passing
        Merges of two; groups of three or four that become one in steps; groups of three that do so in one
        frame; pairs that touch, part and merge in the end; pairs that touch for a while without ever merging.
    merge_gap_px
        Gap in the frame before the merge where the parents never touched.
    contact_frames
        Least and greatest number of frames in which parents touch before they are one; (0, 0): never.
    conserved_power
        p of the diameters' sum ``d^p`` that the child keeps: 2 for flat particles, 3 for spheres.
    fresh_ratio, relax_frames
        Area of the newborn child over its parents' sum, and time in which its area and its outline relax.
    dissolutions, vanishing
        Particles that shrink away without merging; the fraction of them that vanish at once at any size.
    births, growth
        Particles that appear inside the field; relative growth of every area per frame.
    drift_px, settle_px, wobble_px
        Drift (y, x) per frame; way in which the stage settles from the first frame on; shaking of the field.
    n_jumps, jump_px
        Jumps of the field in one frame (it stays there); their length, that of a lattice vector if None.
    magnification_per_frame, magnification_step
        Slow relative change of magnification, and one sudden one in the middle of the movie.
    faults
        How many frames of each kind are bad.
    miss_rate, area_noise, outline_px
        Detections missed; relative standard deviation of a detection's area; roughness of its outline.
    specks
        Spurious detections per frame.
    fuse_rate, split_rate
        Touching particles that one detection covers; particles that two detections share.
    """

    n_frames: int = 100
    n_particles: int = 40
    diameter_px: float = 8.0
    size_spread: float = 0.15
    side_px: int | None = None
    step: float = 0.1
    gap: float = 2.0
    lattice_px: float | None = None
    confined: bool = False
    rod_aspect: float = 1.0
    merges: int = 0
    cascades: int = 0
    at_once: int = 0
    touch_and_merge: int = 0
    passing: int = 0
    merge_gap_px: tuple[float, float] = (0.7, 5.0)
    contact_frames: tuple[int, int] = (0, 0)
    conserved_power: float = 2.0
    fresh_ratio: float = 1.0
    relax_frames: float = 4.0
    dissolutions: int = 0
    vanishing: float = 0.3
    births: int = 0
    growth: float = 0.0
    drift_px: tuple[float, float] = (0.0, 0.0)
    settle_px: float = 0.0
    wobble_px: float = 0.0
    n_jumps: int = 0
    jump_px: float | None = None
    magnification_per_frame: float = 0.0
    magnification_step: float = 0.0
    faults: dict[Fault, int] = field(default_factory=dict)
    miss_rate: float = 0.02
    area_noise: float = 0.05
    outline_px: float = 0.3
    specks: float = 0.2
    fuse_rate: float = 0.3
    split_rate: float = 0.0

    @property
    def sigma_px(self) -> float:
        """Standard deviation of a particle's step along each axis."""
        return self.step * self.diameter_px / 2**0.5

    @property
    def side(self) -> int:
        """Side of the field in px: as asked for, or as much as the particles and their gaps take."""
        if self.side_px:
            return self.side_px
        return max(48, round((self.n_particles**0.5) * self.pitch_px))

    @property
    def pitch_px(self) -> float:
        """Root of the area per particle; the nearest of loose ones is about half of it away."""
        return self.lattice_px or (1 + 2.2 * self.gap) * self.diameter_px


@dataclass(frozen=True)
class Scenario:
    """A movie of masks and its truth.

    Parameters
    ----------
    masks
        True outlines (Y, X) of every frame with true ids for all time, 0 background; those of a bad frame
        are what a good one would have shown.
    observed
        What a segmenter hands over: ids of their own in every frame, jittered, some missed or wrong.
    sources
        For each frame: id in ``observed`` -> true ids that it covers; () for a speck.
    lineage
        True tracks and merges. ``contact_frame`` is ``None`` where nobody saw contact.
    positions
        Where what lay at (0, 0) in the first frame lies in each, (T, 2) px (y, x), magnification aside.
    magnification
        Relative to the first frame, about the middle of the field, (T,).
    bad_frames
        Frame -> how it is bad.
    """

    masks: list[Labels]
    observed: list[Labels]
    sources: list[dict[int, tuple[int, ...]]]
    lineage: Lineage
    positions: Floats
    magnification: Floats
    bad_frames: dict[int, Fault]


_PLAIN = Regime(merges=5)
_LATTICE = Regime(
    n_frames=30, n_particles=900, diameter_px=6.0, lattice_px=10.0, step=0.05, n_jumps=2,
    faults={"double": 2}, size_spread=0.1, specks=2.0, miss_rate=0.02,
)  # fmt: skip

#: Named kinds of movie; change one with `dataclasses.replace`.
REGIMES: dict[str, Regime] = {
    "plain": _PLAIN,
    "small_step": Regime(step=0.05, merges=5),
    "half_step": Regime(step=0.5, gap=4.0, merges=5),
    "diameter_step": Regime(step=1.0, gap=5.0, merges=5),
    "crowded": Regime(step=0.05, gap=0.3, merges=5),
    "sparse": Regime(n_particles=15, step=0.3, gap=5.0, merges=3),
    "noisy": Regime(step=0.1, miss_rate=0.2, area_noise=0.12, outline_px=0.6, specks=2.0, merges=5),
    "unfilmed_contacts": Regime(
        n_frames=160, n_particles=100, diameter_px=6.5, step=0.1, gap=2.3, merges=10, cascades=2,
        touch_and_merge=1, passing=2, area_noise=0.08, wobble_px=0.3, births=20, miss_rate=0.01,
        growth=0.003, n_jumps=2, jump_px=3.0,
    ),
    "slow_contacts": Regime(merges=8, passing=4, touch_and_merge=3, contact_frames=(3, 15)),
    "spheres": Regime(merges=8, conserved_power=3.0, relax_frames=0.0),
    "slow_spheres": Regime(merges=8, conserved_power=3.0, fresh_ratio=0.95, relax_frames=8.0),
    "partly_flat": Regime(merges=8, conserved_power=2.5, fresh_ratio=0.88, relax_frames=10.0),
    "cascades": Regime(n_particles=60, merges=2, cascades=5, at_once=3),
    "passing": Regime(passing=10, merges=2, contact_frames=(2, 10), fuse_rate=0.5),
    "dissolution": Regime(n_particles=600, gap=0.8, dissolutions=600, step=0.05, area_noise=0.1),
    "dissolution_and_merges": Regime(n_particles=60, gap=1.2, dissolutions=20, merges=6, area_noise=0.08),
    "births": Regime(n_particles=30, births=20, merges=4),
    "streaming": Regime(drift_px=(0.8, -0.5), merges=4),
    "settling": Regime(settle_px=40.0, merges=4),
    "zooming": Regime(magnification_per_frame=0.001, merges=4),
    "zoom_step": Regime(magnification_step=0.08, merges=4, gap=3.0),
    "jumping": Regime(n_jumps=4, jump_px=15.0, merges=4),
    "faulty": Regime(faults={"double": 2, "blank": 2, "torn": 2, "half": 2}, merges=4),
    "lattice": _LATTICE,
    "single_rod": Regime(
        n_frames=50, n_particles=1, diameter_px=16.0, rod_aspect=3.75, side_px=384, step=1.2, confined=True,
        specks=3.0, miss_rate=0.04, size_spread=0.0, area_noise=0.1, outline_px=0.8,
    ),
    "sparse_fast": Regime(
        n_frames=50, n_particles=3, diameter_px=14.0, side_px=320, step=1.2, confined=True, specks=1.0,
        miss_rate=0.04,
    ),
}  # fmt: skip


def any_regime(seed: int) -> Regime:
    """Return a regime drawn at random from all that microscopists film: for what is fitted, and judged."""
    rng = np.random.default_rng((seed, 77))
    contact_frames = (0, 0) if rng.random() < 0.5 else (1, int(rng.integers(2, 13)))
    power = float(rng.uniform(2, 3))
    return Regime(
        n_frames=60,
        n_particles=int(rng.integers(45, 80)),
        diameter_px=float(6 * 3 ** rng.uniform(0, 1)),
        size_spread=float(rng.uniform(0.05, 0.35)),
        step=float(10 ** rng.uniform(-1.7, -0.1)),
        gap=float(10 ** rng.uniform(-0.5, 0.6)),
        merges=int(rng.integers(2, 7)),
        cascades=int(rng.integers(0, 2)) if contact_frames[1] <= 4 else 0,
        touch_and_merge=int(rng.integers(0, 3)),
        passing=int(rng.integers(0, 5)),
        contact_frames=contact_frames,
        conserved_power=power,
        fresh_ratio=float(rng.uniform(0.88, 1.0)) if power > 2.3 else 1.0,
        dissolutions=int(rng.integers(0, 12)),
        births=int(rng.integers(0, 6)),
        miss_rate=float(rng.uniform(0, 0.2)),
        area_noise=float(rng.uniform(0.02, 0.15)),
        outline_px=float(rng.uniform(0.1, 0.8)),
        specks=float(rng.uniform(0, 2)),
        fuse_rate=float(rng.uniform(0, 0.6)),
        split_rate=float(rng.uniform(0, 0.04)),
    )

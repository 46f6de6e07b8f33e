"""What a simulated movie is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul
from typing import Literal

from temtrack.errors import UsageError
from temtrack.simulation.imaging import Detector, Optics
from temtrack.simulation.shapes import ShapeMix

#: Least moments of a movie with planned events: approach, contact, merge and some life of the child.
MIN_MOMENTS_WITH_EVENTS = 30
#: Least moments of a movie with two merges in a row.
MIN_MOMENTS_WITH_CASCADES = 60
#: A particle has long forgotten where it was after so many moments.
MAX_STRIDE = 100
#: Filmed more rarely than this, the first child of two merges in a row would be seen for too short a time.
MAX_STRIDE_WITH_CASCADES = 5

#: What may be wrong with a frame: nothing in it; out of focus; jolted, the next one back in its place; two
#: exposures in one; its lower part jolted; its lower part not read; the beam at about half.
Fault = Literal["blank", "blurred", "jolted", "double", "torn", "half-read", "dim"]


@dataclass(frozen=True)
class MovieConfig:
    """A movie's size, particles, planned events, motion, image formation and faults.

    Parameters
    ----------
    n_frames, height, width
        Size of the movie.
    stride
        Only every so many-th moment is filmed: at a slow frame rate particles move far in a frame, and most
        merges fall between two frames. ``motion_px`` sets how far at most.
    n_particles
        Particles in the first frame, those of the planned events included.
    radius_px, log_sigma
        Mean radius and width of the log-normal size distribution.
    shapes
        Kinds of particles; those that merge or touch are round or irregular whatever this says.
    flat
        Plates of one thickness, whose areas add up at a merge, rather than spheres, whose volumes do.
    lattice
        Particles that nothing happens to stand on a disordered hexagonal lattice, as in a dense film.
    merges
        Planned coalescences: number of parents -> number of events.
    n_cascades
        Planned groups of three in which two merge, and later their child with the third.
    n_dissolutions, n_crossings, n_touches, n_nucleations, n_entering, n_leaving
        Planned events of the other kinds.
    motion_px
        Greatest distance of the Brownian motion from a particle's place.
    drift_px_per_frame
        Common drift (y, x) of the specimen.
    wobble_px
        Standard deviation of a common shaking on top of the drift.
    settling_px
        Way (y, x) that the specimen still creeps from the first frame on, ever slower.
    jumps
        Frame -> way (y, x) px by which the specimen jumps there for good.
    magnification_per_frame, magnification_steps
        Relative growth of the picture about its middle in each frame; frame -> factor from there on.
    contrast
        Optical depth mu t in the middle of a mean particle.
    flicker
        Standard deviation of the slow change of each particle's diffraction contrast.
    outline_jitter
        Relative standard deviation of each particle's area from frame to frame.
    beam_flicker
        Relative standard deviation of the beam from frame to frame.
    unevenness, mottle, holes, scale_bar
        Strength of uneven illumination and of the support's slow waviness (optical depth); holes in the
        support; a burned-in scale bar (over the picture only: the truth goes on below it).
    edge_columns
        Columns at the right edge without any picture: white ones, or black ones where negative.
    optics, detector
        Microscope and camera.
    faults
        Frame (0-based) -> what is wrong with it; the truth goes on below.
    """

    n_frames: int = 60
    height: int = 384
    width: int = 384
    stride: int = 1
    n_particles: int = 30
    radius_px: float = 12.0
    log_sigma: float = 0.2
    shapes: ShapeMix = field(default_factory=lambda: ShapeMix(roughness=0.03))
    flat: bool = False
    lattice: bool = False
    merges: Mapping[int, int] = field(default_factory=dict)
    n_cascades: int = 0
    n_dissolutions: int = 0
    n_crossings: int = 0
    n_touches: int = 0
    n_nucleations: int = 0
    n_entering: int = 0
    n_leaving: int = 0
    motion_px: float = 2.0
    drift_px_per_frame: tuple[float, float] = (0.0, 0.0)
    wobble_px: float = 0.0
    settling_px: tuple[float, float] = (0.0, 0.0)
    jumps: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    magnification_per_frame: float = 0.0
    magnification_steps: Mapping[int, float] = field(default_factory=dict)
    contrast: float = 0.6
    flicker: float = 0.1
    outline_jitter: float = 0.0
    beam_flicker: float = 0.0
    unevenness: float = 0.15
    mottle: float = 0.02
    holes: bool = False
    scale_bar: bool = False
    edge_columns: int = 0
    optics: Optics = field(default_factory=lambda: Optics(fringe=0.1, grain=0.03))
    detector: Detector = field(default_factory=Detector)
    faults: Mapping[int, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_field()
        self._check_events()
        self._check_stage()
        self._check_camera()

    def _check_field(self) -> None:
        for name in ("n_frames", "height", "width"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number from 1 on")
        _require(1 <= self.stride <= MAX_STRIDE, "stride", self.stride, f"1 to {MAX_STRIDE}")
        _require(self.n_particles >= 0, "n_particles", self.n_particles, "a whole number from 0 on")
        _require(2 <= self.radius_px < math.inf, "radius_px", self.radius_px, "at least 2")
        rim_px = 4 * self.radius_px  # particles stand in it too, partly in the field
        room = (self.height + rim_px) * (self.width + rim_px) / (math.pi * self.radius_px**2)
        _require(
            self.n_particles <= room, "n_particles", self.n_particles, f"at most {room:.0f} in this field"
        )

    def _check_events(self) -> None:
        sizes_fit = all(k >= 2 and n >= 0 for k, n in self.merges.items())
        _require(sizes_fit, "merges", dict(self.merges), "two or more parents, as in 2:3,3:1")
        least = MIN_MOMENTS_WITH_CASCADES if self.n_cascades else MIN_MOMENTS_WITH_EVENTS
        long_enough = not self.n_events or self.n_moments >= least
        n_frames = 1 + math.ceil((least - 1) / self.stride)
        _require(long_enough, "n_frames", self.n_frames, f"at least {n_frames} with these events")
        seen = not self.n_cascades or self.stride <= MAX_STRIDE_WITH_CASCADES
        _require(seen, "stride", self.stride, f"at most {MAX_STRIDE_WITH_CASCADES} with cascades")
        allowed = f"at least the {self.n_in_events} of its events"
        _require(self.n_in_events <= self.n_particles, "n_particles", self.n_particles, allowed)

    def _check_stage(self) -> None:
        for name in ("jumps", "magnification_steps", "faults"):
            for frame in getattr(self, name):
                allowed = f"frames from 0 to {self.n_frames - 1}"
                _require(0 <= frame < self.n_frames, name, f"frame {frame}", allowed)
        ways = (("jumps", way) for way in self.jumps.values())
        for name, way in (("drift", self.drift_px_per_frame), ("settling", self.settling_px), *ways):
            _require(all(map(math.isfinite, way)), name, way, "two numbers of px")
        for factor in sorted({*self.magnification}):
            _require(0.5 <= factor <= 2, "magnification", factor, "0.5 to 2 times that of the first frame")
        n_crossing = self.n_entering + self.n_leaving if len({*self.magnification}) > 1 else 0
        _require(not n_crossing, "n_entering + n_leaving", n_crossing, "none where the magnification changes")

    def _check_camera(self) -> None:
        _require(0 < self.contrast < math.inf, "contrast", self.contrast, "more than 0")
        dose = self.detector.dose_e_px
        _require(0 < dose < math.inf, "dose", dose, "more than 0")
        n_dead = abs(self.edge_columns)
        _require(n_dead < self.width, "edge_columns", self.edge_columns, "fewer columns than the field has")

    @property
    def n_moments(self) -> int:
        """Moments from the first frame to the last, of which only one in ``stride`` is filmed."""
        return (self.n_frames - 1) * self.stride + 1

    @property
    def magnification(self) -> tuple[float, ...]:
        """How much larger everything is in each frame than on the specimen."""
        steps = [self.magnification_steps.get(t, 1.0) for t in range(self.n_frames)]
        growth = 1 + self.magnification_per_frame
        return tuple(growth**t * step for t, step in enumerate(accumulate(steps, mul)))

    @property
    def n_in_events(self) -> int:
        """Particles of the first frame that the planned events need."""
        merging = sum(k * n for k, n in self.merges.items()) + 3 * self.n_cascades
        return merging + 2 * (self.n_dissolutions + self.n_crossings + self.n_touches) + self.n_leaving

    @property
    def n_events(self) -> int:
        """Planned events of all kinds."""
        merges = sum(self.merges.values()) + 2 * self.n_cascades
        in_pairs = self.n_dissolutions + self.n_crossings + self.n_touches
        return merges + in_pairs + self.n_nucleations + self.n_entering + self.n_leaving


def _require(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise UsageError(f"a simulated movie cannot have {name} = {value}; allowed is {allowed}")

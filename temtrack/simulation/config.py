"""What a simulated movie is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from temtrack.errors import UsageError
from temtrack.simulation.imaging import Detector, Optics
from temtrack.simulation.shapes import ShapeMix

#: Least length of a movie with planned events: approach, contact, merge and some life of the child.
MIN_FRAMES_WITH_EVENTS = 30
#: Least length of a movie with two merges in a row.
MIN_FRAMES_WITH_CASCADES = 60


@dataclass(frozen=True)
class MovieConfig:
    """A movie's size, particles, planned events, motion, image formation and faults.

    Parameters
    ----------
    n_frames, height, width
        Size of the movie.
    n_particles
        Particles in the first frame, those of the planned events included.
    radius_px, log_sigma
        Mean radius and width of the log-normal size distribution.
    shapes
        Kinds of particles; those that merge or touch are round or irregular whatever this says.
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
    contrast
        Optical depth mu t in the middle of a mean particle.
    flicker
        Standard deviation of the slow change of each particle's diffraction contrast.
    unevenness, mottle, holes, scale_bar
        Strength of uneven illumination and of the support's slow waviness (optical depth); holes in the
        support; a burned-in scale bar (over the picture only: the truth goes on below it).
    optics, detector
        Microscope and camera.
    blank_frames, blurred_frames, jump_frames
        Frames (0-based) without any picture, out of focus, or shifted by a jolt.
    """

    n_frames: int = 60
    height: int = 384
    width: int = 384
    n_particles: int = 30
    radius_px: float = 12.0
    log_sigma: float = 0.2
    shapes: ShapeMix = field(default_factory=lambda: ShapeMix(roughness=0.03))
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
    contrast: float = 0.6
    flicker: float = 0.1
    unevenness: float = 0.15
    mottle: float = 0.02
    holes: bool = False
    scale_bar: bool = False
    optics: Optics = field(default_factory=lambda: Optics(fringe=0.1, grain=0.03))
    detector: Detector = field(default_factory=Detector)
    blank_frames: tuple[int, ...] = ()
    blurred_frames: tuple[int, ...] = ()
    jump_frames: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("n_frames", "height", "width"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number from 1 on")
        _require(self.n_particles >= 0, "n_particles", self.n_particles, "a whole number from 0 on")
        _require(2 <= self.radius_px < math.inf, "radius_px", self.radius_px, "at least 2")
        rim_px = 4 * self.radius_px  # particles stand in it too, partly in the field
        room = (self.height + rim_px) * (self.width + rim_px) / (math.pi * self.radius_px**2)
        _require(
            self.n_particles <= room, "n_particles", self.n_particles, f"at most {room:.0f} in this field"
        )
        _require(0 < self.contrast < math.inf, "contrast", self.contrast, "more than 0")
        dose = self.detector.dose_e_px
        _require(0 < dose < math.inf, "dose", dose, "more than 0")
        drift = self.drift_px_per_frame
        _require(all(map(math.isfinite, drift)), "drift_px_per_frame", drift, "two numbers of px")
        sizes_fit = all(k >= 2 and n >= 0 for k, n in self.merges.items())
        _require(sizes_fit, "merges", dict(self.merges), "two or more parents, as in 2:3,3:1")
        if self.n_events and self.n_frames < MIN_FRAMES_WITH_EVENTS:
            allowed = f"at least {MIN_FRAMES_WITH_EVENTS} where events are planned"
            _require(False, "n_frames", self.n_frames, allowed)
        long_enough = not self.n_cascades or self.n_frames >= MIN_FRAMES_WITH_CASCADES
        allowed = f"at least {MIN_FRAMES_WITH_CASCADES} with cascades"
        _require(long_enough, "n_frames", self.n_frames, allowed)
        _require(
            self.n_in_events <= self.n_particles,
            "n_particles",
            self.n_particles,
            f"at least the {self.n_in_events} of its events",
        )

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

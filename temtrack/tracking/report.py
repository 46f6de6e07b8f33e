"""What tracking did, frame by frame, for the record of the run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from temtrack.calibration import UNCALIBRATED, Calibration
from temtrack.imaging.registration import FrameRegistration
from temtrack.lineage import Lineage
from temtrack.masks import Sightings
from temtrack.tables import DRIFT, SCORES
from temtrack.tracking.engine import TrackedFrame

_UNKNOWN = (float("nan"), float("nan"))


@dataclass
class TrackingReport:
    """What tracking did: the lineage; flag, measures, particles and gap-filled ids of each frame.

    ``seen_fraction`` and ``sightings`` are known of frames as they are taken, the rest once their ids are
    final.
    """

    lineage: Lineage = field(default_factory=lambda: Lineage(0, (), ()))
    quality: list[str] = field(default_factory=list)
    contrast: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    registration: list[FrameRegistration] = field(default_factory=list)
    gap_filled: dict[int, list[int]] = field(default_factory=dict)
    n_particles: list[int] = field(default_factory=list)
    seen_fraction: list[float | None] = field(default_factory=list)
    sightings: list[Sightings | None] = field(default_factory=list)

    @property
    def n_masks(self) -> int:
        """Number of particles in all frames together."""
        return sum(self.n_particles)

    def add(self, frame: TrackedFrame) -> None:
        """Take a frame into account."""
        quality = frame.quality
        self.quality.append("jump" if frame.registration.is_jump else quality.flag)
        self.contrast.append(round(quality.contrast, 6))
        self.sharpness.append(round(quality.sharpness, 6))
        self.registration.append(frame.registration)
        self.n_particles.append(frame.n_particles)
        if frame.gap_filled_ids:
            self.gap_filled[frame.frame] = list(frame.gap_filled_ids)

    def keep_only(self, lineage: Lineage) -> None:
        """Forget all particles but those of a family tree."""
        self.lineage, ids = lineage, {track.id for track in lineage.tracks}
        kept = {t: [one for one in filled if one in ids] for t, filled in self.gap_filled.items()}
        self.gap_filled = {t: filled for t, filled in kept.items() if filled}

    def scores_table(self) -> pa.Table | None:
        """Return what a model saw, as `temtrack.tables.SCORES`; ``None`` where it tells no scores."""
        known = {t: one for t, one in enumerate(self.sightings) if one is not None and one.score.size}
        if not known:
            return None
        at_px = np.concatenate([one.at_px for one in known.values()])
        measured = {
            "frame": np.repeat(list(known), [one.score.size for one in known.values()]),
            "y_px": at_px[:, 0],
            "x_px": at_px[:, 1],
            "score": np.concatenate([one.score for one in known.values()]).astype(np.float64),
        }
        return SCORES.fill(measured, UNCALIBRATED)

    def frames_flagged(self, *flags: str) -> dict[int, str]:
        """Return number and flag of the frames that are such."""
        return {t: flag for t, flag in enumerate(self.quality) if flag in flags}

    def drift_table(self, calibration: Calibration) -> pa.Table:
        """Return how the field of view moved, as `temtrack.tables.DRIFT`."""
        way = np.array([one.position_px or _UNKNOWN for one in self.registration], dtype=np.float64).reshape(
            -1, 2
        )
        steps = np.diff(way, axis=0, prepend=np.full((1, 2), np.nan))
        measured = {
            "frame": np.arange(len(way)),
            "dy_px": steps[:, 0],
            "dx_px": steps[:, 1],
            "y_px": way[:, 0],
            "x_px": way[:, 1],
            "correlation": [one.correlation for one in self.registration],
            "jump": [one.is_jump for one in self.registration],
        }
        return DRIFT.fill(measured, calibration)

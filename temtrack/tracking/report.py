"""What tracking did, frame by frame, for the record of the run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from temtrack.imaging.labels import measure_regions
from temtrack.lineage import Lineage
from temtrack.calibration import Calibration
from temtrack.tables import DRIFT
from temtrack.tracking.drift import FrameDrift
from temtrack.tracking.engine import TrackedFrame

_UNKNOWN = (float("nan"), float("nan"))


@dataclass
class TrackingReport:
    """What tracking did: the lineage, verdict and measures of each frame, ids carried without a segment."""

    lineage: Lineage = field(default_factory=lambda: Lineage(0, (), ()))
    quality: list[str] = field(default_factory=list)
    contrast: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    drift: list[FrameDrift] = field(default_factory=list)
    carried: dict[int, list[int]] = field(default_factory=dict)
    n_masks: int = 0

    def add(self, frame: TrackedFrame) -> None:
        """Take a frame into account."""
        quality, drift = frame.quality, frame.drift
        self.quality.append("jump" if drift.is_jump else quality.verdict)
        self.contrast.append(round(quality.contrast, 6))
        self.sharpness.append(round(quality.sharpness, 6))
        self.drift.append(drift)
        self.n_masks += measure_regions(frame.labels).ids.size
        if frame.carried_ids:
            self.carried[frame.frame] = list(frame.carried_ids)

    def frames_that_are(self, *verdicts: str) -> dict[int, str]:
        """Return number and verdict of the frames that are such."""
        return {t: verdict for t, verdict in enumerate(self.quality) if verdict in verdicts}

    def drift_table(self, calibration: Calibration) -> pa.Table:
        """Return how the field of view moved, as `temtrack.tables.DRIFT`."""
        way = np.array([one.position_px or _UNKNOWN for one in self.drift], dtype=np.float64).reshape(-1, 2)
        steps = np.diff(way, axis=0, prepend=np.full((1, 2), np.nan))
        measured = {
            "frame": np.arange(len(way)),
            "dy_px": steps[:, 0],
            "dx_px": steps[:, 1],
            "y_px": way[:, 0],
            "x_px": way[:, 1],
            "likeness": [one.likeness for one in self.drift],
            "jump": [one.is_jump for one in self.drift],
        }
        return DRIFT.fill(measured, calibration)

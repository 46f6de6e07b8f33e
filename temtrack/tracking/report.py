"""What tracking did, frame by frame, for the record of the run."""

from __future__ import annotations

from dataclasses import dataclass, field

from temtrack.labels import measure_regions
from temtrack.lineage import Lineage
from temtrack.tracking.engine import TrackedFrame


@dataclass
class TrackingReport:
    """What tracking did: the lineage, verdict and measures of each frame, ids carried without a segment."""

    lineage: Lineage = field(default_factory=lambda: Lineage(0, (), ()))
    quality: list[str] = field(default_factory=list)
    contrast: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    carried: dict[int, list[int]] = field(default_factory=dict)
    n_masks: int = 0

    def add(self, frame: TrackedFrame) -> None:
        """Take a frame into account."""
        self.quality.append(frame.quality.verdict)
        self.contrast.append(round(frame.quality.contrast, 6))
        self.sharpness.append(round(frame.quality.sharpness, 6))
        self.n_masks += measure_regions(frame.labels).ids.size
        if frame.carried_ids:
            self.carried[frame.frame] = list(frame.carried_ids)

"""Every setting of the linker, each default stated once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkingConfig:
    """How particles are propagated from frame to frame and when an event counts.

    Parameters
    ----------
    look_ahead_frames
        A frame is decided when this many informative frames, itself included, are known.
    max_gap_frames
        A track without a detection is filled in for so many frames; must be below ``look_ahead_frames``.
    lasting_fraction
        A merge or a split is lasting where at least this share of the look-ahead shows it.
    min_seen_frames
        A new particle inside the field is kept when it is seen in so many frames of the look-ahead.
    min_overlap_fraction
        Track and detection may be linked where they share at least this part of either.
    min_member_fraction
        A track counts as inside an under-segmented detection (a detection as part of a track) with at least
        this part of it.
    min_neck_ratio
        An under-segmented detection whose neck's half width, over the smaller radius, is below this is
        contact only. Below ``lineage.NECK_RATIO``, since here the segmentation already says one particle.
    necks_join
        Two detections that a neck joins count as one already, where they are one soon and for good: a network
        draws two until they nearly are one. Masks that others drew tell themselves what is one particle.
    contact_gap_px
        Contact, once begun with touching masks, goes on while no more pixels than this lie between them.
    blank_fraction
        A frame is blank where less than this share of the tracks and of their area found a detection.
    min_detection_rate
        A frame in which less than this share of the tracks seen lately found a detection has low recall:
        what is not seen there is not gone.
    max_blank_frames
        Longer runs of blank and low-recall frames are taken for what they show.
    """

    look_ahead_frames: int = 20
    max_gap_frames: int = 8
    lasting_fraction: float = 0.65
    min_seen_frames: int = 2
    min_overlap_fraction: float = 0.1
    min_member_fraction: float = 0.4
    min_neck_ratio: float = 0.25
    necks_join: bool = False
    contact_gap_px: int = 1
    blank_fraction: float = 0.4
    min_detection_rate: float = 0.7
    max_blank_frames: int = 10
